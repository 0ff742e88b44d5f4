"""What SIGINT does before gunicorn handles it.

Rule: while modules are loaded it ends the process without a word. An exception could come where
Python ignores one, and the service would start all the same, or show where it was.
"""

import os
import signal

INTERRUPTED = 130
"""The exit code that shells know: 128 and the signal's number."""


def end_when_interrupted() -> None:
    """End at once from now on; not where the signal is ignored or somebody else handles it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))


def raise_when_interrupted() -> None:
    """Raise ``KeyboardInterrupt`` from now on, where ``end_when_interrupted`` changed that."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
