"""Hooks around every view: ids, cross-site check, authentication, slots, limits, CORS, access log.

Rule: authentication comes before the body is read. Each view declares what it requires
(``proxy.access.declaration``); a path without a view gets the strictest declaration. The cross-site
check comes before authentication, because a browser may add the key to a cross-site request itself.
"""

from __future__ import annotations

from typing import cast

from flask import Flask, Request, Response, request

from proxy.access.auth import check_client
from proxy.access.cross_site import check_page
from proxy.access.declaration import KEYED, Access
from proxy.api.application import no_content
from proxy.api.cleanup import CleanUp, on_request_end
from proxy.api.context import begin_present, credential_headers, record, runtime
from proxy.api.declaration import DeclaredRule
from proxy.api.limits import add_limit_headers, limit_client, take_slot
from proxy.ids import correlation_id, new_request_id
from proxy.runtime import Runtime
from proxy.telemetry.request_record import RequestRecord

PAGE_HEADERS = (
    ("origin", "HTTP_ORIGIN"),
    ("sec-fetch-site", "HTTP_SEC_FETCH_SITE"),
    ("host", "HTTP_HOST"),
    ("user-agent", "HTTP_USER_AGENT"),
    ("accept-language", "HTTP_ACCEPT_LANGUAGE"),
)
"""Headers by which a request from a web page is recognised, and their names in a WSGI environ."""


def register_lifecycle(app: Flask) -> None:
    """Attach the hooks to ``app``."""
    app.wsgi_app = CleanUp(app.wsgi_app)  # type: ignore[method-assign]
    app.before_request(begin)
    app.after_request(finish)


def begin() -> Response | None:
    """Set the ids of the request and enforce the declaration of its view."""
    # The object itself, because Flask's proxy object looks it up at each access.
    sent: Request = request._get_current_object()  # type: ignore[attr-defined]
    rule = cast("DeclaredRule | None", sent.url_rule)
    # Without a rule the path may still be a dynamic route, which the URL map does not contain.
    access = KEYED if rule is None else rule.access
    begun = _record(sent, rule, quiet=access.quiet)
    shared = begin_present(begun, sent)
    shared.accounting.begin(begun)
    on_request_end(shared.accounting.end, begun)
    if shared.tracing is not None and not access.quiet:
        parent = {name: sent.headers.get(name) for name in ("traceparent", "tracestate")}
        begun.trace = shared.tracing.begin(begun, rule.name if rule else None, parent)
    if sent.method == "OPTIONS":
        return _preflight()
    if access.keyed:
        _check_caller(sent, access, shared, matched=rule is not None)
    if access.slot:
        take_slot()
    if access.counted:
        limit_client(spends=access.spends, dynamic=False)
    return None


def _record(sent: Request, rule: DeclaredRule | None, *, quiet: bool) -> RequestRecord:
    request_id = new_request_id()
    begun = RequestRecord(
        request_id=request_id,
        correlation_id=correlation_id(sent.environ.get("HTTP_X_REQUEST_ID"), request_id),
        method=sent.method,
        path=sent.path,
        quiet=quiet,
    )
    if rule is not None:
        begun.route = rule.name
    return begun


def _check_caller(sent: Request, access: Access, shared: Runtime, *, matched: bool) -> None:
    """Raise ``PermissionDenied`` or ``AuthenticationFailed`` if the caller is not allowed.

    Without a match in the URL map the key is not checked here, but in ``proxy.api.dynamic``, which checks
    only ``x-api-key``, since ``Authorization`` is for the upstream there.
    """
    page = {name: sent.environ[key] for name, key in PAGE_HEADERS if key in sent.environ}
    check_page(page, shared.settings.allowed_origins, spends=access.costly_get)
    if matched:
        record().client_key = check_client(credential_headers(), shared.auth_keys)


def finish(response: Response) -> Response:
    """Add ids, CORS and rate limit headers; account for the request unless its answer is a stream."""
    noted, accounting = record(), runtime().accounting
    noted.status = response.status_code
    headers = response.headers
    # The request id of a native upstream is kept, because its support asks for it.
    if "request-id" not in headers:
        headers.add("request-id", noted.request_id)
    headers.add("x-request-id", noted.correlation_id)
    _allow_origin(response)
    add_limit_headers(response)
    if response.is_streamed:
        accounting.stream(noted)
    elif noted.has_pending_estimates:
        # Later, because an estimate must not delay the answer.
        on_request_end(accounting.finish, noted)
    else:
        accounting.finish(noted)
    return response


def _preflight() -> Response:
    """The answer to a CORS preflight: 204, with the allowed methods and headers if the origin is allowed."""
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
