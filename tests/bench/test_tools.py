"""The benchmark's own instruments: what the mock sends, the driver counts."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from bench.bodies import SHAPES, request_body
from bench.driver import Load, run
from bench.figures import Measurements
from bench.goals import Goal, judge, verdict
from bench.systems import System, direct, mock_upstream
from proxy.schemas import load_message_request

needs_compiler = pytest.mark.skipif(
    shutil.which("cc") is None,
    reason="cc is not installed: install a C compiler, such as the package gcc",
)


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    with mock_upstream() as port:
        yield port


def events_of(port: int, answer: str, path: str = "/v1/chat/completions") -> list[Any]:
    body = request_body("small", answer=answer, stream=True)
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as response:
        lines = response.read().decode().splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def deltas_of(port: int, answer: str) -> list[dict[str, Any]]:
    choices = [event["choices"] for event in events_of(port, answer)]
    return [choice[0]["delta"] for choice in choices if choice]


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_bodies_are_valid_requests_of_their_size(name: str) -> None:
    body = request_body(name, answer="text-10", stream=True)
    assert abs(len(body) - SHAPES[name].size) <= max(20, SHAPES[name].size * 0.02)
    assert body == request_body(name, answer="text-10", stream=True)
    request = load_message_request(body, strict=False, api_version=None, image_max_chars=0)
    assert len(request["messages"]) == 1 + 2 * SHAPES[name].calls
    assert len(request.get("tools", [])) == SHAPES[name].tools


@needs_compiler
def test_every_delta_has_the_promised_size_and_one_mark(upstream: int) -> None:
    for answer in ("text-1000", "tool-1000", "reasoning-1000"):
        for path in ("/v1/chat/completions", "/v1/messages"):
            events = events_of(upstream, answer, path)
            marked = [e for e in events if "~" in json.dumps(e)]
            assert len(marked) == 1000
            assert all(json.dumps(event).count("~") == 1 for event in marked)
    sizes = [len(json.dumps(d)) for d in deltas_of(upstream, "text-1000") if "~" in json.dumps(d)]
    assert len(set(sizes)) > 20


@needs_compiler
def test_the_fragments_of_a_tools_arguments_are_one_json_value(upstream: int) -> None:
    calls = [d["tool_calls"][0] for d in deltas_of(upstream, "tool-200") if "tool_calls" in d]
    arguments = "".join(call["function"]["arguments"] for call in calls)
    assert json.loads(arguments)["content"].count("~") == 200


@needs_compiler
@pytest.mark.parametrize("answer", ["text-7", "tool-1000", "reasoning-2500"])
def test_the_driver_counts_what_was_sent(upstream: int, answer: str) -> None:
    deltas = int(answer.rpartition("-")[2])
    load = Load("small", answer, connections=3, seconds=20, requests=12, deltas=deltas)
    outcome = run(direct(upstream), load)
    assert outcome.failures == 0
    assert outcome.requests >= 12
    assert outcome.deltas >= outcome.requests * deltas


@needs_compiler
def test_an_answer_with_too_few_deltas_is_a_failure(upstream: int) -> None:
    outcome = run(direct(upstream), Load("small", "text-10", seconds=0.2, deltas=11))
    assert outcome.requests == 0
    assert outcome.failures > 0
    assert outcome.first_failure is not None
    assert outcome.first_failure.startswith("deltas are missing")


@needs_compiler
def test_paced_deltas_tell_when_they_were_sent(upstream: int) -> None:
    load = Load("small", "paced-20ms-10", connections=5, seconds=20, requests=10, deltas=10)
    outcome = run(direct(upstream), load)
    assert outcome.failures == 0
    assert outcome.added_ms is not None
    assert outcome.added_ms.count == outcome.deltas >= 100
    assert 0 <= outcome.added_ms.p50 < 1000


@needs_compiler
def test_cpu_is_that_of_the_processes_named(upstream: int) -> None:
    nobody = direct(upstream)
    assert run(nobody, Load("small", "small", seconds=0.1)).cpu_seconds == 0


def measured(**rounds: list[float]) -> Measurements:
    found = Measurements()
    for system, values in rounds.items():
        for number, value in enumerate(values):
            found.add(system, "f", number, value)
    return found


GOAL = Goal("g", "f", nginx=4, router=0.5, litellm=0.1)


def test_a_ratio_is_taken_within_a_round() -> None:
    ratio = measured(ours=[2, 40, 9], nginx=[1, 10, 3]).ratio("f", "nginx")
    assert ratio is not None
    assert (ratio.median, ratio.least, ratio.most) == (3, 2, 4)


def test_what_is_added_is_compared_without_the_way_to_the_upstream() -> None:
    found = measured(ours=[5.0], nginx=[2.0], direct=[1.0])
    ratio = found.ratio("f", "nginx", above="direct")
    assert ratio is not None
    assert ratio.median == 4


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(measured(ours=[3.0], nginx=[1.0]), "met", id="within the bound"),
        pytest.param(measured(ours=[5.0], nginx=[1.0]), "not met", id="beyond the bound"),
        pytest.param(measured(ours=[5.0]), "not measured", id="nothing to compare with"),
        pytest.param(
            measured(ours=[5.0, 5.0], nginx=[1.0, 2.0], **{"claude-code-router": [20.0, 20.0]}),
            "met",
            id="where nginx is noisy the router decides",
        ),
        pytest.param(
            measured(ours=[5.0, 5.0], nginx=[1.0, 1.1], **{"claude-code-router": [20.0, 20.0]}),
            "not met",
            id="where nginx is steady both count",
        ),
        pytest.param(
            measured(ours=[3.0], nginx=[1.0], LiteLLM=[1.0]), "met", id="LiteLLM is only shown"
        ),
    ],
)
def test_verdict(found: Measurements, expected: str) -> None:
    assert verdict(GOAL, found, judge(GOAL, found)) == expected


def test_systems_name_their_processes() -> None:
    assert System("direct", 1, None, {}).pids() == []
