"""Signatures that come before the thinking text they belong to (docs/protocol.md section 4)."""

from __future__ import annotations

import pytest

from tests.convert.chunk_builders import (
    body,
    details,
    end,
    reasoning,
    reply,
    signed,
    text,
    tool,
    translated,
    translator,
)

SIGNATURE = details({"type": "reasoning.text", "signature": "S"})
SIGNED = ["thinking_delta r", "signature_delta S"]


def thought(said: str) -> dict[str, object]:
    return details({"type": "reasoning.text", "text": said})


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param(
            [SIGNATURE, thought("r")], ["0 thinking", *SIGNED, "0 stop"], id="4 signature at the start"
        ),
        pytest.param(
            [SIGNATURE, thought("r"), thought("r")],
            ["0 thinking", "thinking_delta r", "thinking_delta r", "signature_delta S", "0 stop",
             "1 text"],
            id="4 signature before two pieces",
        ),
        pytest.param(
            [text("a"), SIGNATURE, thought("r")],
            ["0 text", "text_delta a", "0 stop", "1 thinking", *SIGNED, "1 stop"],
            id="4 signature behind text",
        ),
        pytest.param(
            [tool(0, "a", "f", "{}"), SIGNATURE, thought("r")],
            ["0 tool_use a f", "input_json_delta {}", "0 stop", "1 thinking", *SIGNED, "1 stop"],
            id="4 signature behind a call",
        ),
        pytest.param(
            [tool(0, "a", "f", '{"x"'), SIGNATURE, thought("r"), tool(0, arguments=":1}")],
            ["0 tool_use a f", 'input_json_delta {"x"', "input_json_delta :1}", "0 stop",
             "1 thinking", *SIGNED, "1 stop"],
            id="4 signature amid a call",
        ),
        pytest.param(
            [text("a"), SIGNATURE, reasoning("r")],
            ["0 text", "text_delta a", "0 stop", "1 thinking", *SIGNED, "1 stop"],
            id="4 signature of another spelling",
        ),
        pytest.param(
            [thought("r"), text("a"), SIGNATURE, thought("s")],
            ["0 thinking", "thinking_delta r", signed("r"), "0 stop", "1 text", "text_delta a",
             "1 stop", "2 thinking", "thinking_delta s", signed("s"), "2 stop"],
            id="4 signature that is late, not early",
        ),
    ],
)  # fmt: skip
def test_an_early_signature(chunks: list[object], expected: list[str]) -> None:
    assert body(translated([*chunks, text("."), end()]))[: len(expected)] == expected


def test_an_early_signature_without_any_text_is_a_warning() -> None:
    stream = translator(reply())
    for item in (text("a"), SIGNATURE, end()):
        stream.feed(item)
    stream.finish()
    assert stream.warnings == {"late_signature": 1}
