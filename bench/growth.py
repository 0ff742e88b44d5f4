"""How the cost of requests and answers grows with each thing that their senders can repeat.

Rule: one row of ``ANSWERS`` (bench/growth_answers.py) or ``REQUESTS`` (bench/growth_requests.py) for each
list, string and map of the protocols. Each row is sent through the whole application at three sizes. It
fails where ten times as much costs more than eleven times the CPU time, or where one turn on the event
loop takes more than 100 ms of CPU, at any size. What exceeds a limit may end as an error of the protocol.

    python -m bench.growth [PART OF A NAME]     prints the table of docs/performance.md
"""

from __future__ import annotations

if __name__ == "__main__":
    from gevent import monkey

    monkey.patch_all()

import gc
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import gevent
import greenlet

from config.registry.values import Model, Provider, Registry
from config.settings import Settings
from proxy.api.context import EXTENSION
from proxy.app import create_app
from proxy.server.worker import COLLECTOR_THRESHOLDS

FACTOR = 10
MOST_GROWTH = 11.0
CONSTANT_SECONDS = 0.005
"""Differences of this size are not measured."""
MOST_TURN = 0.1
"""CPU seconds of one turn on the event loop."""
RUNS = 3
"""Most runs of a size, of which the least counts."""
TRIES = 3
"""How often a row that fails is measured, each time with twice as much."""

_SERVER = """
import socket, sys, threading
folder = sys.argv[1]
listening = socket.create_server(("127.0.0.1", 0), backlog=64)
print(listening.getsockname()[1], flush=True)
def answer(sock):
    with sock:
        received = b""
        while b"\\r\\n\\r\\n" not in received:
            received += sock.recv(1 << 16)
        head, _, body = received.partition(b"\\r\\n\\r\\n")
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\\r\\n") if line.startswith(b"content-length:")]
        left = int(lengths[0] if lengths else 0) - len(body)
        while left > 0:
            left -= len(sock.recv(1 << 20))
        with open(folder + "/answer", "rb") as file:
            data = file.read()
        with open(folder + "/piece") as file:
            piece = int(file.read())
        if piece:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for at in range(0, len(data), piece or len(data)):
                sock.sendall(data[at:at + (piece or len(data))])
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(1 << 16):
                pass
        except OSError:
            pass
while True:
    sock, _ = listening.accept()
    threading.Thread(target=answer, args=(sock,), daemon=True).start()
"""
"""Sends the bytes of a file as the answer to each request, in pieces of a size or at once."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A request, and the bytes with which the upstream answers it."""

    answer: bytes
    body: bytes | None = None
    path: str = "/v1/messages"
    piece: int = 0
    """Bytes that the upstream sends at once; 0: all."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is repeated."""

    name: str
    make: Callable[[int], Sample]
    """The request and the answer in which it is repeated that often."""
    base: int
    most: int = 0
    """The largest number, of which only the turns count; 0: a hundred times ``base``."""

    @property
    def sizes(self) -> tuple[int, int, int]:
        return self.base, self.base * FACTOR, self.most or self.base * FACTOR * FACTOR


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request cost."""

    seconds: float
    """CPU time of the process."""
    turn: float
    """CPU time of the longest turn on the event loop."""
    status: str

    def least(self, other: Cost) -> Cost:
        return replace(
            self, seconds=min(self.seconds, other.seconds), turn=min(self.turn, other.turn)
        )


@dataclass(frozen=True, slots=True)
class Result:
    """The costs of a row at its three sizes."""

    row: Row
    few: Cost
    many: Cost
    most: Cost

    @property
    def growth(self) -> float:
        return self.many.seconds / self.few.seconds

    @property
    def turn(self) -> float:
        return max(self.few.turn, self.many.turn, self.most.turn)

    @property
    def grows_too_fast(self) -> bool:
        return self.many.seconds > MOST_GROWTH * self.few.seconds + CONSTANT_SECONDS

    @property
    def fails(self) -> bool:
        return self.grows_too_fast or self.turn > MOST_TURN


# --- turns ----------------------------------------------------------------------------------------


class Turns:
    """The longest time between two switches to the hub, in CPU time of this thread."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._began = time.thread_time()
        self._hub = gevent.get_hub()

    def __enter__(self) -> Turns:
        self._previous = greenlet.settrace(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        greenlet.settrace(self._previous)

    def _note(self, event: str, switch: tuple[Any, Any]) -> None:
        origin, target = switch
        if target is self._hub:
            self.longest = max(self.longest, time.thread_time() - self._began)
        elif origin is self._hub:
            self._began = time.thread_time()


# --- the application ------------------------------------------------------------------------------

FLAGS: Mapping[str, Mapping[str, object]] = {
    "m": {"text_tool_calls": True},
    "tags": {"think_tags": True},
    "held": {"tool_args": "buffer"},
    "developer": {"system_role": "developer"},
    "gemini": {"schema_steps": ("inline_refs", "merge_root", "merge_all_of", "one_of_any")},
}
"""By the name of a model: flags of its profile."""


class Application:
    """The application, one chat and one native upstream, both of which send prepared answers."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        base = f"http://127.0.0.1:{port}"
        # Without a key of its own: lists of models are cached by the client's.
        chat = Provider(name="chat", base_url=f"{base}/v1")
        native = Provider(name="native", base_url=base, api_keys=("sk-server",), native=True)
        models = [
            *(Model(id=n, remote_id=n, provider=chat, profile=flags) for n, flags in FLAGS.items()),
            Model(id="native", remote_id="up", provider=native),
        ]
        registry = Registry(
            providers=(chat, native),
            default=chat,
            models=tuple(models),
            from_file=True,
            default_is_registered=True,
        )
        settings = Settings(token_counting="upstream", max_retries=0)
        self._app = create_app(settings, registry)
        self._clients = count()

    def close(self) -> None:
        self._app.extensions[EXTENSION].close()

    def cost(self, sample: Sample) -> Cost:
        """The cost of one request, in a greenlet of its own."""
        (self._folder / "answer").write_bytes(sample.answer)
        (self._folder / "piece").write_text(str(sample.piece), "ascii")
        gc.collect()
        with Turns() as turns:
            before = time.process_time()
            status: str = gevent.spawn(self._asked, sample).get()
            seconds = time.process_time() - before
        return Cost(seconds, turns.longest, status)

    def _asked(self, sample: Sample) -> str:
        body = sample.body
        environ = {
            "REQUEST_METHOD": "GET" if body is None else "POST",
            "PATH_INFO": sample.path,
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body or b"")),
            "HTTP_X_API_KEY": f"client-{next(self._clients)}",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body or b""),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.version": (1, 0),
        }
        told: list[str] = []

        def start(
            status: str, _headers: object, _failure: object = None
        ) -> Callable[[bytes], object]:
            told.append(status)
            return lambda _: None

        pieces: Any = self._app(environ, start)
        last = b""
        with closing(pieces):
            for piece in pieces:
                last = piece
        return "error event" if b"event: error" in last[-4096:] else told[0].split()[0]


@contextmanager
def application() -> Iterator[Application]:
    """The application and its upstreams, with the garbage collector set as in the service."""
    thresholds = gc.get_threshold()
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        command = [sys.executable, "-S", "-c", _SERVER, folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            running = Application(Path(folder), int(server.stdout.readline()))
            gc.collect()
            gc.freeze()
            gc.set_threshold(*COLLECTOR_THRESHOLDS)
            try:
                yield running
            finally:
                gc.set_threshold(*thresholds)
                gc.unfreeze()
                running.close()
                server.kill()


# --- results --------------------------------------------------------------------------------------


def measured(app: Application, row: Row) -> Result:
    """The costs of ``row``; what fails is measured again, with twice as much."""
    for attempt in range(TRIES):
        sizes = [size * 2**attempt for size in row.sizes[:2]] + [row.sizes[2]]
        few, many, most = map(row.make, sizes)
        result = Result(row, app.cost(few), app.cost(many), app.cost(most))
        for _ in range(RUNS - 1):
            if not result.fails:
                return result
            result = Result(
                row,
                result.few.least(app.cost(few)),
                result.many.least(app.cost(many)),
                result.most.least(app.cost(most)) if result.most.turn > MOST_TURN else result.most,
            )
        if not result.fails or result.turn > MOST_TURN:
            break
    return result


def table(results: Iterable[Result]) -> Iterator[str]:
    """The lines of a Markdown table."""
    yield "| what is repeated | times | CPU, ms | ten times as much | times | longest turn, ms | answer |"
    yield "|---|---|---|---|---|---|---|"
    for each in results:
        mark = " **fails**" if each.fails else ""
        yield (
            f"| {each.row.name}{mark} | {each.row.sizes[2]:,} | {each.few.seconds * 1000:.1f}"
            f" | {each.many.seconds * 1000:.1f} | {each.growth:.1f}"
            f" | {each.turn * 1000:.0f} | {each.many.status}, {each.most.status} |"
        )


def main(arguments: Sequence[str]) -> int:
    """Measure all rows, or those whose name contains the argument; 1 if one fails."""
    from bench.growth_rows import ROWS

    failed = 0
    with application() as app:
        app.cost(ROWS[0].make(1))
        print(*table(()), sep="\n")
        for row in ROWS:
            if not arguments or any(each in row.name for each in arguments):
                result = measured(app, row)
                failed += result.fails
                print(*islice(table([result]), 2, None), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
