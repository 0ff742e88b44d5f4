"""Request bodies of the named shapes and sizes, in Anthropic's form.

Rule: deterministic: the same name gives the same bytes on every machine. All but the smallest are
shaped as a coding agent's requests are: system blocks with cache_control, tools with JSON schemas,
a conversation of tool calls and their results.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MODEL = "bench-model"
_WORDS = (
    *(
        "def",
        "return",
        "self",
        "the",
        "value",
        "of",
        "path",
        "and",
        "then",
        "reads",
        "each",
        "file",
    ),
    *(
        "in",
        "order",
        "config",
        "index",
        "None",
        "True",
        "import",
        "from",
        "for",
        "if",
        "not",
        "raise",
    ),
    *("error", '"quoted"', "'name'", "=", "==", "->", "{}", "[]", "()", "result.append(item)"),
    *("# note", "café", "\u2014", "naïve", "0x1f", "42", "3.14", "request", "response", "token"),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """The composition of a body of about ``size`` bytes."""

    size: int
    tools: int = 25
    calls: int = 30
    """Of tools, each with its result in the turn after it."""


SHAPES: Mapping[str, Shape] = {
    "small": Shape(300, 0, 0),
    "10kB": Shape(10_000, 4, 3),
    "126kB": Shape(126_000),
    "300kB": Shape(300_000, calls=72),
    "1MB": Shape(1_000_000, calls=240),
}


def request_body(name: str, *, answer: str, stream: bool, model: str = MODEL) -> bytes:
    """The body of the shape ``name`` that asks the mock upstream for ``answer``.

    Its size is that of the shape, within 2 %; the smallest is a little above 300 bytes.
    """
    shape = SHAPES[name]
    head: dict[str, Any] = {"model": model, "max_tokens": 4096}
    if stream:
        head["stream"] = True
    mark = f"bench-shape:{answer}"
    if not shape.tools:
        return _dumped(head | _plain(mark))
    return _dumped(head | _agent(mark, shape, _filler(mark, head, shape)))


def _dumped(body: Mapping[str, Any]) -> bytes:
    """As JavaScript clients write it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _plain(mark: str) -> dict[str, Any]:
    question = (
        "Which of the two functions reads the file first, and does the order of the calls matter "
        "for the result? Answer in one sentence, please, without a list."
    )
    return {
        "system": f"You are a helpful assistant. {mark}",
        "messages": [{"role": "user", "content": question}],
    }


def _filler(mark: str, head: Mapping[str, Any], shape: Shape) -> int:
    """Characters of text in each message that bring the body to its size."""
    bare = len(_dumped({**head, **_agent(mark, shape, 0)}))
    trial = 1000
    a_thousand = len(_dumped({**head, **_agent(mark, shape, trial)})) - bare
    return max(0, (shape.size - bare) * trial // a_thousand)


def _agent(mark: str, shape: Shape, filler: int) -> dict[str, Any]:
    words = random.Random(shape.size)
    cached = {"cache_control": {"type": "ephemeral"}}
    turns = [_turn(number, filler, words) for number in range(2 * shape.calls)]
    turns[-1]["content"][-1] |= cached
    return {
        "system": [
            {"type": "text", "text": f"You are a coding agent. {mark}", **cached},
            {"type": "text", "text": _text(3 * shape.tools * 40, words), **cached},
        ],
        "tools": [_tool(number, words) for number in range(shape.tools)],
        "metadata": {"user_id": "user_bench_account__session_1"},
        "messages": [{"role": "user", "content": "Repair the failing test."}, *turns],
    }


def _turn(number: int, filler: int, words: random.Random) -> dict[str, Any]:
    """An assistant's call of a tool and, every other time, the result of the one before."""
    if number % 2 == 0:
        call = {
            "type": "tool_use",
            "id": f"toolu_{number:06}",
            "name": f"tool_{number // 2 % 4}",
            "input": {"path": f"src/module_{number}.py", "text": _text(filler // 2, words)},
        }
        said = {"type": "text", "text": _text(filler // 2, words) or "Next."}
        return {"role": "assistant", "content": [said, call]}
    result = {
        "type": "tool_result",
        "tool_use_id": f"toolu_{number - 1:06}",
        "content": [{"type": "text", "text": _text(filler, words) or "done"}],
    }
    return {"role": "user", "content": [result]}


def _tool(number: int, words: random.Random) -> dict[str, Any]:
    properties: dict[str, Any] = {
        f"option_{index}": {
            "type": ("string", "integer", "boolean")[index % 3],
            "description": _text(60, words),
        }
        for index in range(5)
    }
    properties["items"] = {
        "type": "array",
        "items": {"type": "object", "properties": {"text": {"type": "string", "minLength": 1}}},
    }
    return {
        "name": f"tool_{number}",
        "description": _text(350, words),
        "input_schema": {
            "type": "object",
            "properties": properties,
            "required": ["option_0"],
            "additionalProperties": False,
        },
    }


def _text(size: int, words: random.Random) -> str:
    """About ``size`` characters that look like source text, with line breaks."""
    pieces: list[str] = []
    while size > 0:
        piece = words.choice(_WORDS)[:size]
        pieces.append(piece)
        size -= len(piece) + 1
    lines = [" ".join(pieces[start : start + 9]) for start in range(0, len(pieces), 9)]
    return "\n".join(lines)
