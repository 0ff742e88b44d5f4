"""Preparation of the process before it serves: open files, a free port, TLS, logging.

Rule: each function does one thing; if it fails, its message gives the reason and the remedy.
"""

from __future__ import annotations

import ctypes
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
from proxy.cli.errors import CannotStart
from proxy.telemetry.logs import logging_config
from proxy.telemetry.uncaught import log_uncaught_errors

# macOS refuses the "unlimited" that it reports as the hard limit, but accepts this value.
_FALLBACK_FILES = 10240

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""
_LARGE_BYTES = 4 * 1024 * 1024
"""Size from which a block of memory is mapped separately; glibc begins with 128 kB, and adapts it."""

INHERITED_SOCKETS = {"LISTEN_FDS", "GUNICORN_FD"}
"""Variables that announce inherited listening sockets."""

THREADED_WORKER = "gunicorn.workers.gthread"
START = "start with: gunicorn -c deploy/gunicorn.conf.py wsgi:app"

log = logging.getLogger(__name__)


def raise_file_limit() -> int:
    """Raise the limit of open files to the hard limit; returns the limit in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, _FALLBACK_FILES):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            continue
        return wanted
    return soft


def return_freed_memory() -> None:
    """Let this process and its workers return freed memory at once; does nothing without glibc.

    By default glibc keeps up to 64 MB for each thread after it has freed that much once: after a few
    requests of 32 MB a worker would keep 100 to 200 MB. Smaller ones are not affected.
    """
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)
    if adjust is not None:
        adjust(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        adjust(_M_TRIM_THRESHOLD, 2 * _LARGE_BYTES)


def release_memory() -> None:
    """Return the memory that was freed so far (5 MB after loading tables); does nothing without glibc.

    Workers would take over these pages when they are forked.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))


def ensure_free(host: str, port: int) -> None:
    """Raise ``CannotStart`` if this address cannot be bound; gunicorn would retry for five seconds.

    Does nothing if the socket is inherited from systemd or from the gunicorn that this one replaces.
    """
    if os.environ.keys() & INHERITED_SOCKETS:
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
        return f"no permission to listen on {address}: choose a port from 1024 up with --port"
    return f"cannot listen on {address} ({error.strerror}): choose another address with --host"


def ensure_certificate(options: Any) -> None:
    """Raise ``CannotStart`` if gunicorn's ``options`` for TLS do not work.

    Otherwise every worker would fail and gunicorn would start another one, endlessly.
    """
    if not options.is_ssl:
        return
    try:
        ssl_context(options)
    except (OSError, TypeError, ValueError) as error:
        # TypeError: a key without a certificate.
        reason = getattr(error, "strerror", None) or error
        raise CannotStart(
            f"cannot serve TLS with certfile={options.certfile} and keyfile={options.keyfile} "
            f"({reason}): name a PEM certificate and its key that this user may read"
        ) from error


def prepare_in_foreign_server(settings: Settings, *, patched_by_server: bool) -> None:
    """Do what the shipped gunicorn configuration does, in a server with another configuration.

    ``patched_by_server``: whether the standard library was patched before ``wsgi.py`` did it, as
    gevent's worker does. In a gthread worker this process exits, because locks that were created
    before the patch would never be released.
    """
    if not patched_by_server and THREADED_WORKER in sys.modules:
        print(f"claude-proxy: gunicorn's gthread worker is not supported: {START}", file=sys.stderr)
        sys.exit(Arbiter.WORKER_BOOT_ERROR)
    raise_file_limit()
    return_freed_memory()
    if not logging.getLogger().handlers:
        logging.config.dictConfig(logging_config(settings))
    log_uncaught_errors()
    if not patched_by_server:
        log.warning(
            "the server does not use the gevent worker: streams will block each other; %s", START
        )
