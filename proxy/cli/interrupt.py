"""What SIGINT does before gunicorn handles it.

Rule: while modules are loaded it ends the process without a word. An exception could come where
Python ignores one, and the service would start all the same, or show where it was.
"""

import os
import signal
from collections.abc import Callable

INTERRUPTED = 130
"""The exit code that shells know: 128 and the signal's number."""


_LAST_STEPS: list[tuple[Callable[..., object], tuple[object, ...]]] = []


def end_when_interrupted() -> None:
    """End at once from now on; not where the signal is ignored or somebody else handles it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def before_the_end(step: Callable[..., object], *arguments: object) -> None:
    """Call ``step(*arguments)`` first: what Python calls at its exit is not called."""
    _LAST_STEPS.append((step, arguments))


def _end(*_: object) -> None:
    try:
        for step, arguments in _LAST_STEPS:
            step(*arguments)
    finally:
        os._exit(INTERRUPTED)


def raise_when_interrupted() -> None:
    """Raise ``KeyboardInterrupt`` from now on, where ``end_when_interrupted`` changed that."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
