"""A Responses upstream's answer to a probe, whole or streamed, as an ``Answer``.

Rule: pure, as ``answers``. A stream is read by its last event and by the items that were done before it,
since some servers leave the items out at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from proxy.cli.doctor.answers import Answer
from proxy.convert.reply.think_tags import ThinkTags
from proxy.errors import UpstreamError
from proxy.failures.response_errors import failure_in, reports_failure
from proxy.sse import Chunk

ENCRYPTED = "encrypted_content"
_TERMINAL = frozenset({"response.completed", "response.incomplete", "response.done"})


def answer_from_response(payload: object, secrets: Iterable[str] = ()) -> Answer:
    """The answer in a decoded response object; raises ``UpstreamError``."""
    body = _object(payload)
    _raise_reported(body, secrets)
    if not isinstance(body.get("output"), list):
        raise UpstreamError("the upstream's answer holds no output")
    return _answer(body, list(_objects(body["output"])), streamed=False)


def answer_from_events(chunks: Iterable[Chunk], secrets: Iterable[str] = ()) -> Answer:
    """The answer in the events of a stream; raises ``UpstreamError``."""
    done: list[Mapping[str, Any]] = []
    for chunk in chunks:
        event = _object(chunk)
        _raise_reported(event, secrets)
        if event.get("type") == "response.output_item.done":
            done.append(_object(event.get("item")))
        elif event.get("type") in _TERMINAL:
            response = _object(event.get("response"))
            items = list(_objects(response.get("output"))) or done
            return _answer(response, items, streamed=True)
    raise UpstreamError("the upstream's stream has no end")


def _answer(
    response: Mapping[str, Any], items: list[Mapping[str, Any]], *, streamed: bool
) -> Answer:
    tags = ThinkTags()
    pieces = [*tags.feed("".join(_texts(items))), *tags.flush()]
    usage = dict(_object(response.get("usage")))
    usage["completion_tokens"] = usage.get("output_tokens")
    return Answer(
        text="".join(piece.text for piece in pieces if piece.kind == "text"),
        tagged=any(piece.kind == "thinking" for piece in pieces),
        reasoning=tuple(dict.fromkeys(_reasoning(items))),
        calls=tuple(
            (str(item.get("name")), str(item.get("arguments")))
            for item in items
            if item.get("type") == "function_call"
        ),
        finish_reason="length" if response.get("status") == "incomplete" else "stop",
        usage=usage,
        streamed=streamed,
    )


def _texts(items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for item in items:
        for part in _objects(item.get("content")) if item.get("type") == "message" else ():
            text = part.get("text")
            if isinstance(text, str):
                yield text


def _reasoning(items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The members of reasoning items that hold something."""
    for item in items:
        if item.get("type") == "reasoning":
            yield from (name for name in ("summary", "content", ENCRYPTED) if item.get(name))


def _raise_reported(body: Mapping[str, Any], secrets: Iterable[str]) -> None:
    if reports_failure(body):
        raise failure_in(body, secrets=secrets)


def _objects(values: object) -> Iterator[Mapping[str, Any]]:
    yield from (
        (value for value in values if isinstance(value, dict)) if isinstance(values, list) else ()
    )


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
