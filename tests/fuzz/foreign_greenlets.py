"""Greenlets that earlier tests left running in this process.

Rule: a greenlet is foreign if it existed before the application under test was made, or was spawned
by such a one. Laws ignore what foreign greenlets do. All others belong to the test: the test itself,
what it and the application start, the event loop, and threads that belong to no greenlet.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from typing import Any

import gevent


class ForeignGreenlets(logging.Filter):
    """The greenlets that live now, but for the one that asks."""

    def __init__(self) -> None:
        super().__init__()
        # By its type: to be asked for its class, a proxy of what is gone raises.
        alive = [each for each in gc.get_objects() if issubclass(type(each), gevent.Greenlet)]
        # Kept alive: a greenlet knows who spawned it by a weak reference only.
        self._known: set[Any] = {each for each in alive if not each.dead}
        self._known.discard(gevent.getcurrent())

    def here(self) -> bool:
        """Whether it is one of them that runs this."""
        asked: Any = gevent.getcurrent()
        while asked is not None:
            if asked in self._known:
                return True
            # A greenlet of nobody's making has none.
            asked = getattr(asked, "spawning_greenlet", lambda: None)()
        return False

    def filter(self, _record: logging.LogRecord) -> bool:
        """As the filter of a handler: only what a foreign greenlet does not log."""
        return not self.here()

    def spared(self, theirs: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
        """A function that is ``theirs`` for foreign greenlets and ``ours`` for all others."""

        def chosen(*args: Any, **kwargs: Any) -> Any:
            return (theirs if self.here() else ours)(*args, **kwargs)

        return chosen
