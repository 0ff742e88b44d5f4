"""The official SDK's computer and browser toolsets, run by its tool runner against an upstream."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from anthropic.tools.browser import (
    BetaAbstractBrowserToolset20260801,
    BetaBrowserNavigateResult,
)
from anthropic.tools.browser import BetaBrowserState as BrowserState
from anthropic.tools.computer import BetaAbstractComputerToolset20260801, BetaScreenshotResult

from tests.sdk.test_threads import texts
from tests.upstream_stub import (
    UpstreamStub,
    completion,
    json_answer,
    text_stream,
    tool_stream,
)

MODEL = "claude-sonnet-5"
GO: list[Any] = [{"role": "user", "content": "go"}]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CALLS = (
    ("call_1", "computer_left_click", '{"coordinate": [3, 4]}'),
    ("call_2", "browser_navigate", '{"url": "example.com"}'),
    ("call_3", "computer_screenshot", "{}"),
)


class Desktop(BetaAbstractComputerToolset20260801):
    def __init__(self) -> None:
        super().__init__()
        self.clicked: list[object] = []

    def left_click(self, context: Any, input: Any) -> None:
        self.clicked.append(input.coordinate)

    def screenshot(self, context: Any, input: Any) -> BetaScreenshotResult:
        return BetaScreenshotResult(data=PNG)


class Browser(BetaAbstractBrowserToolset20260801):
    def __init__(self) -> None:
        super().__init__()
        self.visited: list[str] = []

    def navigate(self, context: Any, input: Any) -> BetaBrowserNavigateResult:
        self.visited.append(input.url)
        return BetaBrowserNavigateResult(url="https://example.com/", status=200, title="Example")

    def _browser_state(self, context: Any) -> BrowserState:
        tab: Any = {
            "tab_id": "t1",
            "title": "Example",
            "url": "https://example.com/",
            "active": True,
        }
        return BrowserState(tabs=[tab])


@pytest.mark.parametrize("stream", [False, True])
def test_1_3_both_toolsets_run(
    client: anthropic.Anthropic, upstream: UpstreamStub, stream: bool
) -> None:
    if stream:
        upstream.answer(tool_stream(*CALLS), text_stream("Done."))
    else:
        calls = [
            {"id": tool_id, "type": "function", "function": {"name": name, "arguments": arguments}}
            for tool_id, name, arguments in CALLS
        ]
        called = json_answer(completion(None, finish="tool_calls", tool_calls=calls))
        upstream.answer(called, json_answer(completion("Done.")))
    desktop, browser = Desktop(), Browser()
    runner: Any = client.beta.messages.tool_runner(
        model=MODEL, max_tokens=100, messages=GO, tools=[desktop, browser], stream=stream
    )
    answers = [each.get_final_message() for each in runner] if stream else [runner.until_done()]
    assert texts(answers[-1]) == "Done."
    assert (desktop.clicked, browser.visited) == ([[3, 4]], ["example.com"])
    first, second = (request.json for request in upstream.requests)
    assert [each["function"]["name"] for each in first["tools"]] == [
        "computer_left_click",
        "computer_screenshot",
        "browser_navigate",
    ]
    _, called_back, clicked, visited, shot, picture = second["messages"]
    assert [(each["id"], each["function"]["name"]) for each in called_back["tool_calls"]] == [
        (tool_id, name) for tool_id, name, _ in CALLS
    ]
    assert clicked["content"] == "Clicked."
    assert visited["content"].startswith("Navigated to https://example.com/")
    assert shot["tool_call_id"] == "call_3"
    assert picture["content"][-1]["image_url"]["url"] == f"data:image/png;base64,{PNG}"
