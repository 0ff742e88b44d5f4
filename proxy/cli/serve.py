"""Running the application under gunicorn: options, hooks and start.

Rule: the master reads and validates the configuration, at the start and at SIGHUP, before any worker
uses it. Only the tokenizer tables of the configured models are loaded before the fork
(docs/decisions.md).
"""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.workers.ggevent import GeventWorker

from config.errors import ConfigError
from config.gunicorn import gunicorn_options
from config.registry.values import registry_in_force
from config.settings import Settings
from proxy.access.limits.build import try_store
from proxy.api.context import EXTENSION
from proxy.app import create_app
from proxy.cli.announce import ready_line, start_warnings, unconfigured
from proxy.cli.environment import current_settings, put_in_force
from proxy.cli.errors import FAILED, REFUSED, CannotStart
from proxy.cli.interrupt import STOPPED, before_the_end, end_when_interrupted
from proxy.cli.metrics_directory import metrics_hooks, prepare_metrics_directory
from proxy.cli.process import (
    ensure_certificate,
    ensure_free,
    raise_file_limit,
    release_memory,
    return_freed_memory,
)
from proxy.cli.program import program
from proxy.providers import flag_board
from proxy.providers.routing import Router
from proxy.server.arbiter import amend
from proxy.server.shutdown import PROCESS
from proxy.telemetry.log_outputs import queue_standard_streams
from proxy.telemetry.log_writer import flush_all
from proxy.telemetry.logs import logging_config, omit_unused_log_fields
from proxy.telemetry.uncaught import Logged, log_uncaught_errors
from proxy.tokens.tables import load_tables

log = logging.getLogger(__name__)

ReadSettings = Callable[[], Settings]


class Server(BaseApplication):
    """The gunicorn application: loads the configuration and the WSGI application."""

    def __init__(self, read_settings: ReadSettings) -> None:
        self._read_settings = read_settings
        self._settings = Settings()
        super().__init__(prog="claude-proxy")

    def load_config(self) -> None:
        """gunicorn's hook, at the start and at each reload."""
        self._settings = self._read_settings()
        for name, value in server_options(self._settings, self._read_settings).items():
            self.cfg.set(name, value)

    def load(self) -> Any:  # the stubs' WSGI application is not the one of Flask's stubs
        """gunicorn's hook, in each worker: the WSGI application."""
        return create_app(self._settings)


class ServerLog(Logger):
    """gunicorn's log without its access log, which the application writes itself."""

    def access(self, *_: object) -> None:
        """Does nothing; called after each request."""

    def warning(self, msg: object, *arguments: object, **named: Any) -> None:
        """As gunicorn's, without its line about a worker that ended by the signal of a stop.

        After Ctrl-C a worker gets SIGINT from the terminal and SIGQUIT from the master; the second
        may arrive while Python ends and no longer handles it.
        """
        if not (PROCESS.ordered and arguments[-1:] == ("SIGQUIT",)):
            super().warning(msg, *arguments, **named)


def serve(read_settings: ReadSettings) -> None:
    """Run the service until a signal; raises ``ConfigError``, ``CannotStart`` or SystemExit."""
    end_when_interrupted(STOPPED)
    settings = read_settings()
    ensure_free(settings.host, settings.port)
    prepare_metrics_directory()
    Server(read_settings).run()


def shipped_options() -> dict[str, Any]:
    """The content of ``deploy/gunicorn.conf.py``; exits if the configuration is bad."""
    try:
        settings = current_settings()
        prepare_metrics_directory()
    except ConfigError as error:
        print(f"claude-proxy: {error}", file=sys.stderr)
        sys.exit(FAILED)
    except CannotStart as error:
        print(f"claude-proxy: {error}", file=sys.stderr)
        sys.exit(REFUSED)
    put_in_force(settings)
    return server_options(settings, current_settings)


def server_options(settings: Settings, read_settings: ReadSettings) -> dict[str, Any]:
    """All of gunicorn's options, including hooks and logging; called at the start and at each reload."""
    open_files = raise_file_limit()
    return_freed_memory()
    flag_board.share()

    def on_starting(arbiter: Arbiter) -> None:
        queue_standard_streams()
        before_the_end(flush_all)
        log_uncaught_errors()
        _exit_unless_able(arbiter)
        _share_tables(settings)
        amend(arbiter)
        _guard_reload(arbiter, read_settings)

    # Not a partial object, whose arguments gunicorn's dump of its settings would show.
    def announce(arbiter: Arbiter) -> None:
        _announce(settings, open_files, arbiter)

    return (
        gunicorn_options(settings)
        | metrics_hooks()
        | {
            "worker_exit": _close_application,
            "logconfig_dict": _logging(settings),
            "logger_class": ServerLog,
            "on_starting": on_starting,
            "when_ready": announce,
            "on_reload": announce,
        }
    )


def _close_application(_: Arbiter, worker: Any) -> None:
    # Called in the worker; one that failed to start has no application.
    if getattr(worker, "wsgi", None) is not None:
        # gunicorn would log the text of an exception, which may hold secrets.
        with Logged():
            worker.wsgi.extensions[EXTENSION].close()


def _logging(settings: Settings) -> dict[str, Any]:
    omit_unused_log_fields()
    chosen = logging_config(settings)
    if settings.log_level == "INFO":
        # gunicorn's lines about each start and stop of a process repeat ours.
        chosen["loggers"]["gunicorn.error"] |= {"level": "WARNING"}
    return chosen


def _exit_unless_able(arbiter: Arbiter) -> None:
    """Exit with one line if an address or a certificate cannot be used.

    gunicorn itself would retry an address for five seconds and log eleven lines. With a certificate
    that cannot be loaded it would start workers endlessly and never name the file.
    """
    addresses = [] if arbiter.cfg.reuse_port else arbiter.cfg.address
    try:
        for address in addresses:
            # Other types are unix sockets and descriptors.
            if isinstance(address, tuple):
                ensure_free(*address)
        ensure_certificate(arbiter.cfg)
    except CannotStart as error:
        print(f"claude-proxy: {error}", file=sys.stderr)
        sys.exit(REFUSED)


def _share_tables(settings: Settings) -> None:
    """Load the tokenizer tables of the configured models, so that all workers share their memory."""
    needed = Router(settings, registry_in_force(settings)).encodings
    for problem in load_tables(sorted(needed)):
        log.warning("tokens are estimated: %s", problem)
    # Otherwise a garbage collection in a worker would write to every shared page and so copy it.
    gc.collect()
    release_memory()
    gc.freeze()


def _guard_reload(arbiter: Arbiter, read_settings: ReadSettings) -> None:
    """Make SIGHUP with a bad new configuration log an error and change nothing.

    gunicorn has no hook before it replaces workers, and ends the whole service if the configuration
    or a worker fails.
    """
    reload = arbiter.reload

    def reload_when_valid() -> None:
        try:
            settings = read_settings()
            _check_reloadable(settings, arbiter)
        except (ConfigError, CannotStart) as error:
            log.error("not reloaded, the old configuration stays in force: %s", error)
        else:
            _share_tables(settings)
            reload()

    arbiter.reload = reload_when_valid  # type: ignore[method-assign]


def _check_reloadable(settings: Settings, arbiter: Arbiter) -> None:
    # gunicorn closes its listeners before it binds the new address, and ends if that fails.
    if gunicorn_options(settings)["bind"] != arbiter.cfg.bind:
        raise ConfigError(["HOST and PORT cannot change while it runs: restart it for that"])
    # The files may have been replaced.
    ensure_certificate(arbiter.cfg)


def _announce(settings: Settings, open_files: int, arbiter: Arbiter) -> None:
    for warning in start_warnings(settings, open_files=open_files):
        log.warning(warning)
    try_store(settings)
    if not issubclass(arbiter.worker_class, GeventWorker):
        log.warning("the server does not use the gevent worker: streams will block each other")
    hint = unconfigured(settings, program())
    if hint:
        log.info(hint)
    line = ready_line(settings, map(str, arbiter.LISTENERS))
    if settings.log_format == "json":
        log.info(line)
    else:
        print(line, flush=True)
