"""The clients of the soak: each records by request id how its requests ended."""

from __future__ import annotations

import contextlib
import json
import random
import select
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.deploy.watched_clients import WatchedClient
from tests.security.wire import request
from tests.soak.upstream import WHOLE_SECONDS

LEAVE_SECONDS = WHOLE_SECONDS / 15
"""After which a client leaves whose whole answer is not there yet."""
SUCCESS, CLIENT_ERROR, UPSTREAM_ERROR = "success", "client error", "upstream error"
ABORT, CUT = "abort", "cut"
CLIENTS = 24
KINDS = {
    "whole": 6,
    "stream": 6,
    "paced": 1,
    "count": 2,
    "models": 1,
    "native whole": 3,
    "native stream": 3,
    "mistake": 1,
    "fail": 1,
    "break": 1,
    "native break": 1,
    "abort": 2,
    "native abort": 1,
    "abort whole": 1,
    "native abort whole": 1,
    "abort its body": 1,
    "slow": 1,
    "silent": 1,
    "unread": 1,
    "native unread": 1,
}
"""What clients do, and how often."""
TEXTS = ("paced", "fail", "break", "abort", "slow", "unread")
UNREAD_SECONDS = 10.0
"""After which a client reads after all: the worker that would have ended its answer was killed."""
SLOW_READ = 16384
WHOLE = ("whole", "native whole", "abort whole", "native abort whole", "count", "fail")
"""Kinds that ask for no stream."""


@dataclass
class Crowd:
    """Clients that go on until ``stop``; ``outcomes`` by request id, ``kinds`` likewise."""

    port: int
    clients: int = CLIENTS
    seed: int = 6
    outcomes: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    ended_at: dict[str, float] = field(default_factory=dict)
    """When each ended, by the monotonic clock."""
    resting: threading.Event = field(default_factory=threading.Event)
    """While set nobody asks."""
    staying: threading.Event = field(default_factory=threading.Event)
    """While set no client leaves: a worker that is killed then may not have logged it."""
    leaving: threading.Lock = field(default_factory=threading.Lock)
    """Held while a client decides to leave, and while ``staying`` is set."""

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._live, args=(number,), daemon=True)
            for number in range(self.clients)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every client finish what it does."""
        self._over.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a client hangs"

    def ended_in(self, request_id: str, windows: Iterable[tuple[float, float]]) -> bool:
        """Whether a request ended between the two times of a window."""
        at = self.ended_at.get(request_id)
        return at is not None and any(first <= at <= last for first, last in windows)

    def open(self) -> int:
        """Requests whose end is not known yet."""
        return len(self.kinds) - len(self.outcomes)

    def _live(self, number: int) -> None:
        chance = random.Random(self.seed * 1000 + number)
        count = 0
        while not self._over.is_set():
            if self.resting.is_set():
                time.sleep(0.05)
                continue
            (kind,) = chance.choices(list(KINDS), list(KINDS.values()))
            count += 1
            request_id = f"soak-{number:03}-{count:06}"
            self.kinds[request_id] = kind
            self.outcomes[request_id] = self._ask(kind, request_id)
            self.ended_at[request_id] = time.monotonic()
            time.sleep(chance.random() * 0.1)

    def _ask(self, kind: str, request_id: str) -> str:
        client = WatchedClient(self.port, narrow=kind.endswith("unread"))
        try:
            raw = raw_for(kind, request_id)
            if kind == "abort its body":
                client.send(raw[:-20])
                time.sleep(0.1)
                if self._leaves(client, request_id):
                    return ABORT
                client.send(raw[-20:])
                return _outcome(client)
            client.send(raw)
            if kind.endswith("abort whole"):
                time.sleep(LEAVE_SECONDS)
                return ABORT if self._leaves(client, request_id) else _outcome(client)
            if kind.endswith("unread"):
                return ABORT if _is_reset(client) else _read_slowly(client)
            if kind.endswith("abort"):
                return self._leave(client, request_id)
            return _read_slowly(client) if kind == "slow" else _outcome(client)
        finally:
            client.close()

    def _leaves(self, client: WatchedClient, request_id: str) -> bool:
        """Whether the client leaves now; recorded at once. It stays if its worker was killed."""
        with self.leaving:
            if self.staying.is_set() or _is_closed(client):
                return False
            self.outcomes[request_id] = ABORT
            return True

    def _leave(self, client: WatchedClient, request_id: str) -> str:
        """After the first bytes; while nobody leaves, after the last ones."""
        with contextlib.suppress(OSError):
            first = client.sock.recv(4096)
            if not first.startswith(b"HTTP/1.1 200") or not self._leaves(client, request_id):
                return _read_slowly(client, first)
            return ABORT
        return CUT


def raw_for(kind: str, request_id: str) -> bytes:
    """The request of one kind."""
    head = {"x_request_id": request_id, "x_api_key": "k"}
    if kind == "models":
        return request("GET", "/v1/models", **head)
    text = next((word for word in TEXTS if word in kind), "x")
    body: dict[str, Any] = {
        "model": next(
            f"{name}-model" for name in ("native", "silent", "chat") if name in f"{kind} chat"
        ),
        "max_tokens": 50,
        "messages": [
            {
                "role": "user",
                "content": {"abort": "paced", "slow": "long", "unread": "long"}.get(text, text),
            }
        ],
        "stream": kind not in WHOLE,
    }
    if kind == "mistake":
        body["messages"] = []
    if kind == "count":
        del body["stream"], body["max_tokens"]
        return request("POST", "/v1/messages/count_tokens", json.dumps(body).encode(), **head)
    return request("POST", "/v1/messages", json.dumps(body).encode(), **head)


def _is_reset(client: WatchedClient) -> bool:
    """Whether the server resets the connection, of which nothing is read, in time."""
    poll = select.poll()
    poll.register(client.sock, 0)
    return bool(poll.poll(UNREAD_SECONDS * 1000))


def _is_closed(client: WatchedClient) -> bool:
    """Whether the server ended the connection."""
    if not select.select([client.sock], [], [], 0)[0]:
        return False
    try:
        return client.sock.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True


def _outcome(client: WatchedClient) -> str:
    seen = client.read()
    ending = seen.ending
    if ending == "whole":
        return SUCCESS
    if ending in ("cut", "no answer"):
        return CUT
    return CLIENT_ERROR if 400 <= seen.status < 500 else UPSTREAM_ERROR


def _read_slowly(client: WatchedClient, data: bytes = b"") -> str:
    with contextlib.suppress(OSError):
        while piece := client.sock.recv(SLOW_READ):
            data += piece
            time.sleep(0.03)
    if data.endswith(b"\r\n0\r\n\r\n"):
        return SUCCESS if b"message_stop" in data[-200:] else UPSTREAM_ERROR
    whole = data.startswith((b"HTTP/1.1 5", b"HTTP/1.1 4")) and data.endswith(b"}")
    return UPSTREAM_ERROR if whole else CUT
