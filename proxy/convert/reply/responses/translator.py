"""Responses stream events -> Anthropic stream events, without any I/O.

Rule: the client always gets a valid stream, as from ``StreamTranslator``. Only the upstream's terminal
event ends a message; a connection that is closed before is a failure (docs/protocol.md, Responses,
"Stream"). The interface is that of ``StreamTranslator``; ``finishing`` is never true, because nothing
follows a terminal event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from proxy.convert.reply import events
from proxy.convert.reply.answer_choice import answer_object, failure_in
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.events import Event
from proxy.convert.reply.limits import Pause, no_pause
from proxy.convert.reply.piece_writer import PieceWriter
from proxy.convert.reply.reply_ids import message_id
from proxy.convert.reply.responses import event_types, stops
from proxy.convert.reply.responses.item_writer import ItemWriter
from proxy.convert.reply.responses.plain_runs import PlainRuns, ResponsesRun
from proxy.convert.reply.responses.reader import EventReader
from proxy.convert.reply.stop_reasons import STOPPED, Stop
from proxy.convert.reply.text_calls.holder import text_calls_for
from proxy.convert.reply.usage import ReplyUsage, UsageEstimate, count_in, delta_usage, no_usage
from proxy.errors import CUT_SHORT, ProxyError, UpstreamError
from proxy.sse import Chunk, Signal

MAX_BAD_LINES = 3
"""Number of consecutive undecodable lines that ends the stream."""


class ResponsesTranslator:
    """State of one streamed answer; see ``StreamTranslator`` for the use of each member."""

    finishing = False
    endings = 0

    def __init__(
        self,
        reply: ReplyContext,
        *,
        request_id: str,
        input_estimate: int = 0,
        estimate: UsageEstimate | None = None,
        reads_on: bool = False,
        pause: Pause = no_pause,
    ) -> None:
        """The parameters are those of ``StreamTranslator``."""
        self._reply = reply
        self._request_id = request_id
        self._input_estimate = input_estimate
        self._reads_on = reads_on
        self._tally = ReplyUsage(estimate)
        self.warnings: Counter[str] = Counter()
        """Counts of the upstream's deviations, by short names without content."""
        self._pieces = PieceWriter(reply, self._tally, self.warnings, pause)
        self._text_calls = text_calls_for(reply, self.warnings, pause)
        self._writer = ItemWriter(reply, self._pieces, self.warnings, self._text_calls)
        self._reader = EventReader(reply, self._writer, self.warnings)
        self._plain = PlainRuns(
            self._writer, self._pieces.blocks, self._pieces.tools, self._tally, self._text_calls
        )
        self._upstream_id: object = None
        self._limited: UpstreamError | None = None
        """A failure that counts only if nothing follows it."""
        self._requests = 0
        """Searches that the upstream reports."""
        self._bad_lines = 0
        self._stop: Stop | None = None
        self._usage: dict[str, Any] | None = None
        self.started = False
        """True once ``message_start`` was returned."""
        self.ended = False
        """True once the last event was returned."""
        self.ended_early = False
        """True if the text was cut at a stop sequence before the upstream ended its answer."""
        self.error: ProxyError | None = None
        """The failure that ended the stream."""

    @property
    def content_seen(self) -> bool:
        """True once the upstream began an item, including reasoning that is discarded."""
        return self._reader.content_seen

    def takes_new_content(self) -> bool:
        """Whether content arrived since the last call; chunks that were passed on do not count."""
        new = self._reader.content_is_new
        self._reader.content_is_new = False
        return new

    @property
    def patient(self) -> bool:
        """True while the last item is reasoning or a tool of the upstream, which may take minutes."""
        return self._reader.works_silently

    @property
    def usage(self) -> dict[str, Any]:
        """Usage of the message: final once ``ended``; before that, the upstream's reports so far."""
        return self._tally.reported() if self._usage is None else self._usage

    @property
    def written(self) -> int:
        """Characters of the answer so far, including reasoning and tool calls."""
        return self._tally.written

    @property
    def estimated(self) -> bool:
        """True if a count in ``usage`` is an estimate."""
        return self._tally.estimated

    @property
    def stop_reason(self) -> str | None:
        """The stop reason; None until the message ends."""
        return None if self._stop is None else self._stop.reason

    def start(self, upstream_id: object = None) -> list[Event]:
        """Begin the message before the first chunk; returns no events if it has begun already."""
        if self.started or self.ended:
            return []
        self._upstream_id = self._upstream_id or upstream_id
        self._start()
        return self._pieces.blocks.take()

    def feed(self, chunk: Chunk) -> list[Event]:
        """The events for ``chunk``; may be empty."""
        try:
            if self._bad_lines or self.ended or not self._plain.read(chunk):
                self._take(chunk)
        except UpstreamError as error:
            if self._pieces.blocks.matched is None:
                return self._end_with(error)
            self._end(STOPPED)
        return self._pieces.blocks.take()

    def run(self) -> ResponsesRun | None:
        """The present run, which describes the events that only continue the open block; None if none can."""
        return None if self._bad_lines or self.ended else self._plain.run()

    def pass_on(self, run: ResponsesRun, texts: Sequence[str]) -> bool:
        """Note ``texts``, which continue ``run``, the present one; the caller writes their events.

        False (nothing noted) if ``feed`` would not have returned one event for each of them.
        """
        return self._plain.pass_on(texts)

    def finish(self) -> list[Event]:
        """End the message: the upstream closed the stream."""
        if self.ended:
            return []
        if self._pieces.blocks.matched is None and not self._may_end_here():
            return self._end_with(self._limited or UpstreamError(CUT_SHORT))
        try:
            self._reader.read_answer(None)
            self._end(STOPPED)
        except UpstreamError as error:
            return self._end_with(error)
        return self._pieces.blocks.take()

    def fail(self, error: ProxyError) -> list[Event]:
        """End the message because reading failed."""
        if self.ended:
            return []
        matched = self._pieces.blocks.matched is not None
        return self.finish() if matched else self._end_with(error)

    def _take(self, chunk: Chunk) -> None:
        if self.ended:
            return
        if chunk is Signal.DONE:
            self._take_done()
            return
        event = answer_object(chunk)
        if event is None:
            self._take_bad_line()
            return
        self._bad_lines = 0
        kind = event.get("type")
        self._take_event(kind if isinstance(kind, str) else "", event)
        if self._pieces.blocks.matched is not None and not (self.ended or self._reads_on):
            self.ended_early = True
            self._end(STOPPED)

    def _take_event(self, kind: str, event: dict[str, Any]) -> None:
        if kind in event_types.ERRORS:
            raise stops.failure_of_event(event, self._reply)
        if kind in event_types.TERMINAL:
            self._take_terminal(kind, event)
        elif kind in event_types.ALIVE:
            self._note_id(event)
        elif not self._take_content(kind, event):
            self._take_other(kind, event)

    def _take_content(self, kind: str, event: dict[str, Any]) -> bool:
        """Read ``event`` if it is about an item; the message begins with the first of them."""
        if not self.started:
            if not event_types.is_content(kind):
                return False
            self._start()
        read = self._reader.read(kind, event)
        self._plain.note(kind, event, *(self._reader.last or (None, None)))
        return read

    def _take_other(self, kind: str, event: Mapping[str, Any]) -> None:
        if kind in event_types.UNEXPECTED:
            self.warnings["unexpected_item"] = self.warnings["unexpected_item"] or 1
            self._reader.content_seen = self._reader.content_is_new = True
        elif kind in event_types.SEARCHES:
            self._reader.content_seen = self._reader.content_is_new = True
        elif kind == event_types.RATE_LIMITS:
            self._note_limits(event)
        elif not kind:
            failure = failure_in(event, self._reply)
            if failure is not None:
                raise stops.failure_of_event(event, self._reply)
            if event.get("object") == "response":
                self._take_terminal(event_types.DONE, {"response": event})

    def _note_id(self, event: Mapping[str, Any]) -> None:
        answer = event.get("response")
        if isinstance(answer, dict) and self._upstream_id is None:
            self._upstream_id = answer.get("id")

    def _note_limits(self, event: Mapping[str, Any]) -> None:
        limits = event.get("rate_limits")
        reached = event if not isinstance(limits, dict) else limits
        if reached.get("limit_reached") is True:
            error = {"code": "rate_limit_exceeded", "message": "the upstream's limit is reached"}
            self._limited = stops.failure_of_event({"error": error}, self._reply)

    def _take_terminal(self, kind: str, event: Mapping[str, Any]) -> None:
        response = event.get("response")
        answer = response if isinstance(response, dict) else event
        self._tally.note(answer.get("usage"))
        self._requests = count_in(answer, "tool_usage", "web_search", "num_requests")
        status = stops.status_of(kind, answer)
        if status == "failed":
            error = answer if answer.get("error") else event
            raise stops.failure_of_answer(error, self._reply)
        self._upstream_id = self._upstream_id or answer.get("id")
        self._start()
        self._reader.read_answer(answer.get("output"))
        self._end(self._finish_of(status, answer))

    def _finish_of(self, status: str, answer: Mapping[str, Any]) -> str:
        finish = stops.finish_of_answer(status, answer, self.warnings)
        limit = self._reply.max_tokens
        if finish == STOPPED and self._reply.silent_cut and limit and not self._pieces.tools.used:
            written = self._tally.reported()["output_tokens"]
            return stops.CUT if written >= limit else finish
        return finish

    def _may_end_here(self) -> bool:
        """Whether a closed connection is the end: every item is done, and one is more than reasoning."""
        items = self._reader.table.items
        told = any(item.is_call or item.kind == "message" for item in items)
        if not (self._reply.eof_ends and told and all(item.done for item in items)):
            return False
        self.warnings["no_terminal_event"] += 1
        return True

    def _take_done(self) -> None:
        if not self.started:
            raise self._limited or UpstreamError(CUT_SHORT)
        self.warnings["no_terminal_event"] += 1
        self._reader.read_answer(None)
        self._end("")

    def _take_bad_line(self) -> None:
        self.warnings["undecodable"] += 1
        self._bad_lines += 1
        if self._bad_lines == MAX_BAD_LINES:
            raise UpstreamError(f"the upstream sent {MAX_BAD_LINES} undecodable lines in a row")

    def _start(self) -> None:
        if self.started:
            return
        start = events.message_start(
            message_id(self._upstream_id, self._reply),
            self._reply.model,
            no_usage(self._input_estimate),
        )
        self._pieces.blocks.out += [start, events.ping()]
        self.started = True

    def _end(self, finish: str) -> None:
        pieces = self._pieces
        self._writer.end(finish)
        pieces.end(finish)
        self._stop = pieces.stop(finish, None)
        self._usage = self._tally.result() | self._searched()
        delta = events.message_delta(
            self._stop, delta_usage(self._usage), self._reply.context_management
        )
        pieces.blocks.out += [delta, events.message_stop()]
        self.ended = True

    def _searched(self) -> dict[str, Any]:
        """The member of the usage that counts searches; empty without one."""
        count = self._requests or self._reader.searches
        if not (count and self._reply.web_search):
            return {}
        return {"server_tool_use": {"web_search_requests": count, "web_fetch_requests": 0}}

    def _end_with(self, error: ProxyError) -> list[Event]:
        """End with an error; an open block stays open, so that no client runs half a tool call.

        Text that was held back is written as text. If it is then cut at a stop sequence, the message
        is complete.
        """
        if self.started:
            # An answer above a limit gets no further blocks.
            with suppress(UpstreamError):
                self._writer.release()
        if self._pieces.blocks.matched is not None:
            self._end(STOPPED)
            return self._pieces.blocks.take()
        self.error = error
        self.ended = True
        return [*self._pieces.blocks.take(), events.error_event(error, self._request_id)]
