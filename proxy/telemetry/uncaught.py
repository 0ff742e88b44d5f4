"""Exceptions in the log, uncaught ones included.

Rule: a log line shows the traceback and the types. It shows messages only if they are known to be safe,
because others may quote a prompt or a key that is not masked. Exceptions that Python, gevent or gunicorn
would write to stderr are logged instead, in the log's format and file, with keys masked.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import ssl
import sys
import threading
import warnings
from contextlib import suppress
from traceback import format_tb
from typing import Any, TextIO

from gevent.hub import Hub

from config.errors import ConfigError

log = logging.getLogger(__name__)

_OTHER_NUMBERS = (socket.gaierror, socket.herror, ssl.SSLError)
"""Exceptions whose ``errno`` is not an error number of the operating system."""


def trace_words(error: BaseException) -> str:
    """The tracebacks and types of ``error`` and its causes, without messages that may be unsafe."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and not any(link is each for each in chain):
        chain.insert(0, link)
        cause, context = link.__cause__, link.__context__
        link = context if cause is None and not link.__suppress_context__ else cause
    lines = []
    for each in chain:
        lines += ["Traceback (most recent call last):\n", *format_tb(each.__traceback__)]
        lines.append(f"{type(each).__module__}.{type(each).__qualname__}{_known_words(each)}\n")
    return "".join(lines).rstrip()


def _known_words(error: BaseException) -> str:
    """The message of ``error`` if it is safe: of a ``ConfigError`` or of the operating system."""
    if isinstance(error, ConfigError):
        return f": {error}"
    if not isinstance(error, OSError) or isinstance(error, _OTHER_NUMBERS):
        return ""
    number = error.errno
    if not isinstance(number, int) or number not in errno.errorcode:
        return ""
    return f": {os.strerror(number)}"


class RedactingFormatter(logging.Formatter):
    """Formats exceptions by ``trace_words``."""

    def format(self, record: logging.LogRecord) -> str:
        """As in ``Formatter``, without reusing the traceback that another handler formatted."""
        if record.exc_info:
            record.exc_text = None
        return super().format(record)

    def formatException(self, ei: Any) -> str:
        """As in ``Formatter``, without messages."""
        return "" if ei[1] is None else trace_words(ei[1])


class Logged:
    """A context whose exceptions are logged and suppressed, even if the log cannot be written."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if not isinstance(error, Exception):
            return False
        # A handler of another server's configuration may raise.
        with suppress(OSError):
            _log(kind, error, trace)
        return True


def log_uncaught_errors() -> None:
    """Log the exceptions of greenlets, callbacks, threads and finalizers of this process.

    Also Python's warnings and failures of log handlers. May be called more than once.
    """
    sys.excepthook = _log
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_unraisable
    warnings.showwarning = _log_warning
    Hub.print_exception = _log_of_hub  # type: ignore[method-assign]
    # A SystemError would end the worker, and gunicorn would print its message.
    Hub.SYSTEM_ERROR = (KeyboardInterrupt, SystemExit)
    logging.Handler.handleError = _report_unwritten  # type: ignore[method-assign]


def _log(kind: Any, error: Any, trace: Any) -> None:
    if not isinstance(error, KeyboardInterrupt | SystemExit):
        log.error("uncaught exception", exc_info=(kind, error, trace))


def _log_unraisable(lost: Any) -> None:
    _log(lost.exc_type, lost.exc_value, lost.exc_traceback)


def _log_of_hub(self: Hub, context: object, t: Any, v: Any, tb: Any) -> None:
    # The context of a thread's task is a tuple; the exception is raised where its result is read.
    if not isinstance(context, tuple):
        _log(t, v, tb)


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    log.warning("%s at %s:%d", category.__name__, filename, lineno)


def _report_unwritten(self: logging.Handler, record: logging.LogRecord) -> None:
    """Report a line that could not be written, unlike Python without its message and arguments."""
    error = sys.exc_info()[1]
    if sys.stderr is not None and error is not None:
        # RuntimeError: this runs in a signal handler or finalizer that interrupted a write to it.
        with suppress(OSError, ValueError, RuntimeError):
            sys.stderr.write(f"cannot write a log line of {record.name}\n")
            sys.stderr.write(f"{trace_words(error)}\n")
