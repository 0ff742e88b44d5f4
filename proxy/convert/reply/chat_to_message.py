"""A whole Chat Completions answer -> an Anthropic message, and a message -> its events.

Rule: the stream reader reads a whole answer as one delta, so both give the same message
(docs/protocol.md section 3). An answer without a message is a failure of the upstream.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from proxy.convert.reply import events
from proxy.convert.reply.answer_choice import (
    answer_object,
    choices_in,
    failure_in,
    failure_in_choices,
    matched_stop,
    usage_report,
)
from proxy.convert.reply.arguments import json_text
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.delta_reader import DeltaReader
from proxy.convert.reply.events import Event
from proxy.convert.reply.events_to_message import EventCollector
from proxy.convert.reply.limits import EVENTS_BETWEEN_PAUSES, Pause, no_pause
from proxy.convert.reply.piece_writer import PieceWriter
from proxy.convert.reply.reply_ids import message_id
from proxy.convert.reply.stop_reasons import (
    Stop,
    finish_of,
    is_known,
    joint_finish,
    stop_reason_for,
)
from proxy.convert.reply.text_calls.holder import text_calls_for
from proxy.convert.reply.usage import ReplyUsage, UsageEstimate, delta_usage, no_usage, whole_usage
from proxy.errors import UpstreamError
from proxy.ids import new_message_id


def chat_to_message(
    completion: object,
    reply: ReplyContext,
    *,
    estimate: UsageEstimate | None = None,
    warnings: Counter[str] | None = None,
    pause: Pause = no_pause,
) -> dict[str, Any]:
    """The message in a completion, which may be any decoded JSON value.

    ``pause`` is called now and then while a large answer is read. ``warnings`` has the form of
    ``StreamTranslator.warnings``. Raises ``UpstreamError`` for an error object, a finish reason that
    reports a failure, and an answer without a message (502).
    """
    payload = answer_object(completion)
    if payload is None:
        raise UpstreamError("the upstream's answer is not a JSON object")
    choices = _choices_in(payload, reply)
    warnings = Counter() if warnings is None else warnings
    word = _finish_of(choices, warnings)
    usage = ReplyUsage(estimate)
    usage.note(usage_report(payload, choices))
    reader = DeltaReader(warnings, think_tags=reply.think_tags)
    writer = PieceWriter(reply, usage, warnings, pause)
    pieces = chain.from_iterable(
        (*(reader.read(each, whole=True) for each in _messages_in(choices, word)), reader.flush())
    )
    calls = text_calls_for(reply, warnings, pause)
    writer.write(pieces if calls is None else chain(calls.read(pieces), calls.end(word)))
    writer.end(word)
    stop = writer.stop(word, matched_stop(choices[-1][1]))
    head = events.message_start(message_id(payload.get("id"), reply), reply.model, no_usage())
    end = events.message_delta(stop, delta_usage(usage.result()), reply.context_management)
    collector = EventCollector(pause)
    written = [head, *writer.blocks.out, end]
    for at in range(0, len(written), EVENTS_BETWEEN_PAUSES):
        if at:
            pause()
        collector.feed(written[at : at + EVENTS_BETWEEN_PAUSES])
    return collector.message


def empty_message(model: str, *, stop_reason: str, input_tokens: int = 0) -> dict[str, Any]:
    """A message without content, for an answer without an upstream's message.

    Used for a cache pre-warm (docs/protocol.md 1.1) and for a reasoning model that could not finish
    within the output limit (edge case 35).
    """
    return {
        **events.message_start(new_message_id(), model, no_usage())["message"],
        "stop_reason": stop_reason,
        "usage": whole_usage(no_usage(input_tokens)),
    }


def message_to_events(message: Mapping[str, Any]) -> list[Event]:
    """The events of a whole message, as in a stream, including the ping."""
    usage = message["usage"]
    start_usage = {**delta_usage(usage), "output_tokens": 0}
    for name in ("output_tokens_details", "iterations"):
        start_usage.pop(name, None)
    out = [events.message_start(message["id"], message["model"], start_usage), events.ping()]
    for index, block in enumerate(message["content"]):
        out += block_events(index, block)
    stop = Stop(message["stop_reason"], message["stop_sequence"], message["stop_details"])
    end = events.message_delta(stop, delta_usage(usage), message.get("context_management"))
    return [*out, end, events.message_stop()]


def block_events(index: int, block: Mapping[str, Any]) -> list[Event]:
    """The events of one whole block of a message."""
    empty, deltas = _CONVERTER_FOR_BLOCK[block["type"]](index, block)
    return [events.block_start(index, empty), *deltas, events.block_stop(index)]


def _text_to_deltas(index: int, block: Mapping[str, Any]) -> tuple[dict[str, Any], list[Event]]:
    text = block["text"]
    deltas = [events.text_delta(index, text)] if text else []
    deltas += [events.citations_delta(index, each) for each in block.get("citations") or ()]
    return events.text_block(), deltas


def _thinking_to_deltas(index: int, block: Mapping[str, Any]) -> tuple[dict[str, Any], list[Event]]:
    thinking = block["thinking"]
    deltas = [events.thinking_delta(index, thinking)] if thinking else []
    return events.thinking_block(), [*deltas, events.signature_delta(index, block["signature"])]


def _tool_use_to_deltas(index: int, block: Mapping[str, Any]) -> tuple[dict[str, Any], list[Event]]:
    arguments = block["input"]
    deltas = [events.arguments_delta(index, json_text(arguments))] if arguments else []
    return events.tool_block(block["id"], block["name"], block.get("toolset_name")), deltas


def _redacted_thinking_to_deltas(
    index: int, block: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Event]]:
    return events.redacted_block(block["data"]), []


def _server_tool_use_to_deltas(
    index: int, block: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Event]]:
    return {**block, "input": {}}, [events.arguments_delta(index, json_text(block["input"]))]


def _search_result_to_deltas(
    index: int, block: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Event]]:
    return dict(block), []


def _compaction_to_deltas(
    index: int, block: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Event]]:
    # SDKs read only the summary from the delta.
    return {**block, "content": None}, [events.compaction_delta(index, block["content"])]


_CONVERTER_FOR_BLOCK = {
    "text": _text_to_deltas,
    "thinking": _thinking_to_deltas,
    "tool_use": _tool_use_to_deltas,
    "redacted_thinking": _redacted_thinking_to_deltas,
    "compaction": _compaction_to_deltas,
    "server_tool_use": _server_tool_use_to_deltas,
    "web_search_tool_result": _search_result_to_deltas,
}
"""For each block type: the block as it starts, and the deltas that fill it."""


def _choices_in(
    payload: Mapping[str, Any], reply: ReplyContext
) -> list[tuple[int, dict[str, Any]]]:
    failure = failure_in(payload, reply)
    if failure is not None:
        raise failure
    choices = choices_in(payload)
    if not choices:
        raise UpstreamError("the upstream's answer has no choices")
    failure = failure_in_choices(choices, reply)
    if failure is not None:
        raise failure
    return choices


def _finish_of(choices: Sequence[tuple[int, Mapping[str, Any]]], warnings: Counter[str]) -> str:
    words = [finish_of(choice) for _, choice in choices]
    for word in words:
        if word and not is_known(word):
            warnings["unknown_finish_reason"] += 1
    finish = joint_finish(words)
    if not finish:
        warnings["no_finish_reason"] += 1
    return finish


def _messages_in(
    choices: Sequence[tuple[int, Mapping[str, Any]]], word: str
) -> list[dict[str, Any]]:
    """The choices' messages, which some servers send in ``delta``; filtered answers may have none (Azure)."""
    found = [
        choice.get("delta") if choice.get("message") is None else choice["message"]
        for _, choice in choices
    ]
    messages = [message for message in found if isinstance(message, dict)]
    if messages or (found == [None] and stop_reason_for(word) == "refusal"):
        return messages
    raise UpstreamError("the upstream's answer has no message")
