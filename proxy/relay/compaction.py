"""Compaction: an upstream call for a summary, before or instead of the call for the answer.

Rule: healing, keys, retries, fallbacks and time limits apply to this call as to every other one. It is
made once per request, and its usage is recorded separately. A token count or a dry run never makes it
(docs/protocol.md 1.7).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from proxy.convert.reply.compaction import Preface, compaction_block, summary_in
from proxy.convert.reply.usage import no_usage
from proxy.convert.request.compacted_history import history_after_compaction
from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.summary_request import summary_prompt, summary_request
from proxy.convert.request.tool_changes import tool_changes
from proxy.convert.request.tool_limit import used_names
from proxy.errors import UpstreamError
from proxy.failures.classify import OUTPUT_LIMIT_REACHED
from proxy.failures.response_headers import client_headers
from proxy.relay.billing import Billed
from proxy.relay.call import Call, record_route
from proxy.relay.healed import with_healing
from proxy.relay.model_overrides import tokens_above
from proxy.relay.protocols import PROTOCOLS, convert
from proxy.relay.upstream_call import read_whole, send_accepted
from proxy.schemas.body import parse_json_object
from proxy.schemas.compaction import compact_edit

Turn = Mapping[str, Any]
Message = dict[str, Any]

COMPACTING = frozenset({"compaction", "context_management"})
"""A request without any of these fields is not compacted."""
DEFAULT_TRIGGER = 150_000
"""Input tokens at which ``compact_20260112`` compacts if it has no ``trigger``."""
UNAVAILABLE: Mapping[str, object] = {"error_code": "compaction_unavailable"}
"""``error.details`` if the upstream is overloaded; SDKs read the code."""


@dataclass(frozen=True, slots=True)
class DueCompaction:
    """A compaction that a request requires and that was not made yet."""

    request: Mapping[str, Any]
    """The request for the summary."""
    rest: Sequence[Turn] | None
    """The turns after the summary in the request for the answer; None: the summary is the answer."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """A compaction that was made."""

    preface: Preface
    request: Mapping[str, Any] | None
    """The request for the rest of the answer; None: the block is the whole answer."""


def due_compaction(call: Call) -> DueCompaction | None:
    """The compaction that must precede the answer to ``call``; None if none is required.

    A request with the edit ``compact_20260112`` is converted and its tokens are counted, which may raise
    ``InvalidRequest``.
    """
    request = call.request
    turns: Sequence[Turn] = request["messages"]
    asked = request.get("compaction")
    if asked is not None:
        prompt = summary_prompt(asked.get("instructions"), replace=True)
        return _due(request, turns, prompt, rest=None)
    edit = compact_edit(request)
    if edit is None:
        return None
    # The answer continues a final assistant turn (prefill), so this turn must follow the summary.
    end = 1 + max((at for at, turn in enumerate(turns) if turn["role"] == "user"), default=-1)
    if not end or not _is_reached(call, edit.get("trigger")):
        return None
    prompt = summary_prompt(edit.get("instructions"), replace=False)
    rest = None if edit.get("pause_after_compaction") else turns[end:]
    return _due(request, turns[:end], prompt, rest=rest)


def compacted(call: Call, body: Callable[[], bytes]) -> Compacted | None:
    """The compaction that ``call`` requires; None if it requires none.

    The first use calls the upstream of the present route; later uses return the same result. ``body``
    returns the client's request body, which contains the tool changes. Raises what a call for an answer
    raises; for an overload (529) ``error.details`` says that the compaction failed.
    """
    if call.compacted is None:
        due = due_compaction(call)
        if due is None:
            return None
        call.compacted = _compact(call, due, body)
    return call.compacted


def _due(
    request: Mapping[str, Any], turns: Sequence[Turn], prompt: str, *, rest: Sequence[Turn] | None
) -> DueCompaction:
    return DueCompaction(summary_request(request, turns, prompt), rest)


def _is_reached(call: Call, trigger: Mapping[str, Any] | None) -> bool:
    least = DEFAULT_TRIGGER if trigger is None else int(trigger["value"])
    body = convert(call, call.profile()).body
    return tokens_above(body, call.route.encoding, least - 1) is not None


def _compact(call: Call, due: DueCompaction, body: Callable[[], bytes]) -> Compacted:
    message = _summary_answer(replace(call, request=due.request))
    summary = None if message is None else summary_in(message)
    block = compaction_block(summary, _changes_in(body()), used_names(due.request["messages"]))
    usage = no_usage() if message is None else message["usage"]
    call.record.usage = usage
    if due.rest is None:
        told = None if message is None else message.get("context_management")
        return Compacted(Preface(block, usage, told), None)
    call.record.begin_next_call()
    record_route(call.record, call.route)
    # The call for the answer adds its own.
    call.answer_headers.clear()
    request = call.request
    if summary is not None:
        turns = [{"role": "assistant", "content": [block]}, *due.rest]
        request = {**request, "messages": turns}
    return Compacted(Preface(block, usage), request)


def _changes_in(body: bytes) -> list[Mapping[str, Any]]:
    """The net tool changes in ``body``, which contains a valid request."""
    sent = parse_json_object(body)
    return tool_changes(history_after_compaction(sent["messages"]), sent.get("tools") or ())


def _summary_answer(call: Call) -> Message | None:
    """The upstream's answer to the request for a summary; None if the output limit was too low for one."""
    try:
        return with_healing(call, lambda converted: _whole_message(call, converted))
    except UpstreamError as error:
        if error.code == OUTPUT_LIMIT_REACHED:
            return None
        if error.status == 529 and error.details is None:
            error.details = UNAVAILABLE
        raise


def _whole_message(call: Call, converted: ConvertedRequest) -> Message:
    protocol = PROTOCOLS[converted.api]
    with Billed(partial(call.estimate_usage, converted)) as attempt:
        upstream_call = protocol.upstream_call(call, converted)
        response = attempt.response = send_accepted(upstream_call)
        call.answer_headers |= client_headers(response.headers, now=time.time())
        body = read_whole(upstream_call, response)
        kind = response.headers.get("content-type", "")
        return protocol.message(call, converted, body, kind)
