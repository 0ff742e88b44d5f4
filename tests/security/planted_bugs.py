"""Bugs to put into a worker: each raises an exception whose text quotes a prompt and keys.

Rule: the exception has them in its message, in its cause, in a note and in local variables; the
product knows of them by nothing else.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import gevent

WORDS = "PLANTED_WORDS"
TRIGGER = "PLANTED_TRIGGER"
"""The names of the variables that say what the exceptions quote, and which file names the place
that has a bug just now."""


def fail(*_: object, **__: object) -> NoReturn:
    words = os.environ[WORDS]
    try:
        raise KeyError(words)
    except KeyError as cause:
        error = ValueError(f"cannot read {words!r}")
        error.add_note(f"while reading {words}")
        raise error from cause


def hang(*_: object, **__: object) -> NoReturn:
    """Nothing else runs any more in the worker, until its master ends it."""
    words = os.environ[WORDS]
    while words:
        pass
    raise AssertionError


class _Dying:
    def __del__(self) -> None:
        fail()


def in_callback(*_: object, **__: object) -> None:
    gevent.get_hub().loop.run_callback(fail)
    gevent.sleep(0.01)


def in_finalizer(*_: object, **__: object) -> None:
    _Dying()


def in_thread(*_: object, **__: object) -> None:
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()


Spot = tuple[str, str]
"""Module and attribute."""
_LOG = ("proxy.api.messages", "_log")
PLACES: dict[str, tuple[Spot, Callable[..., Any]]] = {
    "before a view": (("proxy.api.lifecycle", "take_slot"), fail),
    "a view": (("proxy.api.messages", "checked_request"), fail),
    "after a view": (("proxy.api.lifecycle", "add_limit_headers"), fail),
    "the head of a stream": (("proxy.relay.translated_codec", "cheap_estimate"), fail),
    "a running stream": (("proxy.relay.translated_codec", "StreamBytes.feed"), fail),
    "the end of a stream": (("proxy.relay.stream", "StreamedResponse._record"), fail),
    "a computation": (("proxy.tokens.count", "_total"), fail),
    "outside the application": (("proxy.api.cleanup", "_Body.__iter__"), fail),
    "the loop": (_LOG, in_callback),
    "the end of an object": (_LOG, in_finalizer),
    "a thread": (_LOG, in_thread),
    # The last ones: the worker does not get over them.
    "the watch": (("proxy.relay.sweeper", "Sweeper._gone_clients"), fail),
    "a hanging view": (("proxy.api.messages", "chosen_route"), hang),
}
"""By name: what stands there, and what stands there instead."""


def plant() -> None:
    """Put all of them into this process."""
    for module, path in {spot for spot, _ in PLACES.values()}:
        _plant(module, path, Path(os.environ[TRIGGER]))


def _plant(module: str, path: str, trigger: Path) -> None:
    owner: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for each in outer:
        owner = getattr(owner, each)
    right = getattr(owner, name)

    def instead(*arguments: object, **options: object) -> object:
        spot, bug = PLACES.get(trigger.read_text("utf-8"), (("", ""), right))
        chosen = bug if spot == (module, path) else right
        return chosen(*arguments, **options)

    setattr(owner, name, instead)
