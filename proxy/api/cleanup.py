"""Callbacks at the end of a request, however it ends.

Rule: each is called once. Only the server sees every end: it closes the answer's body when the answer
is written, when the client left and when writing failed. Flask's own hooks run when the view returns,
and none of them for a body that is passed through. So this is the outermost layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from proxy.api.context import present_request

CALLBACKS = "claude_proxy.callbacks"
WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Callbacks:
    """The callbacks of one request. An ``ExitStack`` takes 2.5 kB more for each open stream, 5 %."""

    __slots__ = ("_callbacks",)

    def __init__(self) -> None:
        self._callbacks: list[tuple[Callable[..., object], tuple[object, ...]]] = []

    def add(self, callback: Callable[..., object], *arguments: object) -> None:
        self._callbacks.append((callback, arguments))

    def run(self) -> None:
        """Call each once, the last one first, even if others raise."""
        if self._callbacks:
            callback, arguments = self._callbacks.pop()
            try:
                callback(*arguments)
            finally:
                self.run()


class CleanUp:
    """The WSGI application ``app``, with the callbacks run at the end of each request."""

    def __init__(self, app: WsgiApp) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        callbacks = environ[CALLBACKS] = _Callbacks()
        try:
            body = self._app(environ, start_response)
        except BaseException:
            callbacks.run()
            raise
        return _Body(body, callbacks)


class _Body:
    """A body that runs the callbacks of its request when it is closed."""

    __slots__ = ("_body", "_callbacks")

    def __init__(self, body: Iterable[bytes], callbacks: _Callbacks) -> None:
        self._body = body
        self._callbacks = callbacks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        try:
            if close := getattr(self._body, "close", None):
                close()
        finally:
            # After the body has recorded how it ended.
            self._callbacks.run()


def on_request_end(callback: Callable[..., object], *arguments: object) -> None:
    """Call ``callback(*arguments)`` when the present request is over, however it ends."""
    present_request().environ[CALLBACKS].add(callback, *arguments)
