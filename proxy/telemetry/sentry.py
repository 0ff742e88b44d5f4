"""Reports of bugs and of errors in the log, to Sentry.

Rule: a report says where it happened, with which request id and on which route, and nothing of what
was asked: no body, header, local variable, message of an exception or argument of a log line. Nothing
of Sentry is imported unless the operator gave a DSN.
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
"""For what is left when the worker ends."""
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
"""Members of an event that hold nothing of a request."""
TAGS = ("request_id", "route")
"""What log lines say of their request, in ``extra``."""


def start_reports(settings: Settings) -> Callable[[], None] | None:
    """Report errors of this process from now on; what sends the rest of them at its end.

    None where nobody wants them. Starts a thread at the first report: call it behind the fork.
    """
    if not settings.sentry_dsn or not is_installed(SENTRY):
        return None
    import sentry_sdk
    from sentry_sdk.integrations.logging import LoggingIntegration

    sentry_sdk.init(
        dsn=settings.sentry_dsn,
        release=f"claude-proxy@{__version__}",
        # Nothing is patched but logging, and of that only errors are read.
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
    """``event`` as it may be sent: what is not known to hold nothing is left out."""
    whole: dict[str, Any] = dict(event)
    kept = {name: whole[name] for name in KEPT if name in whole}
    entry, extra = whole.get("logentry") or {}, whole.get("extra") or {}
    kept["logentry"] = {"message": entry.get("message", "")}
    kept["tags"] = {name: extra[name] for name in TAGS if name in extra}
    for exception in (kept.get("exception") or {}).get("values", ()):
        # It may quote what was being read.
        exception["value"] = ""
        for frame in (exception.get("stacktrace") or {}).get("frames", ()):
            frame.pop("vars", None)
    return kept  # type: ignore[return-value]
