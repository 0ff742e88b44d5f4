"""Whatever a profile cannot carry is named, in the header or, where it changes nothing, beside it.

Each sample holds words that stand nowhere else. Where the converted body lacks one of them, or what
it is to become, the record of drops must name the sample (docs/features.md "Conversion").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
import pytest

from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.providers.profiles import PROFILES, Profile, profile_for
from proxy.schemas import load_message_request

MODELS = (
    "some-model",
    "gpt-4o",
    "gpt-4",
    "gpt-5",
    "gpt-5.4",
    "gpt-5-chat",
    "o1-mini",
    "o3",
    "gpt-oss-120b",
    "deepseek-chat",
    "deepseek-reasoner",
    "kimi-k2.5",
    "kimi-k3",
    "glm-4.6",
    "glm-5.3",
    "qwen-plus",
    "qwq-32b",
    "gemini-2.5-flash",
    "gemini-3-pro",
    "mistral-large-latest",
    "minimax-m2",
    "anthropic/claude-sonnet-4.5",
)


def hosts() -> Iterator[str]:
    """One host of each provider, and one that nobody knows."""
    for provider in PROFILES:
        host = next(iter(provider.hosts))
        yield {".": f"x{host}", ":": f"localhost{host}"}.get(host[0], host)
    yield "unknown.test"


def _profiles() -> dict[str, Profile]:
    """Every profile that differs from the others, by a host and a model that have it."""
    found: dict[str, Profile] = {}
    for host in hosts():
        for model in MODELS:
            profile = profile_for(host, model)
            if profile not in found.values():
                found[f"{host} {model}"] = profile
    return found


PROFILE_OF = _profiles()
Body = Mapping[str, Any]


@dataclass(frozen=True)
class Sample:
    """A part of a request, the words by which it is found again, and its name when it is not."""

    name: str
    fields: Mapping[str, Any]
    words: tuple[str, ...] = ()
    carried: Callable[[Body], bool] = field(default=lambda body: True)
    routine: bool = False


def user(*blocks: Mapping[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [*blocks, {"type": "text", "text": "Q"}]}]}


def history(*blocks: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": "Q"},
            {"role": "assistant", "content": [*blocks, {"type": "text", "text": "A"}]},
            {"role": "user", "content": "Q"},
        ]
    }


def looked(content: Any, **call: Any) -> dict[str, Any]:
    made = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}, **call}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": content}
    return {
        "messages": [
            {"role": "user", "content": "Q"},
            {"role": "assistant", "content": [made]},
            {"role": "user", "content": [result]},
        ]
    }


def tools(*listed: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {"tools": list(listed), **fields}


SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}
LOOK = {"name": "look", "input_schema": SCHEMA}
PNG = {"type": "base64", "media_type": "image/png", "data": "UE5HLVdPUkQ="}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "UERGLVdPUkQ="}
ON = {"enabled": True}
FORMAT = {
    "type": "json_schema",
    "schema": {**SCHEMA, "required": ["q"], "additionalProperties": False},
}
NEVER = lambda body: False  # noqa: E731
THINKS = ("reasoning_effort", "reasoning", "enable_thinking", "thinking")


def has(*names: str) -> Callable[[Body], bool]:
    return lambda body: any(name in body for name in names)


def effort_of(body: Body) -> object:
    return body.get("reasoning_effort") or (body.get("reasoning") or {}).get("effort")


SAMPLES = (
    Sample("top_k", {"top_k": 7717}, ("7717",)),
    Sample("temperature", {"temperature": 0.1234}, ("0.1234",)),
    Sample("top_p", {"top_p": 0.5678}, ("0.5678",)),
    Sample("stop_sequences", {"stop_sequences": [f"STOP-{n}" for n in range(20)]}, ("STOP-19",)),
    Sample("stop_sequences", {"stop_sequences": ["STOP-A"]}, ("STOP-A",)),
    Sample("max_tokens", {"max_tokens": 987654}, ("987654",)),
    Sample("service_tier", {"service_tier": "standard_only"}, carried=has("service_tier")),
    Sample(
        "metadata",
        {"metadata": {"user_id": "u"}},
        carried=has("user", "safety_identifier"),
        routine=True,
    ),
    Sample("thinking", {"thinking": {"type": "enabled", "budget_tokens": 4321}}, carried=has(*THINKS)),
    Sample(
        "thinking.budget_tokens",
        {"thinking": {"type": "enabled", "budget_tokens": 4321}},
        # An effort is a budget in other words, and a switch that is not there is named itself.
        carried=lambda body: "4321" in text_of(body) or not isinstance(body.get("thinking"), dict),
    ),
    Sample(
        "output_config.effort",
        {"output_config": {"effort": "max"}},
        carried=lambda body: effort_of(body) == "max",
    ),
    Sample(
        "output_config.format",
        {"output_config": {"format": FORMAT}},
        carried=lambda body: (body.get("response_format") or {}).get("type") == "json_schema",
    ),
    Sample(
        "output_format",
        {"output_format": FORMAT},
        carried=lambda body: (body.get("response_format") or {}).get("type") == "json_schema",
    ),
    Sample("output_config.task_budget", {"output_config": {"task_budget": {"type": "tokens", "total": 9}}}, carried=NEVER),
    Sample("speed", {"speed": "fast"}, carried=NEVER),
    Sample("inference_geo", {"inference_geo": "us"}, carried=NEVER),
    Sample("container", {"container": "c_1"}, carried=NEVER),
    Sample("fallbacks", {"fallbacks": [{"model": "m"}]}, carried=NEVER),
    Sample("wishes", {"wishes": "granted"}, carried=NEVER),
    Sample("cache_control", {"cache_control": {"type": "ephemeral"}}, carried=NEVER, routine=True),
    Sample(
        "cache_control",
        {"system": [{"type": "text", "text": "S", "cache_control": {"type": "ephemeral"}}]},
        carried=lambda body: "cache" in text_of(body),
        routine=True,
    ),
    Sample("image", user({"type": "image", "source": PNG}), (PNG["data"],)),
    Sample(
        "image",
        user({"type": "image", "source": {"type": "url", "url": "https://x.test/WORD.png"}}),
        carried=lambda body: '"image_url"' in text_of(body),
    ),
    Sample("image", looked([{"type": "image", "source": PNG}]), (PNG["data"],)),
    Sample("image.transformations", user({"type": "image", "source": PNG, "transformations": [{"type": "x"}]}), carried=NEVER),
    Sample("document", user({"type": "document", "source": PDF}), (PDF["data"],)),
    Sample("document", looked([{"type": "document", "source": PDF}]), (PDF["data"],)),
    Sample(
        "document.context",
        user({"type": "document", "source": PDF, "context": "CONTEXT-WORD"}),
        # Without the file there is nothing that the context could be about.
        carried=lambda body: "CONTEXT-WORD" in text_of(body) or '"file"' not in text_of(body),
    ),
    Sample("document", user({"type": "document", "source": {"type": "url", "url": "https://x.test/a"}}), carried=NEVER),
    Sample(
        "document.citations",
        user({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "D"}, "citations": ON}),
        carried=NEVER,
    ),
    Sample(
        "search_result.citations",
        user({"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}], "citations": ON}),
        carried=NEVER,
    ),
    Sample("container_upload", user({"type": "container_upload", "file_id": "f"}), carried=NEVER),
    Sample("thinking", history({"type": "thinking", "thinking": "THOUGHT-WORD", "signature": "s"}), ("THOUGHT-WORD",), routine=True),
    Sample("redacted_thinking", history({"type": "redacted_thinking", "data": "DATA-WORD"}), ("DATA-WORD",), routine=True),
    Sample(
        "server_tool_use",
        history({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"q": "x"}}),
        carried=NEVER,
    ),
    Sample("tool_use.caller", looked("r", caller={"type": "direct"}), carried=NEVER, routine=True),
    Sample("tools.strict", tools({**LOOK, "strict": True}), ('"strict":true',)),
    Sample("tools.defer_loading", tools({**LOOK, "defer_loading": True}), carried=NEVER, routine=True),
    Sample("tools.allowed_callers", tools({**LOOK, "allowed_callers": ["code_execution_20250825"]}), carried=NEVER),
    Sample(
        "tools.input_schema.patternProperties",
        tools({**LOOK, "input_schema": {**SCHEMA, "patternProperties": {"PATTERN-WORD": {}}}}),
        ("PATTERN-WORD",),
    ),
    Sample(
        "tools.input_schema.$schema",
        tools({**LOOK, "input_schema": {**SCHEMA, "$schema": "SCHEMA-WORD"}}),
        ("SCHEMA-WORD",),
        routine=True,
    ),
    Sample(
        "tools.web_search_20250305",
        tools({"type": "web_search_20250305", "name": "web_search"}),
        carried=has("web_search_options", "plugins"),
    ),
    Sample("tools.code_execution_20250825", tools({"type": "code_execution_20250825", "name": "code_execution"}), carried=NEVER),
    Sample(
        "tool_choice",
        tools(LOOK, tool_choice={"type": "tool", "name": "look"}),
        carried=lambda body: isinstance(body.get("tool_choice"), dict),
    ),
    Sample("tool_choice", tools(LOOK, tool_choice={"type": "any"}), carried=lambda body: body.get("tool_choice") == "required"),
    Sample(
        "disable_parallel_tool_use",
        tools(LOOK, tool_choice={"type": "auto", "disable_parallel_tool_use": True}),
        carried=has("parallel_tool_calls"),
    ),
)  # fmt: skip


def converted(sample: Sample, profile: Profile) -> ConvertedRequest:
    base = {"model": "m", "max_tokens": 9000, "messages": [{"role": "user", "content": "Q"}]}
    request = load_message_request(orjson.dumps(base | dict(sample.fields)))
    return message_request_to_chat(request, profile, model="m", max_tokens=request["max_tokens"])


def text_of(body: Body) -> str:
    return orjson.dumps(body).decode()


@pytest.mark.parametrize("name", PROFILE_OF)
def test_what_is_not_carried_is_named(name: str) -> None:
    silent: list[tuple[int, str, object]] = []
    for number, sample in enumerate(SAMPLES):
        chat = converted(sample, PROFILE_OF[name])
        text = text_of(chat.body)
        if all(word in text for word in sample.words) and sample.carried(chat.body):
            continue
        rows = {str(row["name"]): row["routine"] for row in chat.drops.report()}
        header = chat.drops.header().replace(";", "=").replace(",", "=").replace(" ", "").split("=")
        if rows.get(sample.name) is not sample.routine:
            silent.append((number, sample.name, rows))
        if (sample.name in header) is sample.routine:
            silent.append((number, sample.name, header))
    assert silent == []


@pytest.mark.parametrize("name", PROFILE_OF)
def test_what_is_carried_is_not_named(name: str) -> None:
    wrong = []
    for number, sample in enumerate(SAMPLES):
        chat = converted(sample, PROFILE_OF[name])
        text = text_of(chat.body)
        carried = all(word in text for word in sample.words) and sample.carried(chat.body)
        if carried and sample.name in {row["name"] for row in chat.drops.report()}:
            wrong.append((number, sample.name))
    assert wrong == []


def test_every_sample_is_lost_somewhere_and_every_flag_is_seen() -> None:
    """The table is no decoration: each row tells profiles apart or is one that none can carry."""
    for sample in SAMPLES:
        chats = [converted(sample, profile) for profile in PROFILE_OF.values()]
        assert any(sample.name in {r["name"] for r in chat.drops.report()} for chat in chats), (
            sample
        )
    seen = {
        flag
        for profile in PROFILE_OF.values()
        for flag, value in asdict(profile).items()
        if value != getattr(Profile(), flag)
    }
    assert {"vision", "no_stop", "no_sampling", "tool_choice", "schema_drop", "structured"} <= seen
