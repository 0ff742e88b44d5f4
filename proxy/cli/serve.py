"""gunicorn around the application: its options, its hooks, its start.

Rule: the master reads and validates the configuration, at the start and at SIGHUP, before any
worker sees it. Only the tokenizer tables are loaded before the fork (docs/decisions.md).
"""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.workers.ggevent import GeventWorker

from config.errors import ConfigError
from config.gunicorn import gunicorn_options
from config.settings import Settings
from proxy.access.limits.build import try_store
from proxy.api.context import EXTENSION
from proxy.app import create_app
from proxy.cli.announce import ready_line, start_warnings
from proxy.cli.environment import current_settings, put_in_force
from proxy.cli.interrupt import end_when_interrupted
from proxy.cli.metrics_directory import metrics_hooks, prepare_metrics_directory
from proxy.cli.process import CannotStart, ensure_certificate, ensure_free, raise_file_limit
from proxy.server.arbiter import amend
from proxy.telemetry.logs import logging_config, spare_unused_facts
from proxy.telemetry.uncaught import Logged, log_lost_errors
from proxy.tokens.tables import load_tables

log = logging.getLogger(__name__)

ReadSettings = Callable[[], Settings]


class Server(BaseApplication):
    """gunicorn's view of this program: where its configuration and its app come from."""

    def __init__(self, read_settings: ReadSettings) -> None:
        self._read_settings = read_settings
        self._settings = Settings()
        super().__init__(prog="claude-proxy")

    def load_config(self) -> None:
        """Called at the start and at each reload."""
        self._settings = self._read_settings()
        for name, value in server_options(self._settings, self._read_settings).items():
            self.cfg.set(name, value)

    def load(self) -> Any:  # the stubs' WSGI application is not the one of Flask's stubs
        """The app; called in each worker."""
        return create_app(self._settings)


class ServerLog(Logger):
    """gunicorn's log without its access line: ours says more, and its own costs every request."""

    def access(self, *_: object) -> None:
        """Nothing; gunicorn calls this after each request."""


def serve(read_settings: ReadSettings) -> None:
    """Run until a signal ends it; raises ``ConfigError``, ``CannotStart`` or SystemExit."""
    end_when_interrupted()
    settings = read_settings()
    ensure_free(settings.host, settings.port)
    prepare_metrics_directory()
    Server(read_settings).run()


def shipped_options() -> dict[str, Any]:
    """What ``deploy/gunicorn.conf.py`` consists of; exits with 2 when the configuration is bad."""
    try:
        settings = current_settings()
        prepare_metrics_directory()
    except ConfigError as error:
        print(f"claude-proxy: {error}", file=sys.stderr)
        sys.exit(2)
    except CannotStart as error:
        print(f"claude-proxy: {error}", file=sys.stderr)
        sys.exit(1)
    put_in_force(settings)
    return server_options(settings, current_settings)


def server_options(settings: Settings, read_settings: ReadSettings) -> dict[str, Any]:
    """All of gunicorn's options, hooks and logging included."""
    open_files = raise_file_limit()
    announce = partial(_announce, settings, open_files)

    def on_starting(arbiter: Arbiter) -> None:
        log_lost_errors()
        _exit_unless_able(arbiter)
        _share_tables()
        amend(arbiter)
        _guard_reload(arbiter, read_settings)

    def when_ready(arbiter: Arbiter) -> None:
        announce(arbiter)

    def on_reload(arbiter: Arbiter) -> None:
        announce(arbiter)

    def worker_exit(_: Arbiter, worker: Any) -> None:
        # gunicorn calls it in the worker; one that failed to start has no application.
        if getattr(worker, "wsgi", None) is not None:
            # gunicorn would log the whole text of what this fails with.
            with Logged():
                worker.wsgi.extensions[EXTENSION].close()

    return (
        gunicorn_options(settings)
        | metrics_hooks()
        | {
            "worker_exit": worker_exit,
            "logconfig_dict": _logging(settings),
            "logger_class": ServerLog,
            "on_starting": on_starting,
            "when_ready": when_ready,
            "on_reload": on_reload,
        }
    )


def _logging(settings: Settings) -> dict[str, Any]:
    spare_unused_facts()
    chosen = logging_config(settings)
    if settings.log_level == "INFO":
        # Its notices of each start and stop of a process say nothing that our lines do not.
        chosen["loggers"]["gunicorn.error"] |= {"level": "WARNING"}
    return chosen


def _exit_unless_able(arbiter: Arbiter) -> None:
    """Say in one line what gunicorn, started by its own name, says in eleven five seconds later.

    Of a certificate it does not say which, at each of endless attempts.
    """
    addresses = [] if arbiter.cfg.reuse_port else arbiter.cfg.address
    try:
        for address in addresses:
            # Others are unix sockets and descriptors.
            if isinstance(address, tuple):
                ensure_free(*address)
        ensure_certificate(arbiter.cfg)
    except CannotStart as error:
        print(f"claude-proxy: {error}", file=sys.stderr)
        sys.exit(1)


def _share_tables() -> None:
    """Load the tokenizer tables where every worker inherits them."""
    for problem in load_tables().problems:
        log.warning("tokens are estimated: %s", problem)
    # A collection in a worker would otherwise write to, and so copy, every inherited page.
    gc.collect()
    gc.freeze()


def _guard_reload(arbiter: Arbiter, read_settings: ReadSettings) -> None:
    """Let SIGHUP do nothing but complain while the new configuration is bad.

    gunicorn has no hook before it replaces workers, and a configuration or a worker that fails
    ends the whole service.
    """
    reload = arbiter.reload

    def reload_when_valid() -> None:
        try:
            _check_reloadable(read_settings(), arbiter)
        except (ConfigError, CannotStart) as error:
            log.error("not reloaded, the old configuration stays in force: %s", error)
        else:
            reload()

    arbiter.reload = reload_when_valid  # type: ignore[method-assign]


def _check_reloadable(settings: Settings, arbiter: Arbiter) -> None:
    # gunicorn closes its listeners before it tries the new address, and ends when that fails.
    if gunicorn_options(settings)["bind"] != arbiter.cfg.bind:
        raise ConfigError(["HOST and PORT cannot change while it runs: restart it for that"])
    # Their files may have been replaced since.
    ensure_certificate(arbiter.cfg)


def _announce(settings: Settings, open_files: int, arbiter: Arbiter) -> None:
    for warning in start_warnings(settings, open_files=open_files):
        log.warning(warning)
    try_store(settings)
    if not issubclass(arbiter.worker_class, GeventWorker):
        log.warning("the worker is not gevent's: streams will block each other")
    line = ready_line(settings, map(str, arbiter.LISTENERS))
    if settings.log_format == "json":
        log.info(line)
    else:
        print(line, flush=True)
