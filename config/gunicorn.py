"""How gunicorn is run, for the command line and ``deploy/gunicorn.conf.py`` alike.

Rule: what an operator may choose comes from ``Settings``; the rest is fixed here with its reason.
"""

from __future__ import annotations

import os
from typing import Any

from config.settings import Settings

SHARED_MEMORY = "/dev/shm"
MOST_REQUEST_LINE = 8190
"""The longest request line that gunicorn offers."""


def gunicorn_options(settings: Settings) -> dict[str, Any]:
    """gunicorn's settings by name, without its hooks and its logging."""
    return {
        "bind": [bind_address(settings.host, settings.port)],
        "worker_class": "proxy.server.worker.ProxyWorker",
        "workers": settings.workers,
        "worker_connections": settings.worker_connections,
        # Workers build the app after the fork, so that SIGHUP gives them the new configuration.
        "preload_app": False,
        # Also bounds the reading of a request's head. An idle connection delays a stop by this
        # long, so it stays well below graceful_timeout.
        "keepalive": 5,
        "graceful_timeout": settings.graceful_timeout,
        # Heartbeat of a worker, not a limit on requests: a stream may take longer.
        "timeout": 60,
        "limit_request_line": MOST_REQUEST_LINE,
        # By default SCRIPT_NAME and PATH_INFO, from a server on the same machine: a client could
        # choose a path that its rules did not see.
        "forwarder_headers": "",
        # On by default, below HOME: a service's HOME is often not writable.
        "control_socket_disable": True,
        # The heartbeat touches a file; on a slow disk that would block the worker.
        "worker_tmp_dir": SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None,
        # The application writes its own access line.
        "accesslog": None,
        "loglevel": settings.log_level.lower(),
    }


def bind_address(host: str, port: int) -> str:
    """``host:port`` as gunicorn and URLs write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
