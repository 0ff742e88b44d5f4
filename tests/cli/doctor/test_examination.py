"""The doctor against upstreams of several kinds, over a real socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml

from config.registry.values import Model, Provider, Registry
from config.settings import Settings
from proxy.cli.doctor.client import ProbeClient
from proxy.cli.doctor.examination import Examination
from proxy.cli.doctor.probes import PROBES
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.failures.healing import as_yaml
from proxy.providers.profiles import overridden
from proxy.providers.profiles.base import Profile
from proxy.providers.routing import Route, Router
from proxy.upstream.clients import Clients
from tests.cli.doctor import upstreams
from tests.cli.doctor.upstreams import refuses_member, upstream
from tests.upstream_stub import Recorded, Script, Sleep, UpstreamStub, answer, json_answer

KEY = "very-secret-key-1"
WORKS = {probe.name: "works" for probe in PROBES} | {"reasoning": "none"}
MAX_TOKENS = "Unsupported parameter: 'max_tokens' is not supported with this model."


@pytest.fixture
def stub() -> Iterator[UpstreamStub]:
    server = UpstreamStub()
    yield server
    server.close()


def route_to(stub: UpstreamStub, **profile: object) -> Route:
    provider = Provider("stub", stub.base_url, api_keys=(KEY,), profile=profile)
    return Router(Settings(), Registry((provider,), provider)).resolve("some-model")


def examined(
    stub: UpstreamStub,
    play: Callable[[Recorded], Script] | Script,
    *,
    seconds: float = 10,
    **profile: object,
) -> Examination:
    """Everything asked of an upstream that answers by ``play``."""
    stub.default = play
    route = route_to(stub, **profile)
    client = Clients(Settings(), (route.provider,)).for_provider(route.provider)
    line = ProbeClient(route, client, KEY, seconds)
    examination = Examination(route.profile, route.model, line.ask)
    for probe in PROBES:
        examination.examine(probe)
    client.close()
    return examination


def words(examination: Examination) -> dict[str, str]:
    return {result.probe: result.outcome for result in examination.results}


@pytest.mark.parametrize(
    ("play", "flags", "differing"),
    [
        pytest.param(upstream(), {}, {}, id="everything works: nothing to paste"),
        pytest.param(
            upstream(refuses_member("max_tokens", MAX_TOKENS)),
            {"token_field": "max_completion_tokens"},
            {},
            id="o-series refuses max_tokens",
        ),
        pytest.param(
            upstream(refuses_member("max_tokens", "no such thing here")),
            {"token_field": "max_completion_tokens"},
            {},
            id="max_tokens refused in words that healing does not know",
        ),
        pytest.param(
            upstream(refuses_member("stream_options", "extra inputs: stream_options")),
            {"no_stream_usage": True},
            {"usage in streams": "refused"},
            id="no stream_options",
        ),
        pytest.param(
            upstream(stream_usage=False),
            {},
            {"usage in streams": "accepted"},
            id="stream_options without effect",
        ),
        pytest.param(
            upstream(think="<think>17 * 23</think>"),
            {"think_tags": True},
            {"reasoning": "works"},
            id="think tags, which stand before JSON and stop sequences without harm",
        ),
        pytest.param(
            upstream(members={"reasoning_content": "17 times"}),
            {},
            {"reasoning": "works"},
            id="reasoning_content",
        ),
        pytest.param(
            upstream(upstreams.refuses_images),
            {"vision": False},
            {"images": "refused"},
            id="text only",
        ),
        pytest.param(
            upstream(sees=False), {}, {"images": "accepted"}, id="images taken but not seen"
        ),
        pytest.param(
            upstream(upstreams.refuses_developer),
            {},
            {"developer role": "refused"},
            id="no developer role, which the profile does not use anyway",
        ),
        pytest.param(
            upstream(upstreams.refuses_schema),
            {"structured": "json_object"},
            {},
            id="json_object only",
        ),
        pytest.param(
            upstream(refuses_member("response_format", "response_format is not supported")),
            {"structured": "none"},
            {"response_format": "refused"},
            id="no response_format",
        ),
        pytest.param(
            upstream(upstreams.refuses_named_choice),
            {"tool_choice": "required"},
            {},
            id="tools cannot be forced by name",
        ),
        pytest.param(
            upstream(ignores_choice=True), {}, {"forced tool choice": "ignored"}, id="no choice"
        ),
        pytest.param(
            upstream(upstreams.refuses_named_choice, ignores_choice=True),
            {"tool_choice": "required"},
            {"forced tool choice": "ignored"},
            id="named choice refused, required not obeyed",
        ),
        pytest.param(
            upstream(ignores_named_choice=True),
            {"tool_choice": "required"},
            {},
            id="named choice ignored as llama.cpp does",
        ),
        pytest.param(
            upstream(refuses_member("tool_choice", "what is tool_choice?")),
            {"tool_choice": "auto_only"},
            {"forced tool choice": "refused"},
            id="no tool_choice",
        ),
        pytest.param(
            upstream(refuses_member("parallel_tool_calls", "unknown: parallel_tool_calls")),
            {"parallel_flag": False},
            {"parallel_tool_calls": "refused"},
            id="no parallel_tool_calls",
        ),
        pytest.param(
            upstream(refuses_member("stop", "'stop' is not supported with this model")),
            {"no_stop": True},
            {"stop": "refused"},
            id="no stop",
        ),
        pytest.param(
            upstream(
                refuses_member("tools", "No endpoints found that support tool use"), status=404
            ),
            {},
            {
                "tools": "refused",
                "parallel tools": "skipped",
                "parallel_tool_calls": "skipped",
                "forced tool choice": "skipped",
            },
            id="no tools: what builds on them is not asked",
        ),
        pytest.param(
            upstream(upstreams.refuses_whole),
            {"stream_only": True},
            {},
            id="streams only",
        ),
    ],
)
def test_kinds_of_upstreams(
    stub: UpstreamStub,
    play: Callable[[Recorded], Script],
    flags: dict[str, object],
    differing: dict[str, str],
) -> None:
    examination = examined(stub, play)
    assert words(examination) == WORKS | differing
    assert examination.found == flags
    assert examination.answers
    assert all(recorded.headers["authorization"] == f"Bearer {KEY}" for recorded in stub.requests)


def test_what_an_operator_wrote_wrongly_is_corrected(stub: UpstreamStub) -> None:
    stale: dict[str, Any] = {
        "vision": False,
        "no_stop": True,
        "no_stream_usage": True,
        "tool_choice": "auto_only",
    }
    assert examined(stub, upstream(), **stale).found == {
        "vision": True,
        "no_stop": False,
        "no_stream_usage": False,
        "tool_choice": "any",
    }


def test_a_developer_role_that_the_profile_uses_and_the_upstream_refuses(
    stub: UpstreamStub,
) -> None:
    examination = examined(stub, upstream(upstreams.refuses_developer), system_role="developer")
    assert examination.found == {"system_role": "system"}


def test_a_stated_output_limit_becomes_a_flag_and_fails_no_probe(stub: UpstreamStub) -> None:
    def small(body: Any) -> str | None:
        if body["max_tokens"] <= 512:
            return None
        return "max_tokens is too large: 1024. This model supports at most 512 completion tokens"

    examination = examined(stub, upstream(small))
    assert examination.found == {"max_output": 512}
    assert words(examination) == WORKS


def test_a_refusal_because_the_limit_was_reached_is_an_answer(stub: UpstreamStub) -> None:
    def thinker(body: Any) -> str | None:
        if body["max_tokens"] > 32:
            return None
        return "Could not finish the message because max_tokens or model output limit was reached."

    examination = examined(stub, upstream(thinker))
    assert words(examination) == WORKS
    assert examination.found == {}


def test_a_flag_that_does_not_help_is_not_found(stub: UpstreamStub) -> None:
    def never_content(body: Any) -> str | None:
        if "stop" not in body:
            return None
        return f"max_tokens is too large: this model supports at most {body['max_tokens'] - 1}"

    examination = examined(stub, upstream(never_content))
    assert words(examination) == WORKS | {"stop": "refused"}
    assert examination.found == {"no_stop": True}


@pytest.mark.parametrize(
    ("script", "meaning"),
    [
        pytest.param(
            json_answer({"error": {"message": f"Incorrect API key: {KEY}"}}, status=401),
            "Incorrect API key: ***",
            id="a wrong key, which is not repeated",
        ),
        pytest.param(
            json_answer({"error": {"message": "slow down"}}, status=429), "slow down", id="429"
        ),
        pytest.param(json_answer({"error": {"message": "oops"}}, status=500), "oops", id="500"),
        pytest.param(
            answer(b"<html>", content_type="text/html"),
            "the upstream's answer is neither JSON nor an event stream",
            id="a web page",
        ),
        pytest.param(
            (Sleep(5), *json_answer({})), "no answer within 0.2 s", id="silence is bounded"
        ),
    ],
)
def test_an_upstream_that_does_not_answer(stub: UpstreamStub, script: Script, meaning: str) -> None:
    examination = examined(stub, script, seconds=0.2)
    first, *others = examination.results
    assert (first.outcome, first.meaning) == ("failed", meaning)
    assert {result.outcome for result in others} == {"skipped"}
    assert not examination.answers
    assert examination.found == {}
    assert len(stub.requests) == 1


def test_a_body_that_never_ends_is_bounded_too(stub: UpstreamStub) -> None:
    head, body = answer(b" " * 10)
    assert isinstance(body, bytes)
    examination = examined(stub, (head, body[:5], Sleep(5)), seconds=0.2)
    assert examination.results[0].meaning == "no answer within 0.2 s"


def test_an_unknown_model_is_refused(stub: UpstreamStub) -> None:
    error = {"message": "The model `some-model` does not exist", "code": "model_not_found"}
    examination = examined(stub, json_answer({"error": error}, status=404))
    assert examination.results[0].outcome == "refused"
    assert "The model `some-model` does not exist" in examination.results[0].meaning
    assert not examination.answers


def test_one_probe_that_fails_by_chance_sets_no_flag(stub: UpstreamStub) -> None:
    def busy(recorded: Recorded) -> Script:
        if isinstance(recorded.json["messages"][-1]["content"], list):
            return json_answer({"error": {"message": "try later"}}, status=503)
        return upstream()(recorded)

    examination = examined(stub, busy)
    assert words(examination) == WORKS | {"images": "failed"}
    assert examination.found == {}


def test_the_operators_own_members_go_with_every_probe(stub: UpstreamStub) -> None:
    stub.default = upstream()
    route = route_to(stub)
    client = Clients(Settings(), (route.provider,)).for_provider(route.provider)
    line = ProbeClient(route, client, None)
    examination = Examination(route.profile, "m", line.ask, {"enable_thinking": False})
    for probe in PROBES:
        examination.examine(probe)
    assert len(stub.requests) == len(PROBES)
    assert all(recorded.json["enable_thinking"] is False for recorded in stub.requests)
    assert all("authorization" not in recorded.headers for recorded in stub.requests)


REQUEST = {
    "model": "claude-sonnet-5",
    "max_tokens": 100,
    "stop_sequences": ["END"],
    "tools": [{"name": "t", "input_schema": {"type": "object"}}],
    "tool_choice": {"type": "tool", "name": "t", "disable_parallel_tool_use": True},
    "messages": [{"role": "user", "content": "Hello"}],
}


def test_the_pasted_profile_changes_what_is_sent(stub: UpstreamStub) -> None:
    picky = upstream(
        refuses_member("max_tokens", MAX_TOKENS),
        refuses_member("stop", "'stop' is not supported with this model"),
        refuses_member("tool_choice", "no tool_choice"),
        refuses_member("parallel_tool_calls", "unknown: parallel_tool_calls"),
    )
    found = examined(stub, picky).found
    pasted = yaml.safe_load(as_yaml(found))["profile"]
    assert overridden(Profile(), pasted) == overridden(Profile(), found)

    provider = Provider("stub", stub.base_url)
    model = Model("mine", "some-model", provider)

    def sent(profile: dict[str, Any]) -> dict[str, Any]:
        registered = replace(model, profile=profile)
        registry = Registry((provider,), provider, models=(registered,), from_file=True)
        route = Router(Settings(), registry).resolve("mine")
        return message_request_to_chat(
            REQUEST, route.profile, model=route.model, max_tokens=100
        ).body

    before, after = sent({}), sent(pasted)
    changed = {"max_tokens", "stop", "tool_choice", "parallel_tool_calls"}
    assert changed <= before.keys()
    assert changed.isdisjoint(after)
    assert after["max_completion_tokens"] == 100


def test_refusals_that_no_step_takes_are_kept(stub: UpstreamStub) -> None:
    examination = examined(
        stub,
        upstream(
            refuses_member("tools", "this deployment knows no tools"),
            refuses_member("stream_options", "Unknown parameter: 'stream_options'."),
        ),
    )
    assert {refusal.text for refusal in examination.unhealed} == {"this deployment knows no tools"}
