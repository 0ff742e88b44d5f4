"""Requests to the proxy under test, and their answers as values.

Rule: an answer that is not what its request asks for is a ``Failed``; ``Refused`` holds what an error
answer says. What each answer cost is added up.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http.client import HTTPResponse
from typing import Any

from proxy.cli.smoke.assembly import Assembly
from proxy.cli.smoke.event_lines import EventLines
from proxy.cli.smoke.grammar import Grammar, Violation
from proxy.cli.smoke.message_shape import check_message, input_tokens
from proxy.cli.smoke.outcome import Failed, Spent
from proxy.cli.smoke.wire import Pieces, Silent, Target, exchange, whole_body

MESSAGES = "/v1/messages"
COUNT = "/v1/messages/count_tokens"
Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """One message, and what is known of how it came."""

    message: Mapping[str, Any]
    headers: Headers
    """Names are in lower case."""
    events: int = 0
    """Of a stream."""
    first_seconds: float = 0.0
    """Until the stream's first delta."""


class Refused(Failed):
    """An answer with an error status."""

    def __init__(self, status: int, headers: Headers, data: bytes) -> None:
        self.status = status
        self.headers = headers
        body = _decoded(data)
        self.body: Mapping[str, Any] = body if isinstance(body, dict) else {}
        """The JSON object; empty for anything else."""
        error = self.body.get("error")
        self.error: Mapping[str, Any] = error if isinstance(error, dict) else {}
        """Type and message; empty if the body has another form."""
        self.shaped = (
            self.body.get("type") == "error"
            and isinstance(self.error.get("type"), str)
            and isinstance(self.error.get("message"), str)
        )
        """Whether the body has the form of the Messages API's errors."""
        super().__init__(f"HTTP {status} {self._told()}{_wait(headers)}")

    def _told(self) -> str:
        if self.error:
            kind = self.error.get("type")
            form = "" if self.shaped else " (not in the Messages API's form)"
            return f"{kind}: {self.error.get('message')}{form}"
        if (place := self.headers.get("location")) is not None:
            return f"redirects to {place}, which is not followed"
        kind = self.headers.get("content-type", "no content type")
        return f"with {kind} instead of an error of the Messages API"


def _wait(headers: Headers) -> str:
    wait = headers.get("retry-after")
    return f" (retry after {wait} s)" if wait else ""


class Client:
    """Sends the requests of one run."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.spent = Spent()
        """By all answers so far."""
        self.health: Mapping[str, Any] = {}
        """What ``/health`` told; empty before it was asked."""
        self.models: Sequence[str] = ()
        """Ids that ``/v1/models`` listed; empty before it was asked."""
        self.messages = 0
        """Messages that were received so far."""

    def get(self, path: str, *, key: str | None = None) -> Any:
        """The JSON of a GET; ``path`` is below the proxy's URL. Raises ``Failed``."""
        return self._json("GET", f"{self.target.url}{path}", None, key)[0]

    def get_origin(self, path: str) -> Any:
        """As ``get``, for what dynamic routes do not have."""
        return self._json("GET", f"{self.target.origin}{path}", None, None)[0]

    def post(self, path: str, body: object) -> tuple[Any, Headers]:
        """The JSON and the headers of a POST; bytes are sent as they are. Raises ``Failed``."""
        return self._json("POST", f"{self.target.url}{path}", _encoded(body), None)

    def whole(self, body: Mapping[str, Any]) -> Reply:
        """The message that answers ``body``; raises ``Failed``."""
        message, headers = self.post(MESSAGES, body)
        return self._reply(message, headers, body)

    def stream(self, body: Mapping[str, Any]) -> Reply:
        """The message of a stream whose events were all checked; raises ``Failed``."""
        grammar, assembly = Grammar(), Assembly()
        began, first = time.monotonic(), 0.0
        with self._streamed(body) as response:
            _check_stream_head(response)
            for event in self.events(response, grammar):
                assembly.take(event)
                if not first and event["type"] == "content_block_delta":
                    first = time.monotonic() - began
        message = _lawful(assembly.finished)
        return self._reply(message, _names_lowered(response), body, grammar.events, first)

    def abandon_stream(self, body: Mapping[str, Any]) -> bool:
        """Close a stream at its first delta; false if it had none. Raises ``Failed``."""
        with self._streamed(body) as response:
            _check_stream_head(response)
            for event in self.events(response, Grammar()):
                if event["type"] == "content_block_delta":
                    return True
        return False

    def abandon_whole(self, body: Mapping[str, Any]) -> None:
        """Send a request and close the connection without reading the answer."""
        url = f"{self.target.url}{MESSAGES}"
        with exchange(self.target, "POST", url, _encoded(body), unread=True):
            self.spent += Spent(1)

    def events(self, response: HTTPResponse, grammar: Grammar) -> Iterator[Mapping[str, Any]]:
        """The known events of a response but pings, checked; raises ``Failed``."""
        seconds, last = self.target.seconds, time.monotonic()
        pieces, lines = Pieces(response), EventLines()
        for name, data in _lawful_events(pieces, lines):
            payload = _payload(name, data, grammar.events + 1)
            _lawful(partial(grammar.take, name, payload))
            if payload["type"] != "ping":
                last = time.monotonic()
                yield payload
            elif time.monotonic() - last > seconds:
                raise Silent(f"it sent nothing but pings for {seconds:g} s")
        if lines.unfinished == "message_stop" and not pieces.cut:
            raise Failed("there is no blank line after message_stop: SDKs drop it")
        _lawful(partial(grammar.end, cut=pieces.cut))

    def _streamed(self, body: Mapping[str, Any]) -> Any:
        self.spent += Spent(1)
        data = _encoded({**body, "stream": True})
        return exchange(self.target, "POST", f"{self.target.url}{MESSAGES}", data)

    def _json(
        self, method: str, url: str, body: bytes | None, key: str | None
    ) -> tuple[Any, Headers]:
        with exchange(self.target, method, url, body, key=key) as response:
            data = whole_body(response)
        self.spent += Spent(1)
        headers = _names_lowered(response)
        if response.status != 200:
            raise Refused(response.status, headers, data)
        value = _decoded(data)
        if value is None:
            kind = headers.get("content-type", "no content type")
            raise Failed(f"HTTP 200 with {kind} that is not JSON: is this the proxy's URL?")
        return value, headers

    def _reply(
        self,
        message: object,
        headers: Headers,
        body: Mapping[str, Any],
        events: int = 0,
        first: float = 0.0,
    ) -> Reply:
        checked = _lawful(partial(check_message, message, body["model"]))
        tokens = checked["usage"].get("output_tokens") or 0
        self.spent += Spent(0, input_tokens(checked), tokens)
        self.messages += 1
        if not headers.get("request-id"):
            raise Failed("the answer has no header request-id")
        return Reply(checked, headers, events, first)


def _lawful(step: Any) -> Any:
    try:
        return step()
    except Violation as error:
        raise Failed(str(error)) from error


def _lawful_events(pieces: Pieces, lines: EventLines) -> Iterator[tuple[str, str]]:
    try:
        for piece in pieces.read():
            yield from lines.feed(piece)
    except Violation as error:
        raise Failed(str(error)) from error


def _payload(name: str, data: str, number: int) -> Mapping[str, Any]:
    value = _decoded(data.encode())
    if not isinstance(value, dict):
        raise Failed(f"event {number} ({name}) does not hold a JSON object")
    return value


def _check_stream_head(response: HTTPResponse) -> None:
    headers = _names_lowered(response)
    if response.status != 200:
        raise Refused(response.status, headers, whole_body(response))
    kind = headers.get("content-type", "")
    if not kind.startswith("text/event-stream"):
        raise Failed(f"a stream was asked for, the answer is {kind or 'without a content type'}")


def _names_lowered(response: HTTPResponse) -> Headers:
    return {name.lower(): value for name, value in response.getheaders()}


def _encoded(body: object) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
