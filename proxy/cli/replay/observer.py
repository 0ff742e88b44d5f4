"""The observer of a replayed exchange: plays the upstream and notes what differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from proxy.cli.replay.differences import (
    answer_differences,
    body_differences,
    header_differences,
    without_counts,
)
from proxy.cli.replay.recorded import Recorded, RecordedCall
from proxy.cli.replay.upstream import Moment, replayed
from proxy.errors import UpstreamError
from proxy.ids import SeededIds
from proxy.relay.call import Call
from proxy.relay.cancellation import Exchange
from proxy.relay.upstream_call import UpstreamCall
from proxy.telemetry.recording.masking import ANTHROPIC_KEY, MASK, Secrets
from proxy.upstream.session import UpstreamResponse


class Replayer:
    """Sees the replayed exchange in place of a ``Recording`` (``proxy.api.observed.Observer``)."""

    skipped = False

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._left = list(recorded.calls)
        self._moment = Moment(recorded.answer)
        self._masked = Secrets()
        self._status = 0
        self._headers: list[list[str]] = []
        self._made = 0
        self._outcome = ""
        self.ids = SeededIds(recorded.seed)
        self.sent_bytes = b""
        """What the client gets now."""
        self.differences: list[str] = []

    def request(self, method: str, target: str, headers: list[tuple[str, str]]) -> None:
        """Nothing to note: it is the recorded request."""

    def body_piece(self, data: bytes) -> None:
        """Nothing to note."""

    def admit(self, request_id: str) -> None:
        """Nothing to note."""

    def begin_call(self, call: Call) -> None:
        """Nothing to note: the route is in the headers and in the URL of each call."""

    def pause(self, exchange: Exchange, seconds: float) -> None:
        """Do not wait."""
        exchange.limit(None)

    def send(self, call: UpstreamCall, purpose: str) -> UpstreamResponse:
        """The recorded answer to the call that was made at this place."""
        self._made += 1
        label = f"upstream call {self._made}"
        recorded = self._take(call, purpose)
        if recorded is None:
            self.differences.append(f"{label}: not in the recording: {call.method} {call.url}")
            raise UpstreamError("the recording has no such upstream call")
        self._compare(label, recorded, call)
        return replayed(recorded, call.exchange, self._moment)

    def answer(self, status: str, headers: Iterable[tuple[str, str]]) -> None:
        """The head of the answer."""
        self._status = int(status.partition(" ")[0])
        self._headers = self._masked.in_headers(headers, answered=True)
        self._moment.begin()

    def sent(self, data: bytes) -> None:
        """A piece of the answer."""
        self.sent_bytes += data

    def done(self, outcome: str) -> None:
        """The exchange is over: compare what the client got."""
        recorded = self._recorded
        if self._status != recorded.answer["status"]:
            self.differences.append(f"answer: status {recorded.answer['status']} -> {self._status}")
        self._note("answer", header_differences(recorded.answer["headers"], self._headers))
        left = recorded.outcome == "client left"
        before, after = recorded.sent, self.sent_bytes
        if recorded.masked:
            before, after = without_counts(before), without_counts(after)
        self._note("answer", answer_differences(before, after, left=left))
        if not left and outcome != recorded.outcome:
            self.differences.append(f"answer: {recorded.outcome} -> {outcome}")
        for call in self._left:
            url = f"{call.sent['method']} {call.sent['url']}"
            self.differences.append(f"upstream call {call.number}: not made any more: {url}")

    def _take(self, call: UpstreamCall, purpose: str) -> RecordedCall | None:
        """The next call with the same purpose, preferably with the same URL."""
        url = self._masked.in_url(call.url)
        same = [each for each in self._left if each.sent["purpose"] == purpose]
        chosen = next((each for each in same if each.sent["url"] == url), None)
        chosen = chosen or next(iter(same), None)
        if chosen is not None:
            self._left.remove(chosen)
        return chosen

    def _compare(self, label: str, recorded: RecordedCall, call: UpstreamCall) -> None:
        before, after = recorded.sent, (call.method, self._masked.in_url(call.url))
        if (before["method"], before["url"]) != after:
            self.differences.append(
                f"{label}: {before['method']} {before['url']} -> {' '.join(after)}"
            )
        headers = self._masked.in_headers(call.headers.items())
        self._note(label, header_differences(_plain(before["headers"]), _plain(headers)))
        self._note(label, body_differences(recorded.body, call.body))

    def _note(self, label: str, lines: Iterable[str]) -> None:
        self.differences += [f"{label}: {line}" for line in lines]


def _plain(headers: Iterable[Sequence[str]]) -> list[list[str]]:
    """``headers`` with one mask for all keys: the server's own are others in a replay."""
    return [[name, value.replace(ANTHROPIC_KEY, MASK)] for name, value in headers]
