"""Chat Completions chunks -> Anthropic stream events, without any I/O.

Rule: the client always gets a valid stream: one ``message_start``, blocks one after another, then
``message_delta`` and ``message_stop``, or an ``error`` that ends it. A closed connection is a normal end
after a finish reason, and an error without one. A finish reason that is followed by content, or that
arrives after reasoning alone, is not yet the end (docs/protocol.md section 4). States of that section:
not ``started`` is S0, ``finishing`` is FIN, ``ended`` is END; in S1, TH, TX and TO the open block of
``PieceWriter`` differs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
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
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.delta_reader import DeltaReader
from proxy.convert.reply.events import Event
from proxy.convert.reply.limits import Pause, no_pause
from proxy.convert.reply.piece_writer import PieceWriter
from proxy.convert.reply.pieces import Piece
from proxy.convert.reply.plain_deltas import Run
from proxy.convert.reply.plain_runs import PlainRuns
from proxy.convert.reply.reply_ids import message_id
from proxy.convert.reply.stop_reasons import STOPPED, Stop, finish_of, is_known, joint_finish
from proxy.convert.reply.text_calls.holder import text_calls_for
from proxy.convert.reply.usage import ReplyUsage, UsageEstimate, delta_usage, no_usage
from proxy.errors import CUT_SHORT, ProxyError, UpstreamError
from proxy.sse import Chunk, Signal

MAX_BAD_LINES = 3
"""Number of consecutive undecodable lines that ends the stream."""


class StreamTranslator:
    """State of one streamed answer.

    Feed chunks in order and forward the events that each call returns. Call ``finish`` once when the
    upstream closes the stream, or ``fail`` if reading fails. No call raises an exception because of the
    upstream's data: a failure ends the stream with an ``error`` event and is kept in ``error``. While
    ``started`` is False no event was returned, so the caller can still answer with an HTTP status.
    """

    patient = False
    """Whether the upstream works without telling anything; Chat Completions does not show it."""

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
        """``reads_on``: continue to read after the text was cut at a stop sequence, to get the
        upstream's usage. ``pause`` is called now and then while a large chunk is read."""
        self._reply = reply
        self._request_id = request_id
        self._input_estimate = input_estimate
        self._reads_on = reads_on
        self._tally = ReplyUsage(estimate)
        self.warnings: Counter[str] = Counter()
        """Counts of the upstream's deviations, by short names without content."""
        self._reader = DeltaReader(self.warnings, think_tags=reply.think_tags)
        self._writer = PieceWriter(reply, self._tally, self.warnings, pause)
        self._text_calls = text_calls_for(reply, self.warnings, pause)
        self._plain = PlainRuns(self._reader, self._writer, self._tally, self._text_calls)
        self._finish = ""
        self._finish_for_choice: dict[int, str] = {}
        self._begun: set[int] = set()
        """Numbers of the choices that sent any content."""
        self._matched: object = None
        self._bad_lines = 0
        self._stop: Stop | None = None
        self._usage: dict[str, Any] | None = None
        self.started = False
        """True once ``message_start`` was returned."""
        self.ended = False
        """True once the last event was returned."""
        self.ended_early = False
        """True if the text was cut at a stop sequence before the upstream ended its answer."""
        self.finishing = False
        """True after a finish reason, as long as no content follows it."""
        self.endings = 0
        """How often ``finishing`` became true."""
        self.error: ProxyError | None = None
        """The failure that ended the stream."""

    @property
    def content_seen(self) -> bool:
        """True once the upstream sent any content, including reasoning that is discarded."""
        return self._reader.content_seen

    def takes_new_content(self) -> bool:
        """Whether content arrived since the last call; chunks that were passed on do not count."""
        new = self._reader.content_is_new
        self._reader.content_is_new = False
        return new

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
        self._start(upstream_id)
        return self._writer.blocks.take()

    def feed(self, chunk: Chunk) -> list[Event]:
        """The events for ``chunk``; may be empty."""
        try:
            if self._bad_lines or self.ended or self.finishing or not self._plain.read(chunk):
                self._take(chunk)
        except UpstreamError as error:
            if self._writer.blocks.matched is None:
                return self._end_with(error)
            self._end()
        return self._writer.blocks.take()

    def run(self) -> Run | None:
        """The present run, which describes the chunks that only continue the open block; None if none can."""
        if self._bad_lines or self.ended or self.finishing:
            return None
        return self._plain.run()

    def pass_on(self, run: Run, texts: Sequence[str]) -> bool:
        """Note ``texts``, which continue ``run``; the caller writes their events.

        False (nothing noted) if ``feed`` would not have returned one event for each of them.
        """
        return self._plain.pass_on(run, texts)

    def finish(self) -> list[Event]:
        """End the message: the upstream closed the stream, or sent nothing after its finish reason."""
        if self.ended:
            return []
        if not self._finish:
            return self._end_with(UpstreamError(CUT_SHORT))
        try:
            self._end()
        except UpstreamError as error:
            return self._end_with(error)
        return self._writer.blocks.take()

    def fail(self, error: ProxyError) -> list[Event]:
        """End the message because reading failed; it is complete if it has its finish reason."""
        if self.ended:
            return []
        return self.finish() if self._finish else self._end_with(error)

    def _take(self, chunk: Chunk) -> None:
        if self.ended:
            return
        if chunk is Signal.DONE:
            self._take_done()
            return
        payload = answer_object(chunk)
        if payload is None:
            self._take_bad_line()
            return
        self._bad_lines = 0
        failure = failure_in(payload, self._reply)
        if failure is not None:
            raise failure
        choices = choices_in(payload)
        failure = failure_in_choices(choices, self._reply)
        if failure is not None:
            raise failure
        if not self.started:
            self._start(payload.get("id"))
        self._tally.note(usage_report(payload, choices))
        for number, choice in choices:
            self._take_choice(number, choice)

    def _take_choice(self, number: int, choice: Mapping[str, Any]) -> None:
        delta = self._delta_of(number, choice)
        held = None
        if delta:
            self._write(self._reader.read(delta, choice=number))
            if self._writer.blocks.matched is not None:
                self._take_cut()
                return
            held = self._reader.held_in(delta)
            self.finishing = self.finishing and not held
        word = finish_of(choice)
        if word:
            self._take_finish(word, number, choice)
            if held != "reasoning" and not self.finishing:
                self.finishing = True
                self.endings += 1

    def _write(self, pieces: Iterable[Piece]) -> None:
        calls = self._text_calls
        self._writer.write(pieces if calls is None else calls.read(pieces))

    def _take_cut(self) -> None:
        """Complete the message after its text was cut at a stop sequence."""
        self._finish = STOPPED
        if not (self.ended or self._reads_on):
            self.ended_early = True
            self._end()

    def _held(self) -> Iterable[Piece]:
        """All content that is held back, read as if the answer ended here."""
        pieces, calls = self._reader.flush(), self._text_calls
        return pieces if calls is None else chain(calls.read(pieces), calls.release())

    def _delta_of(self, number: int, choice: Mapping[str, Any]) -> Mapping[str, Any]:
        """The choice's delta; some servers stream one whole message in ``message``."""
        delta = choice.get("delta")
        if delta is None and number not in self._begun:
            delta = choice.get("message")
        if not isinstance(delta, dict):
            return {}
        if any(value for name, value in delta.items() if name != "role"):
            self._begun.add(number)
        return delta

    def _take_finish(self, word: str, number: int, choice: Mapping[str, Any]) -> None:
        if is_known(word):
            self._matched = matched_stop(choice)
        else:
            self.warnings["unknown_finish_reason"] += 1
            word = self._finish_for_choice.get(number) or word
        self._finish_for_choice[number] = word
        self._finish = joint_finish(self._finish_for_choice.values())

    def _take_done(self) -> None:
        if not self.started:
            raise UpstreamError(CUT_SHORT)
        if not self._finish:
            self.warnings["no_finish_reason"] += 1
        self._end()

    def _take_bad_line(self) -> None:
        self.warnings["undecodable"] += 1
        self._bad_lines += 1
        if self._bad_lines == MAX_BAD_LINES:
            raise UpstreamError(f"the upstream sent {MAX_BAD_LINES} undecodable lines in a row")

    def _start(self, upstream_id: object) -> None:
        start = events.message_start(
            message_id(upstream_id, self._reply),
            self._reply.model,
            no_usage(self._input_estimate),
        )
        self._writer.blocks.out += [start, events.ping()]
        self.started = True

    def _end(self) -> None:
        writer = self._writer
        self._write(self._reader.flush())
        if self._text_calls is not None:
            writer.write(self._text_calls.end(self._finish))
        writer.end(self._finish)
        self._stop = writer.stop(self._finish, self._matched)
        self._usage = self._tally.result()
        delta = events.message_delta(
            self._stop, delta_usage(self._usage), self._reply.context_management
        )
        writer.blocks.out += [delta, events.message_stop()]
        self.ended = True

    def _end_with(self, error: ProxyError) -> list[Event]:
        """End with an error; an open block stays open, so that no client runs half a tool call.

        Text that was held back is written as text. If it is then cut at a stop sequence, the message
        is complete.
        """
        if self.started:
            # An answer above a limit gets no further blocks.
            with suppress(UpstreamError):
                self._writer.release(self._held())
        if self._writer.blocks.matched is not None:
            self._finish = STOPPED
            self._end()
            return self._writer.blocks.take()
        self.error = error
        self.ended = True
        return [*self._writer.blocks.take(), events.error_event(error, self._request_id)]
