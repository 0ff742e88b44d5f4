"""An upstream's response to a probe, whole or streamed, as one value.

Rule: pure. A response becomes an ``Answer``, or an ``UpstreamError`` if its body reports an error or
has no choices (docs/protocol.md sections 3 to 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.convert.reply.content_parts import text_of
from proxy.convert.reply.reasoning import forms_in
from proxy.convert.reply.think_tags import ThinkTags
from proxy.errors import UpstreamError
from proxy.failures.classify import failure_from_chunk
from proxy.sse import Chunk


@dataclass(frozen=True, slots=True)
class Answer:
    """One assistant message, finish reason and usage."""

    text: str = ""
    """The content without thinking in tags at its start."""
    tagged: bool = False
    """Whether the text began with thinking in tags."""
    reasoning: tuple[str, ...] = ()
    """Names of the members that held reasoning: ``reasoning_content``, ``reasoning_details``, ..."""
    calls: tuple[tuple[str, str], ...] = ()
    """Tool calls in order: name and JSON text of the arguments."""
    finish_reason: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    streamed: bool = False

    @property
    def completion_tokens(self) -> int | None:
        """Output tokens that the upstream reports."""
        tokens = self.usage.get("completion_tokens")
        return tokens if isinstance(tokens, int) else None


def answer_from_completion(payload: object, secrets: Iterable[str] = ()) -> Answer:
    """The answer in a decoded ``chat.completion``; raises ``UpstreamError``."""
    body = _object(payload)
    _raise_reported(body, secrets)
    choice = _first(body.get("choices"))
    if not choice:
        raise UpstreamError("the upstream's answer holds no choices")
    reading = _Reading()
    reading.add(choice, _object(choice.get("message")))
    return reading.answer(_object(body.get("usage")), streamed=False)


def answer_from_chunks(chunks: Iterable[Chunk], secrets: Iterable[str] = ()) -> Answer:
    """The answer in the chunks of a stream; raises ``UpstreamError``."""
    reading, seen = _Reading(), False
    usage: Mapping[str, Any] = {}
    for chunk in chunks:
        body = _object(chunk)
        _raise_reported(body, secrets)
        usage = _object(body.get("usage")) or usage
        choice = _first(body.get("choices"))
        seen = seen or bool(choice)
        # Some upstreams stream whole messages.
        reading.add(choice, _object(choice.get("delta") or choice.get("message")))
    if not seen:
        raise UpstreamError("the upstream's stream holds no choices")
    return reading.answer(usage, streamed=True)


class _Reading:
    """Collects the pieces of an answer."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._forms: dict[str, None] = {}
        self._calls: dict[object, list[str]] = {}
        self._finish: str | None = None

    def add(self, choice: Mapping[str, Any], source: Mapping[str, Any]) -> None:
        self._texts.append(text_of(source.get("content")))
        self._forms.update(dict.fromkeys(forms_in(source)))
        calls = source.get("tool_calls")
        for position, call in enumerate(calls if isinstance(calls, list) else ()):
            self._add_call(position, _object(call))
        finish = choice.get("finish_reason")
        if isinstance(finish, str) and finish:
            self._finish = finish

    def _add_call(self, position: int, call: Mapping[str, Any]) -> None:
        number = call.get("index")
        parts = self._calls.setdefault(number if isinstance(number, int) else position, ["", ""])
        function = _object(call.get("function"))
        for place, name in enumerate(("name", "arguments")):
            piece = function.get(name)
            parts[place] += piece if isinstance(piece, str) else ""

    def answer(self, usage: Mapping[str, Any], *, streamed: bool) -> Answer:
        tags = ThinkTags()
        pieces = [*tags.feed("".join(self._texts)), *tags.flush()]
        return Answer(
            text="".join(piece.text for piece in pieces if piece.kind == "text"),
            tagged=any(piece.kind == "thinking" for piece in pieces),
            reasoning=tuple(self._forms),
            calls=tuple((name, arguments) for name, arguments in self._calls.values()),
            finish_reason=self._finish,
            usage=usage,
            streamed=streamed,
        )


def _raise_reported(body: Mapping[str, Any], secrets: Iterable[str]) -> None:
    if body.get("error"):
        raise failure_from_chunk(body, secrets=secrets)


def _first(choices: object) -> Mapping[str, Any]:
    return _object(choices[0]) if isinstance(choices, list) and choices else {}


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
