"""What happens around every view: ids, authentication, web pages, CORS, the access line.

Rule: authentication comes before anything of the body is read, and an endpoint needs the key unless
it is named as open here (docs/features.md "Endpoints"). Web pages come before keys: what others have
a browser send is refused whoever it is.
"""

from __future__ import annotations

from flask import Flask, Request, Response, request

from proxy.access.auth import check_client
from proxy.access.cross_site import check_page
from proxy.api.application import no_content
from proxy.api.cleanup import Endings, on_request_end
from proxy.api.context import begin_present, credential_headers, record, runtime
from proxy.api.limits import limit_request, take_slot, tell_limits
from proxy.ids import correlation_id, new_request_id
from proxy.telemetry.request_record import RequestRecord

OPEN_ENDPOINTS = frozenset(
    {
        "health.health",
        "health.readyz",
        "openapi.openapi",
        "service.index",
        "service.favicon",
        "service.event_logging",
    }
)
"""Answered without a key, and to web pages."""
SPENDING_GETS = frozenset({"connection.test_connection"})
"""What a page could have a browser spend money by with a mere picture."""
PAGE_HEADERS = (
    ("origin", "HTTP_ORIGIN"),
    ("sec-fetch-site", "HTTP_SEC_FETCH_SITE"),
    ("host", "HTTP_HOST"),
    ("user-agent", "HTTP_USER_AGENT"),
    ("accept-language", "HTTP_ACCEPT_LANGUAGE"),
)
"""What tells of a web page, as headers and in a WSGI environ."""
QUIET_ENDPOINTS = frozenset(
    {"health.health", "health.readyz", "metrics.metrics", "service.favicon"}
)
"""Probes, which would fill the log."""


def register_lifecycle(app: Flask) -> None:
    """Attach the hooks to ``app``."""
    app.wsgi_app = Endings(app.wsgi_app)  # type: ignore[method-assign]
    app.before_request(begin)
    app.after_request(finish)


def begin() -> Response | None:
    """Give the request its ids and let nobody in without the key."""
    # Flask's stand-in is bound anew at each look.
    sent: Request = request._get_current_object()  # type: ignore[attr-defined]
    environ, rule = sent.environ, sent.url_rule
    endpoint = None if rule is None else rule.endpoint
    request_id = new_request_id()
    access = RequestRecord(
        request_id=request_id,
        correlation_id=correlation_id(environ.get("HTTP_X_REQUEST_ID"), request_id),
        method=sent.method,
        path=sent.path,
        quiet=endpoint in QUIET_ENDPOINTS,
    )
    if rule is not None:
        access.route = rule.rule
    shared = begin_present(access, sent)
    shared.begin(access)
    on_request_end(shared.end, access)
    if shared.tracing is not None and not access.quiet:
        parent = {name: sent.headers.get(name) for name in ("traceparent", "tracestate")}
        access.trace = shared.tracing.begin(access, rule.rule if rule else None, parent)
    if sent.method == "OPTIONS":
        return _preflight()
    if endpoint not in OPEN_ENDPOINTS:
        # Also where no view is known: a dynamic route has none.
        page = {name: environ[key] for name, key in PAGE_HEADERS if key in environ}
        spends = endpoint in SPENDING_GETS
        check_page(page, shared.settings.allowed_origins, spends=spends)
        if endpoint is not None:
            check_client(credential_headers(), shared.auth_keys)
    take_slot(sent.blueprint)
    limit_request(endpoint)
    return None


def finish(response: Response) -> Response:
    """Name the request in the answer and, unless a stream goes on, in the log."""
    access = record()
    access.status = response.status_code
    headers = response.headers
    # A native upstream's own stays: it is what its support asks for.
    headers.setdefault("request-id", access.request_id)
    headers["x-request-id"] = access.correlation_id
    _allow_origin(response)
    tell_limits(response)
    if response.is_streamed:
        runtime().stream(access)
    elif access.has_pending_estimates:
        # What has to be estimated must not hold up the answer.
        on_request_end(runtime().account, access)
    else:
        runtime().account(access)
    return response


def _preflight() -> Response:
    """A CORS preflight: 204, and what may be sent where the origin is allowed."""
    response = no_content()
    if _origin_allowed():
        response.headers["access-control-allow-methods"] = "GET, POST, OPTIONS"
        response.headers["access-control-allow-headers"] = request.headers.get(
            "access-control-request-headers", "*"
        )
        response.headers["access-control-max-age"] = "600"
    return response


def _allow_origin(response: Response) -> None:
    if not runtime().settings.allowed_origins:
        return
    response.vary.add("origin")
    if _origin_allowed():
        response.headers["access-control-allow-origin"] = request.headers["origin"]
        response.headers["access-control-expose-headers"] = (
            "request-id, x-request-id, retry-after, x-claude-proxy-dropped, x-claude-proxy-route"
        )


def _origin_allowed() -> bool:
    allowed, origin = runtime().settings.allowed_origins, request.headers.get("origin")
    return origin is not None and ("*" in allowed or origin in allowed)
