"""Runs cells of the matrix, many at a time: each with its own proxy, upstream and real sockets.

Rule: what happened is written down as an ``Outcome`` without looking at what was expected. A second
request follows on the same proxy; it must get the right answer, and no connection may stay open.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

import gevent
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from config.registry.values import Model, Provider, Registry
from config.settings import Settings
from proxy.api.context import EXTENSION
from proxy.app import create_app
from proxy.errors import ProxyError
from tests.faults.answers import (
    NATIVE_REQUEST,
    PIECES,
    REQUEST,
    RIGHT,
    STREAMS,
    WHOLE_NATIVE,
    bodies,
    content_type,
    shortened,
)
from tests.faults.cell import BROKEN, FRESH, NO_RETRY, SAME, Cell, Outcome
from tests.faults.upstream import LENGTH, FaultUpstream, Unaccepting, sent

PATH = "/v1/messages"
FIRST_BYTE, SILENCE, CONTENT = 8.0, 7.0, 7.5
"""Seconds, for the cells that stall: long enough for a busy machine, and they all wait at once."""
FILLERS = (":", "event: ping")
"""How events of a native stream begin that may be repeated without end."""
PATIENCE = 60.0
"""Seconds, for all others: 65 MB take long where the machine is busy."""
GIVEN_UP = 90.0
"""Seconds after which a cell is said to hang."""


def run_all(cells: Iterable[Cell], ca_bundle: str, *, at_once: int) -> dict[str, Outcome | str]:
    """The outcome of each cell by its id; words instead of an outcome where there is none."""
    results: dict[str, Outcome | str] = {}

    def run(trial: Trial) -> None:
        try:
            with gevent.Timeout(GIVEN_UP):
                results[trial.cell.id] = trial.outcome()
        except gevent.Timeout:
            results[trial.cell.id] = "hung"

    waiting = list(cells)
    while waiting:
        # Made beforehand: what blocks the loop must not eat the time that a cell measures.
        batch, waiting = waiting[:at_once], waiting[at_once:]
        gevent.joinall(
            [gevent.spawn(run, Trial(cell, ca_bundle)) for cell in batch], raise_error=True
        )
    return results


def stalls(cell: Cell) -> bool:
    """Whether a limit of time is part of the cell."""
    return cell.port == "not accepting" or "stall" in cell.fault


class Trial:
    """One cell under way."""

    def __init__(self, cell: Cell, ca_bundle: str) -> None:
        self.cell = cell
        self.native = cell.kind.startswith("native")
        self.upstream = FaultUpstream()
        self.blocked = Unaccepting() if cell.port == "not accepting" else None
        port = self.upstream.port if self.blocked is None else self.blocked.port
        self.port = port
        slow = stalls(cell)
        settings = Settings(
            openai_base_url=f"http://localhost:{port}/v1",
            openai_api_key="sk-server",
            ca_bundle=ca_bundle,
            connect_timeout=1.0 if cell.port == "not accepting" else 10.0,
            first_byte_timeout=FIRST_BYTE if slow and not self.blocked else PATIENCE,
            request_timeout=SILENCE if slow else PATIENCE,
            content_timeout=CONTENT if slow else PATIENCE,
        )
        registry = native_registry(port) if self.native else None
        self.client: FlaskClient = create_app(settings, registry).test_client()

    def outcome(self) -> Outcome | str:
        try:
            return self._run()
        finally:
            self.client.application.extensions[EXTENSION].close()
            self.upstream.close()

    def _run(self) -> Outcome | str:
        cell, upstream = self.cell, self.upstream
        if cell.before:
            upstream.plays(cell.before)
            self._ask(stream=False, kind=f"{cell.kind.split()[0]} whole")
        if cell.port == "refusing":
            upstream.close()
        elif cell.port == "resetting":
            upstream.breaks = 1
        else:
            upstream.plays(cell.play() if callable(cell.play) else cell.play)
        upstream.plays(self._right_play())
        faulty = self._ask(stream=cell.kind in STREAMS, kind=cell.kind)
        return self._followed(faulty)

    def _right_play(self) -> Any:
        kind = "native whole" if self.native else "chat whole"
        body = json.dumps(WHOLE_NATIVE).encode() if self.native else b"".join(bodies(PIECES[kind]))
        return sent([body], LENGTH, content_type=content_type(kind)).whole()

    def _followed(self, faulty: tuple[int, tuple[str, ...], str, str]) -> Outcome | str:
        """The outcome, once the next request got what it should."""
        if self.cell.port == "not accepting":
            # Nobody could take the next request.
            assert self.blocked is not None
            self.blocked.close()
            return Outcome(*faulty[:2], FRESH, *faulty[2:])
        if not self.upstream.idle.wait(60):
            return f"{faulty}: the connection was left open"
        if self.cell.port == "refusing":
            self.upstream = FaultUpstream(port=self.port)
            self.upstream.plays(self._right_play())
        before = len(self.upstream.connections)
        kind = "native whole" if self.native else "chat whole"
        after = self._ask(stream=False, kind=kind)
        if after != (200, RIGHT[kind], "finished", ""):
            return f"{faulty}, then {after}"
        fresh = len(self.upstream.connections) > before
        self.client.application.extensions[EXTENSION].close()
        deadline = time.monotonic() + 60
        while not all(one.closed.is_set() for one in self.upstream.connections):
            if time.monotonic() > deadline:
                return f"{faulty}: a connection was never closed"
            gevent.sleep(0.01)
        return Outcome(*faulty[:2], FRESH if fresh else SAME, *faulty[2:])

    def _ask(self, *, stream: bool, kind: str) -> tuple[int, tuple[str, ...], str, str]:
        body = NATIVE_REQUEST if self.native else REQUEST
        response = self.client.post(
            PATH, json={**body, "stream": True} if stream else body, headers={"x-api-key": "k"}
        )
        data, framing = _read(response)
        response.close()
        retry = NO_RETRY if response.headers.get("x-should-retry") == "false" else ""
        return response.status_code, self._told(response, data), framing, retry

    def _told(self, response: TestResponse, data: bytes) -> tuple[str, ...]:
        text = data.decode("utf-8", "replace")
        kind = str(response.content_type)
        if kind.startswith("text/event-stream"):
            blocks = [block for block in text.split("\n\n") if block]
            # How many comments and pings come before the proxy gives up is a matter of time.
            again = [b == before for b, before in zip(blocks, ["", *blocks], strict=False)]
            told = [
                b
                for b, repeated in zip(blocks, again, strict=True)
                if not (repeated and b.startswith(FILLERS))
            ]
            return tuple(map(self._event, told))
        if response.status_code >= 400:
            error = json.loads(text)["error"]
            return error["type"], self._nameless(error["message"])
        if not kind.startswith("application/json"):
            return kind, shortened(text)
        if self.native:
            return (shortened(text),)
        message = json.loads(text)
        return (*map(_block, message["content"]), _ending(message))

    def _event(self, block: str) -> str:
        if self.native and "req_" not in block:
            return shortened(block)
        name, data = (line.partition(": ")[2] for line in block.split("\n"))
        event = json.loads(data)
        assert name == event["type"]
        if name == "error":
            assert event["request_id"].startswith("req_")
            error = event["error"]
            return f"error {error['type']}: {self._nameless(error['message'])}"
        return short_event(event)

    def _nameless(self, message: str) -> str:
        return message.replace(f"localhost:{self.port}", "HOST")


def native_registry(port: int) -> Registry:
    """One native provider, and a model that has another name there."""
    native = Provider(
        name="native", base_url=f"http://localhost:{port}", api_keys=("sk-server",), native=True
    )
    return Registry(
        providers=(native,),
        default=native,
        models=(Model(id="mine", remote_id="claude-up", provider=native),),
        from_file=True,
        default_is_registered=True,
    )


def _read(response: TestResponse) -> tuple[bytes, str]:
    """The body, and whether it came to the end of its framing: gunicorn ends it only then."""
    pieces = []
    try:
        for piece in response.response:
            pieces.append(piece)
    except ProxyError:
        return b"".join(pieces), BROKEN  # type: ignore[arg-type]
    return b"".join(pieces), "finished"  # type: ignore[arg-type]


def short_event(event: Mapping[str, Any]) -> str:
    """A stream event in a few words."""
    kind = event["type"]
    if kind == "content_block_start":
        block = event["content_block"]
        name = f" {block['name']}" if "name" in block else ""
        return f"start {event['index']} {block['type']}{name}"
    if kind == "content_block_stop":
        return f"stop {event['index']}"
    if kind == "message_delta":
        return f"message_delta {_ending({**event['delta'], 'usage': event['usage']})}"
    if kind != "content_block_delta":
        return str(kind)
    delta = event["delta"]
    name = {"input_json_delta": "arguments"}.get(delta["type"], delta["type"].partition("_")[0])
    if name == "signature":
        return f"signature {event['index']}"
    value = next(value for member, value in delta.items() if member != "type")
    return f"{name} {event['index']} {quoted(value)}"


def quoted(text: str) -> str:
    """``text`` as Python writes it; a long run of one letter as its length."""
    return repr(shortened(text))


def _block(block: Mapping[str, Any]) -> str:
    if block["type"] == "tool_use":
        arguments = quoted(json.dumps(block["input"], separators=(",", ":")))[1:-1]
        return f"tool_use {block['name']} {arguments}"
    return f"{block['type']} {quoted(block[block['type']])}"


def _ending(message: Mapping[str, Any]) -> str:
    usage = message["usage"]
    return f"{message['stop_reason']} {usage['input_tokens']}/{usage['output_tokens']}"
