"""A scripted Chat Completions upstream with a capable model; tests change what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.upstream_stub import (
    Recorded,
    Script,
    chunk,
    completion,
    json_answer,
    sse,
    tool_call,
    usage_chunk,
)

CALLS = (("get_weather", '{"city": "Paris"}'), ("get_time", '{"city": "Paris"}'))
Broken = Callable[[dict[str, Any]], Script | None]


@dataclass
class ChatServer:
    """Answers each request of the checks as a good upstream does."""

    reasoning: str = ""
    """The member that holds reasoning, if any."""
    broken: Broken | None = None
    """Comes first: what it returns is sent instead."""

    def __call__(self, request: Recorded) -> Script:
        if request.method == "GET":
            return json_answer({"object": "list", "data": [{"id": "stub", "object": "model"}]})
        body = request.json
        script = self.broken(body) if self.broken else None
        return script or self.right(body)

    def right(self, body: dict[str, Any]) -> Script:
        """The answer of a capable model."""
        thought = {self.reasoning: "17 times 20 is 340."} if self.reasoning else {}
        calls = CALLS if calls_are_wanted(body) else ()
        if body.get("stream"):
            return sse(*_chunks(thought, "" if calls else _text(body), calls))
        return json_answer(completion(_text(body), **thought))


def calls_are_wanted(body: Mapping[str, Any]) -> bool:
    return "tools" in body and body["messages"][-1]["role"] != "tool"


def _text(body: Mapping[str, Any]) -> str:
    seen = "image_url" in str(body["messages"][-1])
    return "Red." if seen else "Hello Ada."


def _chunks(
    thought: Mapping[str, str], text: str, calls: Sequence[tuple[str, str]]
) -> list[dict[str, Any]]:
    found = [chunk(role="assistant")]
    found += [chunk(**thought)] if thought else []
    found += [chunk(content=piece) for piece in (text[:3], text[3:]) if piece]
    for index, (name, arguments) in enumerate(calls):
        found.append(chunk(tool_calls=[tool_call(index, "", id=f"call_{index}", name=name)]))
        for piece in (arguments[:4], arguments[4:]):
            found.append(chunk(tool_calls=[tool_call(index, piece)]))
    return [*found, chunk("tool_calls" if calls else "stop"), usage_chunk()]
