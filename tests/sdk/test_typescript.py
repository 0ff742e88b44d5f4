"""The official TypeScript SDK through the proxy: what ``typescript/scenarios.cjs`` does with it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.live import LiveProxy
from tests.paths import ROOT, TESTS
from tests.sdk.clients import CLIENT_KEY
from tests.sdk.test_models import NAMES, UPSTREAM_LIST
from tests.upstream_stub import (
    Script,
    UpstreamStub,
    chunk,
    completion,
    json_answer,
    sse,
    text_stream,
    tool_stream,
)

INSTALLED_IN = ROOT / ".venv" / "typescript-sdk"
SCENARIOS = TESTS / "sdk" / "typescript" / "scenarios.cjs"
RUN_SECONDS = 60.0
SUMMARY = "<summary>The user said hello.</summary>"


@pytest.fixture(scope="module")
def node() -> str:
    """The program; without it or the SDK these tests are skipped."""
    found = shutil.which("node")
    if found is None or not (INSTALLED_IN / "node_modules" / "@anthropic-ai" / "sdk").is_dir():
        pytest.skip(
            f"the TypeScript SDK is not installed in {INSTALLED_IN}: it comes by npm "
            "(make programs installs it where npm and its registry can be reached)"
        )
    return found


def seen(node: str, proxy: LiveProxy, scenario: str, folder: Path) -> dict[str, Any]:
    """What the scenario printed; it has no variable of the caller's."""
    done = subprocess.run(
        [node, str(SCENARIOS), str(INSTALLED_IN), proxy.url, CLIENT_KEY, scenario],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder)},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def called(name: str, arguments: str, id: str = "call_1") -> Script:
    function = {"name": name, "arguments": arguments}
    call = {"id": id, "type": "function", "function": function}
    return json_answer(completion(None, finish="tool_calls", tool_calls=[call]))


OSLO = '{"city": "Oslo"}'
MEMORY = '{"command": "create", "path": "/memories/a.txt", "file_text": "remember"}'
CODE = "thread_unsupported_request"


@pytest.mark.parametrize(
    ("scenario", "answers", "expected"),
    [
        pytest.param("message", [json_answer(completion("Hi."))], {"text": "Hi."}, id="message"),
        pytest.param(
            "stream",
            [text_stream("Hi", ".")],
            {"text": "Hi.", "stop": "end_turn", "usage": 5},
            id="stream",
        ),
        pytest.param(
            "tool_runner",
            [called("weather", OSLO), json_answer(completion("Rain."))],
            {"text": "Rain."},
            id="tool runner",
        ),
        pytest.param(
            "streamed_tool_runner",
            [tool_stream(("call_1", "weather", OSLO)), text_stream("Rain", ".")],
            {"text": "Rain."},
            id="tool runner in streams",
        ),
        pytest.param(
            "memory_tool",
            [called("memory", MEMORY), json_answer(completion("Noted."))],
            {"text": "Noted.", "written": "remember"},
            id="memory tool",
        ),
        pytest.param(
            "added_tools_and_compaction",
            [
                called("weather", OSLO),
                called("clock", '{"zone": "CET"}', "call_2"),
                json_answer(completion(SUMMARY)),
                called("clock", '{"zone": "UTC"}', "call_3"),
                json_answer(completion("Noon.")),
            ],
            {
                "stops": ["tool_use", "tool_use", "compaction", "tool_use", "end_turn"],
                "text": "Noon.",
                "changes": ["clock"],
            },
            id="addTools and compactBeforeNextTurn",
        ),
        pytest.param(
            "streamed_compaction",
            [json_answer(completion(SUMMARY)), text_stream("Hi", ".")],
            {
                "types": ["compaction", "text"],
                "summary": "The user said hello.",
                "iterations": ["compaction", "message"],
            },
            id="an edit that compacts",
        ),
        pytest.param(
            "refusal",
            [json_answer(completion(None, "content_filter")), json_answer(completion("Yes."))],
            {"types": ["fallback", "text"], "text": "Yes."},
            id="fallback",
        ),
        pytest.param(
            "streamed_refusal",
            [sse(chunk(content="Well. "), chunk("content_filter")), text_stream("Yes.")],
            {"types": ["text", "fallback", "text"], "text": "Well. Yes."},
            id="fallback amid a stream",
        ),
        pytest.param("thread", [], {"status": 400, "code": CODE}, id="thread"),
        pytest.param(
            "unthreaded",
            [json_answer(completion("One.")), json_answer(completion("Two."))],
            {"texts": ["One.", "Two."]},
            id="thread that goes on without one",
        ),
    ],
)
def test_scenario(
    node: str,
    proxy: LiveProxy,
    upstream: UpstreamStub,
    tmp_path: Path,
    scenario: str,
    answers: list[Script],
    expected: dict[str, Any],
) -> None:
    upstream.answer(*answers)
    assert seen(node, proxy, scenario, tmp_path) == expected
    assert len(upstream.requests) == len(answers)


def test_models(node: str, proxy: LiveProxy, upstream: UpstreamStub, tmp_path: Path) -> None:
    # The proxy remembers the list for minutes, so all tests have the same one.
    upstream.default = json_answer(UPSTREAM_LIST)
    assert seen(node, proxy, "models", tmp_path) == {"ids": NAMES, "one": NAMES[0]}
