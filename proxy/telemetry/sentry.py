"""Reports of bugs and of errors in the log, to Sentry.

Rule: a report contains the place in the code, the request id and the route: no body, header, local
variable, message of an exception or argument of a log line. Sentry is imported only if a DSN is
configured.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from config.settings import Settings
from proxy import __version__
from proxy.telemetry.tracing import SENTRY, is_installed

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

FLUSH_SECONDS = 2.0
"""Timeout for sending the last reports, when the worker ends."""
KEPT = (
    "environment",
    "event_id",
    "exception",
    "level",
    "logger",
    "platform",
    "release",
    "sdk",
    "server_name",
    "timestamp",
)
"""Members of an event that contain nothing of a request."""
TAGS = ("request_id", "route")
"""Fields of a log record that identify its request."""


def start_reports(settings: Settings) -> Callable[[], None] | None:
    """Report errors of this process from now on; returns a function that sends the queued reports.

    Returns None if error reports are off. The first report starts a thread, so call this after the
    fork.
    """
    if not settings.sentry_dsn or not is_installed(SENTRY):
        return None
    import sentry_sdk
    from sentry_sdk.integrations.logging import LoggingIntegration

    sentry_sdk.init(
        dsn=settings.sentry_dsn,
        release=f"claude-proxy@{__version__}",
        # Only logging is patched, and only its errors are reported.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[LoggingIntegration(level=None, event_level=logging.ERROR)],
        include_local_variables=False,
        send_default_pii=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        shutdown_timeout=FLUSH_SECONDS,
        before_send=without_contents,
    )
    return lambda: sentry_sdk.flush(FLUSH_SECONDS)


def without_contents(event: Event, hint: Hint) -> Event | None:
    """``event`` without the members that may contain parts of a request."""
    whole: dict[str, Any] = dict(event)
    kept = {name: whole[name] for name in KEPT if name in whole}
    entry, extra = whole.get("logentry") or {}, whole.get("extra") or {}
    kept["logentry"] = {"message": entry.get("message", "")}
    kept["tags"] = {name: extra[name] for name in TAGS if name in extra}
    for exception in (kept.get("exception") or {}).get("values", ()):
        # The message may quote a request or an answer.
        exception["value"] = ""
        for frame in (exception.get("stacktrace") or {}).get("frames", ()):
            frame.pop("vars", None)
    return kept  # type: ignore[return-value]
