"""The probes in the protocol of an upstream: where they are sent, their bodies, their answers.

Rule: pure. Probes are written as Chat Completions requests (``probes``); for Responses the same request
is put into that form, so that both protocols are asked the same. What exists there alone is in
``RESPONSES_PROBES``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from proxy.cli.doctor import judges
from proxy.cli.doctor.answers import Answer, answer_from_chunks, answer_from_completion
from proxy.cli.doctor.probes import PROBES, SQUARE, TOOL, Probe, Step
from proxy.cli.doctor.responses_answers import answer_from_events, answer_from_response
from proxy.cli.red_square import WHICH_COLOUR
from proxy.errors import UpstreamError
from proxy.failures.healing import Healing, healing_for
from proxy.failures.response_healing import response_healing_for
from proxy.providers.profiles import under_responses
from proxy.providers.profiles.base import Profile
from proxy.providers.routing import Route
from proxy.relay.upstream_urls import chat_url, responses_url

_SAME = ("model", "temperature", "parallel_tool_calls", "include", "input")
_LIMITS = ("max_tokens", "max_completion_tokens")


class Heals(Protocol):
    """How a refused body is changed (``failures.healing.healing_for``)."""

    def __call__(
        self, profile: Profile, body: Mapping[str, Any], error: UpstreamError, /, *,
        healed: Collection[str],
    ) -> Healing | None: ...  # fmt: skip


@dataclass(frozen=True, slots=True)
class Form:
    """One protocol, as the doctor speaks it."""

    url: Callable[[Route], str]
    body: Callable[[Mapping[str, Any], Profile], Mapping[str, Any]]
    """The body to send for a probe's Chat Completions body."""
    heal: Heals
    read_whole: Callable[[object, Sequence[str]], Answer]
    read_chunks: Callable[[Sequence[Any], Sequence[str]], Answer]
    probes: tuple[Probe, ...]


def form_of(profile: Profile) -> Form:
    """The form of the protocol that ``profile`` names."""
    return _FORMS[profile.api]


def responses_body(chat: Mapping[str, Any], profile: Profile) -> dict[str, Any]:
    """A probe's Chat Completions request as a Responses request."""
    profile = under_responses(profile)
    body: dict[str, Any] = {name: chat[name] for name in _SAME if name in chat}
    body.setdefault("input", [_item(message) for message in chat["messages"]])
    if chat.get("stream"):
        body["stream"] = True
    limit = next((chat[name] for name in _LIMITS if name in chat), None)
    if limit is not None:
        body["max_output_tokens"] = max(limit, profile.min_output or 1)
    if "tools" in chat:
        strict = {"strict": False} if profile.strict_field else {}
        body["tools"] = [
            {"type": "function", **tool["function"], **strict} for tool in chat["tools"]
        ]
    choice = chat.get("tool_choice")
    if isinstance(choice, Mapping):
        choice = {"type": "function", "name": choice["function"]["name"]}
    if choice is not None:
        body["tool_choice"] = choice
    wanted = chat.get("response_format")
    if wanted is not None and profile.text_format == "response_format":
        body["response_format"] = wanted
    elif wanted is not None:
        body["text"] = {"format": {"type": wanted["type"], **wanted.get("json_schema", {})}}
    if profile.store:
        body["store"] = False
    return {name: value for name, value in body.items() if name not in profile.unsupported}


def _item(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message["content"]
    parts = content if isinstance(content, str) else [_part(part) for part in content]
    return {"type": "message", "role": message["role"], "content": parts}


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    if part["type"] == "image_url":
        url = part["image_url"]["url"]
        return {"type": "input_image", "image_url": url, "detail": "auto"}
    return {"type": "input_text", "text": part["text"]}


_CALL = {"type": "function_call", "call_id": "call_1", "name": judges.TOOL, "arguments": "{}"}
_IMAGE_OUTPUT = [
    {"type": "message", "role": "user", "content": WHICH_COLOUR},
    _CALL,
    {"type": "function_call_output", "call_id": "call_1", "output": [_part(SQUARE)]},
]

RESPONSES_PROBES: tuple[Probe, ...] = (
    Probe(
        name="images from tools",
        prompt=WHICH_COLOUR,
        steps=(
            Step(
                judges.judge_image,
                {"input": _IMAGE_OUTPUT, "tools": [TOOL]},
                {"tool_output_parts": True},
            ),
        ),
        refusal="images that tools return are sent in a user message",
        refused={"tool_output_parts": False},
        needs="images",
    ),
    Probe(
        name="encrypted reasoning",
        prompt="What is 17 times 23? Think about it before you answer.",
        steps=(Step(judges.judge_encrypted, {"include": ["reasoning.encrypted_content"]}),),
        refusal="reasoning does not come back to the model in later turns",
        refused={"reasoning_items": "drop"},
    ),
)
_SHARED = tuple(
    Probe(
        name=probe.name,
        prompt=probe.prompt,
        # There is one name for the output limit.
        steps=tuple(step for step in probe.steps if not step.other_field),
        refusal=probe.refusal,
        refused=probe.refused,
        ignored=probe.ignored,
        needs=probe.needs,
    )
    for probe in PROBES
    # Responses has neither field: this proxy cuts at stop sequences, and every stream reports usage.
    if probe.name not in ("stop", "usage in streams")
)
_FORMS: Mapping[str, Form] = {
    "chat": Form(
        url=chat_url,
        body=lambda body, profile: body,
        heal=healing_for,
        read_whole=answer_from_completion,
        read_chunks=answer_from_chunks,
        probes=PROBES,
    ),
    "responses": Form(
        url=responses_url,
        body=responses_body,
        heal=response_healing_for,
        read_whole=answer_from_response,
        read_chunks=answer_from_events,
        probes=(*_SHARED, *RESPONSES_PROBES),
    ),
}
