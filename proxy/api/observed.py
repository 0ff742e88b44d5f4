"""Shows whole exchanges to a recording, or to the replay of one: a WSGI layer and a hook.

Rule: installed only while exchanges are recorded or replayed. The layer is the outermost one, so that it sees what the server
reads and writes; the hook admits requests whose view calls an upstream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from flask import Flask

from proxy.api.cleanup import WsgiApp
from proxy.api.context import present_request, record
from proxy.ids import SEEDED, SeededIds
from proxy.telemetry.request_record import Tap

OBSERVER = "claude_proxy.observer"


class Observer(Tap, Protocol):
    """What sees one whole exchange, to record it or to compare it with its recording."""

    ids: SeededIds
    skipped: bool

    def request(self, method: str, target: str, headers: list[tuple[str, str]]) -> None: ...
    def body_piece(self, data: bytes) -> None: ...
    def admit(self, request_id: str) -> None: ...
    def answer(self, status: str, headers: Iterable[tuple[str, str]]) -> None: ...
    def sent(self, data: bytes) -> None: ...
    def done(self, outcome: str) -> None: ...


def observe(app: Flask, observer: Callable[[], Observer]) -> None:
    """Let what ``observer()`` returns see each exchange of ``app``.

    To be called when the lifecycle hooks are registered and dynamic routes are not.
    """
    app.wsgi_app = ObservedApp(app.wsgi_app, observer)  # type: ignore[method-assign]
    app.before_request(_admit)


def _admit() -> None:
    """Runs after the caller was let in; a dynamic route checks its caller later, before a body is read."""
    sent = present_request()
    observer: Observer = sent.environ[OBSERVER]
    rule: Any = sent.url_rule
    calls = rule is None or (rule.access.counted and not rule.access.costly_get)
    if calls and sent.method in ("POST", "GET"):
        present = record()
        observer.admit(present.request_id)
        present.tap = observer
    else:
        observer.skipped = True


class ObservedApp:
    """The WSGI application ``app``, each of whose exchanges an observer sees."""

    def __init__(self, app: WsgiApp, observer: Callable[[], Observer]) -> None:
        self._app = app
        self._observer = observer

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        observer = self._observer()
        SEEDED.set(observer.ids)
        environ[OBSERVER] = observer
        observer.request(environ["REQUEST_METHOD"], _target(environ), _headers(environ))
        environ["wsgi.input"] = _Input(environ["wsgi.input"], observer)

        def started(status: str, headers: Any, exc_info: Any = None) -> Any:
            observer.answer(status, headers)
            return start_response(status, headers, exc_info)

        try:
            body = self._app(environ, started)
        except BaseException:
            observer.done("aborted")
            raise
        return body if observer.skipped else _Body(body, observer)


class _Input:
    """The body of a request, each read of which the observer sees."""

    def __init__(self, body: Any, observer: Observer) -> None:
        self._body = body
        self._observer = observer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)

    def read(self, *size: int) -> bytes:
        data: bytes = self._body.read(*size)
        if data:
            self._observer.body_piece(data)
        return data


class _Body:
    """The body of an answer, each piece of which the observer sees."""

    def __init__(self, body: Iterable[bytes], observer: Observer) -> None:
        self._body = body
        self._observer = observer
        self._outcome = "client left"

    def __iter__(self) -> Iterator[bytes]:
        try:
            for piece in self._body:
                if piece:
                    self._observer.sent(piece)
                yield piece
        except GeneratorExit:
            raise
        except BaseException:
            self._outcome = "aborted"
            raise
        self._outcome = "complete"

    def close(self) -> None:
        try:
            if close := getattr(self._body, "close", None):
                close()
        finally:
            self._observer.done(self._outcome)


def _target(environ: dict[str, Any]) -> str:
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if raw:
        return str(raw)
    query = environ.get("QUERY_STRING", "")
    return str(environ["PATH_INFO"]) + (f"?{query}" if query else "")


def _headers(environ: dict[str, Any]) -> list[tuple[str, str]]:
    """The headers of the request; a server joins repeated ones."""
    headers = [
        (name.removeprefix("HTTP_").replace("_", "-").lower(), value)
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    ]
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers.append((name.replace("_", "-").lower(), str(environ[name])))
    return headers
