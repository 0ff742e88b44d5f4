"""What the process itself needs before it serves: open files, a free port, somewhere to log.

Rule: each function does one thing to this process and says in words why it could not.
"""

from __future__ import annotations

import errno
import logging
import logging.config
import os
import resource
import socket
import sys
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.sock import ssl_context

from config.gunicorn import bind_address
from config.settings import Settings
from proxy.telemetry.logs import logging_config
from proxy.telemetry.uncaught import log_lost_errors

# macOS refuses its own "unlimited" and takes this.
_FALLBACK_FILES = 10240

HANDED_OVER = {"LISTEN_FDS", "GUNICORN_FD"}
"""Variables in which a process is told of sockets that listen already."""

THREADED_WORKER = "gunicorn.workers.gthread"
START = "start with: gunicorn -c deploy/gunicorn.conf.py wsgi:app"

log = logging.getLogger(__name__)


class CannotStart(Exception):
    """The machine does not give what the service needs; the message says what to do."""


def raise_file_limit() -> int:
    """Allow as many open files as the hard limit does, and return how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, _FALLBACK_FILES):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            continue
        return wanted
    return soft


def ensure_free(host: str, port: int) -> None:
    """Raise ``CannotStart`` when nobody can listen there; gunicorn would try for five seconds.

    A socket handed over by systemd, or by the gunicorn that this one replaces, is not looked at.
    """
    if os.environ.keys() & HANDED_OVER:
        return
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise CannotStart(_why_not(error, host, port)) from error


def _why_not(error: OSError, host: str, port: int) -> str:
    address = bind_address(host, port)
    if error.errno == errno.EADDRINUSE:
        return (
            f"{address} is in use: stop the program that listens there, "
            "or choose another port with --port or CLAUDE_PROXY_PORT"
        )
    if error.errno == errno.EACCES:
        return f"may not listen on {address}: choose a port from 1024 up with --port"
    return f"cannot listen on {address} ({error.strerror}): choose another address with --host"


def ensure_certificate(options: Any) -> None:
    """Raise ``CannotStart`` where gunicorn's ``options`` for TLS do not work.

    Else each worker would fail for itself, and be replaced by one that fails, for ever.
    """
    if not options.is_ssl:
        return
    try:
        ssl_context(options)
    except (OSError, TypeError, ValueError) as error:
        # TypeError: a key and no certificate.
        reason = getattr(error, "strerror", None) or error
        raise CannotStart(
            f"cannot serve TLS with certfile={options.certfile} and keyfile={options.keyfile} "
            f"({reason}): name a PEM certificate and its key that this user may read"
        ) from error


def settle_in_foreign_server(settings: Settings, *, patched_by_server: bool) -> None:
    """Make good for what the shipped gunicorn configuration would have done before.

    ``patched_by_server``: whether the standard library was patched before ``wsgi.py`` did it, as
    gevent's worker does. Ends this process where the worker runs threads: those that wait for each
    other by means from before the patch would wait for ever.
    """
    if not patched_by_server and THREADED_WORKER in sys.modules:
        print(f"claude-proxy: it cannot run in gunicorn's gthread worker: {START}", file=sys.stderr)
        sys.exit(Arbiter.WORKER_BOOT_ERROR)
    raise_file_limit()
    if not logging.getLogger().handlers:
        logging.config.dictConfig(logging_config(settings))
    log_lost_errors()
    if not patched_by_server:
        log.warning(
            "this server's worker is not gevent's: streams will block each other; %s", START
        )
