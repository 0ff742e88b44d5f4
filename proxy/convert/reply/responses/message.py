"""A whole Responses answer, or a whole stream of events -> an Anthropic message.

Rule: a whole answer is read as a stream of one terminal event, so both give the same message
(docs/protocol.md, Responses, "Whole answers").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from proxy.convert.reply.answer_choice import answer_object, failure_in
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.events_to_message import EventCollector
from proxy.convert.reply.limits import EVENTS_BETWEEN_PAUSES, Pause, no_pause
from proxy.convert.reply.responses import event_types, stops
from proxy.convert.reply.responses.translator import ResponsesTranslator
from proxy.convert.reply.usage import UsageEstimate
from proxy.errors import UpstreamError
from proxy.sse import Chunk


def response_to_message(
    body: object,
    reply: ReplyContext,
    *,
    estimate: UsageEstimate | None = None,
    warnings: Counter[str] | None = None,
    pause: Pause = no_pause,
) -> dict[str, Any]:
    """The message in a whole answer, which may be any decoded JSON value.

    ``pause`` is called now and then while a large answer is read. ``warnings`` has the form of
    ``ResponsesTranslator.warnings``. Raises ``UpstreamError`` for an error object, a failed answer,
    one that did not end, and an object that is no answer (502).
    """
    answer = answer_object(body)
    if answer is None:
        raise UpstreamError("the upstream's answer is not a JSON object")
    status = answer.get("status")
    failure = stops.failure_of_status(status) if isinstance(status, str) else None
    failure = failure_in(answer, reply) or failure
    if failure is not None:
        raise failure
    if "output" not in answer and not isinstance(status, str):
        raise UpstreamError("the upstream's answer has no output")
    event = {"type": event_types.DONE, "response": answer}
    translator = ResponsesTranslator(
        reply, request_id="", estimate=estimate, reads_on=True, pause=pause
    )
    message = _collected([event], translator, pause)
    if warnings is not None:
        warnings.update(translator.warnings)
    return message


def events_to_response_message(
    chunks: Iterable[Chunk],
    reply: ReplyContext,
    *,
    estimate: UsageEstimate | None = None,
    pause: Pause = no_pause,
) -> dict[str, Any]:
    """The message in a whole stream of events. Raises ``UpstreamError`` if it ends with that error."""
    translator = ResponsesTranslator(
        reply, request_id="", estimate=estimate, reads_on=True, pause=pause
    )
    return _collected(chunks, translator, pause)


def _collected(
    chunks: Iterable[Chunk], translator: ResponsesTranslator, pause: Pause
) -> dict[str, Any]:
    collector = EventCollector(pause)
    for chunk in chunks:
        written = translator.feed(chunk)
        for at in range(0, len(written), EVENTS_BETWEEN_PAUSES):
            if at:
                pause()
            collector.feed(written[at : at + EVENTS_BETWEEN_PAUSES])
        if translator.ended:
            break
    collector.feed(translator.finish())
    if translator.error is not None:
        raise translator.error
    return collector.message
