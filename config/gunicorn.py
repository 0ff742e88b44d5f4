"""gunicorn's options, for both the command line and ``deploy/gunicorn.conf.py``.

Rule: an option that operators may choose comes from ``Settings``; the others are fixed here, each
with its reason.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from config.settings import Settings

SHARED_MEMORY = "/dev/shm"
MAX_REQUEST_LINE = 8190
"""Bytes; gunicorn's own maximum for this option."""


def gunicorn_options(settings: Settings) -> dict[str, Any]:
    """gunicorn's options by name, without hooks and logging."""
    return {
        "bind": [bind_address(settings.host, settings.port)],
        "worker_class": "proxy.server.worker.ProxyWorker",
        "workers": settings.workers,
        "worker_connections": settings.worker_connections,
        # Workers build the app after the fork, so SIGHUP applies a new configuration.
        "preload_app": False,
        # Seconds; also the time limit for reading a request's head. An idle connection delays a
        # stop by this long, so it must stay well below graceful_timeout.
        "keepalive": 5,
        "graceful_timeout": settings.graceful_timeout,
        # Seconds without a heartbeat of the worker, not a limit on requests.
        "timeout": 60,
        "limit_request_line": MAX_REQUEST_LINE,
        # By default gunicorn accepts headers SCRIPT_NAME and PATH_INFO from peers on the same
        # machine: through a reverse proxy there, a client could bypass that proxy's path rules.
        "forwarder_headers": "",
        # By default gunicorn creates this socket below HOME, where a service often cannot write.
        "control_socket_disable": True,
        # The heartbeat writes to a file in this directory; a slow disk would block the worker.
        "worker_tmp_dir": SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None,
        # The application writes the access log.
        "accesslog": None,
        "loglevel": settings.log_level.lower(),
    }


def bind_address(host: str, port: int) -> str:
    """``host:port`` as gunicorn and URLs write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
