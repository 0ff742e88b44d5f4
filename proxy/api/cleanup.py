"""What a request holds and gives back when it is over.

Rule: given back once in every ending. Only the server knows them all: it closes the answer's body
when the answer is written, when the client left and when writing failed; Flask's own hooks end
with the view, and a body that is passed through calls none of them. So this is the outermost layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from proxy.api.context import present_request

HELD = "claude_proxy.held"
WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Endings:
    """The application ``app`` with an end to each of its requests."""

    def __init__(self, app: WsgiApp) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        held = environ[HELD] = ExitStack()
        try:
            body = self._app(environ, start_response)
        except BaseException:
            held.close()
            raise
        return _Body(body, held)


class _Body:
    """A body that lets go of what its request holds when it is closed."""

    __slots__ = ("_body", "_held")

    def __init__(self, body: Iterable[bytes], held: ExitStack) -> None:
        self._body = body
        self._held = held

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        try:
            if close := getattr(self._body, "close", None):
                close()
        finally:
            # After the body has noted how it ended.
            self._held.close()


def on_request_end(callback: Callable[..., object], *arguments: object) -> None:
    """Call ``callback(*arguments)`` when the present request is over, however it ends."""
    present_request().environ[HELD].callback(callback, *arguments)
