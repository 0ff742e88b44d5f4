"""Handling of SIGINT before gunicorn's own handler is installed.

Rule: while modules are imported, SIGINT ends the process immediately and without output. A
``KeyboardInterrupt`` could be raised where Python ignores exceptions, or print a stack trace.
"""

import os
import signal
from collections.abc import Callable
from functools import partial

INTERRUPTED = 130
"""Exit code of shells after SIGINT: 128 plus the signal's number."""
STOPPED = 0
"""Exit code of the service after SIGINT, which is how it is stopped: make reports another as an error."""

_LAST_STEPS: list[tuple[Callable[..., object], tuple[object, ...]]] = []


def end_when_interrupted(exit_code: int = INTERRUPTED) -> None:
    """From now on SIGINT ends the process at once, unless it is ignored or handled already."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, partial(_end, exit_code))


def before_the_end(step: Callable[..., object], *arguments: object) -> None:
    """Call ``step(*arguments)`` before SIGINT ends the process: exit functions do not run then."""
    _LAST_STEPS.append((step, arguments))


def _end(exit_code: int, *_: object) -> None:
    try:
        for step, arguments in _LAST_STEPS:
            step(*arguments)
    finally:
        os._exit(exit_code)


def raise_when_interrupted() -> None:
    """Undo ``end_when_interrupted``: from now on SIGINT raises ``KeyboardInterrupt``."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def raise_silently() -> None:
    """Keep gevent from printing the ``KeyboardInterrupt`` that SIGINT raises in its hub."""
    from gevent import get_hub

    hub = get_hub()
    if KeyboardInterrupt not in hub.NOT_ERROR:
        hub.NOT_ERROR = (*hub.NOT_ERROR, KeyboardInterrupt)
