"""A scripted Chat Completions server on loopback, exact to the byte.

Rule: a test says which bytes are sent when; the stub adds nothing of its own. It records what it was
sent and knows when the client closed a connection. Plain sockets and threads, which are greenlets in
a patched process.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import trustme


def server_tls(folder: Path, host: str = "localhost") -> tuple[ssl.SSLContext, str]:
    """A server's TLS context with a fresh certificate for ``host``, and its authority's file."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return context, str(path)


Framing = Literal["chunked", "length", "close", "gzip"]


@dataclass(frozen=True)
class Sleep:
    """Pause for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Wait:
    """Pause until the test sets the event."""

    event: threading.Event


class Close:
    """Close the connection in order (FIN)."""


class Reset:
    """Break the connection (RST)."""


Step = bytes | Sleep | Wait | Close | Reset
Script = tuple[Step, ...]


@dataclass(frozen=True)
class Recorded:
    """One request as it arrived. ``headers`` have lower-case names, repeated ones joined by comma."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    """Number of the connection it came on, from 0."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One accepted connection."""

    def __init__(self, number: int, sock: socket.socket) -> None:
        self.number = number
        self.sock = sock
        self.closed = threading.Event()
        """Set when the client closed or broke the connection."""

    def run(self, script: Script) -> bool:
        """Play a script; false when it ended the connection."""
        for step in script:
            if isinstance(step, bytes):
                self.sock.sendall(step)
            elif isinstance(step, Sleep):
                time.sleep(step.seconds)
            elif isinstance(step, Wait):
                step.event.wait(120)
            else:
                self.drop(reset=isinstance(step, Reset))
                return False
        return True

    def drop(self, *, reset: bool = False) -> None:
        with contextlib.suppress(OSError):
            if reset:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


@dataclass
class UpstreamStub:
    """The server. ``answer`` queues one script for each request to come, in order of arrival."""

    tls: ssl.SSLContext | None = None
    port: int = 0
    requests: list[Recorded] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    default: Script | Callable[[Recorded], Script] | None = None
    """Played when the queue is empty; without one the request is answered with a 500."""
    closed: threading.Event = field(default_factory=threading.Event)
    """Set as soon as a client closed any connection."""

    def __post_init__(self) -> None:
        self._scripts: deque[Script] = deque()
        self._arrived = threading.Condition()
        self._stopped = False
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"

    @property
    def url(self) -> str:
        return f"{self.base_url}/chat/completions"

    def answer(self, *scripts: Script) -> None:
        self._scripts.extend(scripts)

    def wait_for_requests(self, count: int, timeout: float = 60) -> bool:
        """Wait until ``count`` requests have arrived in all."""
        with self._arrived:
            return self._arrived.wait_for(lambda: len(self.requests) >= count, timeout)

    def close(self) -> None:
        self._stopped = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            connection.drop()

    def _accept(self) -> None:
        while not self._stopped:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            try:
                sock = self.tls.wrap_socket(sock, server_side=True)
            except OSError:
                sock.close()
                return
        connection = Connection(len(self.connections), sock)
        self.connections.append(connection)
        turn = threading.Lock()
        requests = _requests(connection)
        # Reading goes on while a script plays: only a read tells that the client is gone.
        for recorded in requests:
            threading.Thread(
                target=self._play, args=(connection, recorded, turn), daemon=True
            ).start()
        connection.closed.set()
        self.closed.set()
        with turn:
            sock.close()

    def _play(self, connection: Connection, recorded: Recorded, turn: threading.Lock) -> None:
        with turn:
            script = self._next(recorded)
            with self._arrived:
                self.requests.append(recorded)
                self._arrived.notify_all()
            with contextlib.suppress(OSError):
                connection.run(script)

    def _next(self, recorded: Recorded) -> Script:
        if self._scripts:
            return self._scripts.popleft()
        if callable(self.default):
            return self.default(recorded)
        return self.default or json_answer({"error": {"message": "nothing scripted"}}, status=500)


def _requests(connection: Connection) -> Iterable[Recorded]:
    """Requests of one connection until the client closes it."""
    held = b""

    def more() -> bool:
        nonlocal held
        try:
            data = connection.sock.recv(65536)
        except (OSError, ValueError):
            return False
        held += data
        return bool(data)

    while True:
        while b"\r\n\r\n" not in held:
            if not more():
                return
        head, _, held = held.partition(b"\r\n\r\n")
        start, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = start.split(" ", 2)
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            key = name.strip().lower()
            headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
        length = int(headers.get("content-length", "0"))
        while len(held) < length:
            if not more():
                return
        body, held = held[:length], held[length:]
        yield Recorded(method, target, headers, body, connection.number)


def head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [
        f"HTTP/1.1 {status} Whatever",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def answer(
    *steps: Step,
    status: int = 200,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
    framing: Framing = "length",
) -> Script:
    """A whole answer: ``steps`` are the pieces of its body and what happens between them.

    chunked: one HTTP chunk for each piece; gzip: the same, compressed, each piece flushed;
    length: Content-Length; close: neither, the connection's end is the body's.
    """
    fields = {"Content-Type": content_type, **(headers or {})}
    if framing == "length":
        fields["Content-Length"] = str(sum(len(step) for step in steps if isinstance(step, bytes)))
        return (head(status, fields), *steps)
    if framing == "close":
        return (head(status, {**fields, "Connection": "close"}), *steps, Close())
    fields["Transfer-Encoding"] = "chunked"
    if framing == "gzip":
        fields["Content-Encoding"] = "gzip"
        steps = _gzipped(steps)
    pieces = [http_chunk(step) if isinstance(step, bytes) else step for step in steps]
    ended = any(isinstance(step, Close | Reset) for step in steps)
    return (head(status, fields), *pieces, *(() if ended else (b"0\r\n\r\n",)))


def http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _gzipped(steps: Iterable[Step]) -> tuple[Step, ...]:
    packer = zlib.compressobj(wbits=31)
    packed: list[Step] = []
    for step in steps:
        if isinstance(step, bytes):
            packed.append(packer.compress(step) + packer.flush(zlib.Z_SYNC_FLUSH))
        else:
            packed.append(step)
    return (*packed, packer.flush())


def byte_by_byte(script: Script) -> Script:
    """The same script, every byte sent on its own."""
    pieces: list[Step] = []
    for step in script:
        pieces += [step[i : i + 1] for i in range(len(step))] if isinstance(step, bytes) else [step]
    return tuple(pieces)


def json_answer(
    value: object,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    framing: Framing = "length",
) -> Script:
    return answer(json.dumps(value).encode(), status=status, headers=headers, framing=framing)


def sse(
    *items: object,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    framing: Framing = "chunked",
    line_end: str = "\n",
    done: bool = True,
) -> Script:
    """An event stream: dicts become ``data:`` lines, bytes and steps go as they are."""
    ending = ("data: [DONE]" + 2 * line_end).encode() if done else b""
    steps = [_event(item, line_end) for item in items]
    ends = any(isinstance(item, Close | Reset) for item in items)
    return answer(
        *steps,
        *((ending,) if ending and not ends else ()),
        status=status,
        content_type="text/event-stream",
        headers=headers,
        framing=framing,
    )


def _event(item: object, line_end: str) -> Step:
    if isinstance(item, bytes | Sleep | Wait | Close | Reset):
        return item
    return f"data: {json.dumps(item, ensure_ascii=False)}{2 * line_end}".encode()


def chunk(finish: str | None = None, usage: object = None, **delta: object) -> dict[str, Any]:
    """One ``chat.completion.chunk``."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {**_ENVELOPE, "object": "chat.completion.chunk", "choices": [choice], "usage": usage}


def usage_chunk(prompt: int = 10, completion: int = 5) -> dict[str, Any]:
    return {**chunk(usage=usage(prompt, completion)), "choices": []}


def usage(prompt: int = 10, completion: int = 5) -> dict[str, int]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def text_stream(*texts: object, finish: str = "stop", **framing: Any) -> Script:
    """A streamed reply of these texts; steps between them are kept."""
    items = [chunk(content=text) if isinstance(text, str) else text for text in texts]
    return sse(chunk(role="assistant"), *items, chunk(finish), usage_chunk(), **framing)


def tool_call(
    index: int, arguments: str, *, id: str | None = None, name: str | None = None
) -> dict[str, Any]:
    """One fragment of ``delta.tool_calls``."""
    fragment: dict[str, Any] = {"index": index, "function": {"arguments": arguments}}
    if id is not None:
        fragment |= {"id": id, "type": "function"}
    if name is not None:
        fragment["function"]["name"] = name
    return fragment


def tool_stream(*calls: tuple[str, str, str], cut: int = 5, **framing: Any) -> Script:
    """A streamed reply of tool calls ``(id, name, arguments)``, arguments in pieces of ``cut``."""
    items: list[object] = []
    for index, (id, name, arguments) in enumerate(calls):
        items.append(chunk(tool_calls=[tool_call(index, "", id=id, name=name)]))
        for start in range(0, len(arguments), cut):
            piece = arguments[start : start + cut]
            items.append(chunk(tool_calls=[tool_call(index, piece)]))
    return sse(chunk(role="assistant"), *items, chunk("tool_calls"), usage_chunk(), **framing)


def completion(
    content: str | None = "Hello", finish: str = "stop", **message: object
) -> dict[str, Any]:
    """A whole ``chat.completion``."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content, **message},
        "finish_reason": finish,
    }
    return {**_ENVELOPE, "object": "chat.completion", "choices": [choice], "usage": usage()}


_ENVELOPE = {"id": "chatcmpl-abc123", "created": 1_700_000_000, "model": "stub-model"}
