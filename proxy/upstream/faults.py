"""Exceptions of a call to an upstream -> ``UpstreamError`` with one readable line.

Rule: exceptions of requests, urllib3, http.client, ssl and socket are converted only here. The
messages contain no IP addresses, keys or Python representations.
"""

from __future__ import annotations

import errno
import http.client
import os
import re
import socket
import ssl
from collections.abc import Callable, Iterator

import requests
import urllib3.exceptions

from proxy.errors import CUT_SHORT, NO_RETRY, UpstreamError, UpstreamTimeout
from proxy.upstream.name_lookup import LookupTimeout

_TUNNEL_REFUSED = re.compile(r"Tunnel connection failed: \d{3}")
"""The start of http.client's message for a proxy's refusal; the proxy's own text follows."""

REFUSED_ADVICE = ": check that it runs, and its base URL"
"""The end of the message for a connection that is refused."""
BY_PROXY = " through the configured HTTP proxy (HTTPS_PROXY, HTTP_PROXY, NO_PROXY)"

FAULTS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    UnicodeError,
)
"""Everything that a call or a read may raise because of the network or the upstream."""


def has_cause(error: BaseException, kind: type[BaseException]) -> bool:
    """Whether ``error`` is, wraps or was raised because of an exception of that kind."""
    return any(isinstance(cause, kind) for cause in _causes(error))


def call_fault(error: BaseException, host: str) -> UpstreamError:
    """The error for a call without an answer: 502, or 504 for a connect timeout.

    TLS, DNS and configuration failures carry ``x-should-retry: false`` (docs/protocol.md
    section 5).
    """
    if has_cause(error, urllib3.exceptions.ProxyError):
        host += BY_PROXY
    # requests' ConnectionError is an OSError that only wraps the cause.
    wrapper = requests.ConnectionError
    causes = [cause for cause in _causes(error) if not isinstance(cause, wrapper)]
    for kind, describe in CALL_FAULTS:
        for cause in causes:
            if isinstance(cause, kind):
                return describe(cause, host)
    return _unreachable("the connection failed", host)


def read_fault(error: BaseException) -> UpstreamError:
    """The error for a broken body: always 502 ``api_error``."""
    causes = list(_causes(error))
    if any(isinstance(cause, urllib3.exceptions.DecodeError) for cause in causes):
        return UpstreamError("the upstream's answer could not be decompressed")
    for cause in causes:
        if _is_protocol_breach(cause):
            return UpstreamError(f"the upstream's answer is not valid HTTP: {_breach(cause)}")
    return UpstreamError(CUT_SHORT)


def redirect_fault(status: int, host: str) -> UpstreamError:
    """The error for a redirect, which is not followed; a retry would get the same redirect."""
    return UpstreamError(
        f"the upstream {host} answered with a redirect ({status}), which is not followed;"
        " check its base URL",
        upstream_status=status,
        headers=NO_RETRY,
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        current = waiting.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [getattr(current, "reason", None), *current.args]
        waiting += [current.__cause__, current.__context__]


def _unreachable(reason: str, host: str, *, retry: bool = True) -> UpstreamError:
    return UpstreamError(
        f"cannot reach the upstream {host}: {reason}", headers=None if retry else NO_RETRY
    )


def _dns(_: BaseException, host: str) -> UpstreamError:
    return _unreachable("its name could not be resolved", host, retry=False)


def _certificate(error: BaseException, host: str) -> UpstreamError:
    reason = str(getattr(error, "verify_message", "") or "verification failed").rstrip(".")
    return _unreachable(f"its TLS certificate is not trusted ({reason})", host, retry=False)


def _tls(error: BaseException, host: str) -> UpstreamError:
    reason = str(getattr(error, "reason", None) or "connection closed").replace("_", " ").lower()
    return _unreachable(f"the TLS handshake failed ({reason})", host, retry=False)


def _timeout(_: BaseException, host: str) -> UpstreamError:
    return UpstreamTimeout(f"the upstream {host} did not accept a connection in time")


def _unnamed(_: BaseException, host: str) -> UpstreamError:
    return UpstreamTimeout(f"the name of the upstream {host} could not be resolved in time")


def _closed(_: BaseException, host: str) -> UpstreamError:
    return UpstreamError(f"the upstream {host} closed the connection without an answer")


def _broken(error: BaseException, host: str) -> UpstreamError:
    number = getattr(error, "errno", None)
    reason = os.strerror(number).lower() if number else "without a reason"
    return UpstreamError(f"the connection to the upstream {host} failed: {reason}")


def _protocol(error: BaseException, host: str) -> UpstreamError:
    return UpstreamError(f"the answer of the upstream {host} is not valid HTTP: {_breach(error)}")


def _url(_: BaseException, host: str) -> UpstreamError:
    return _unreachable("its URL is not valid", host, retry=False)


def _socket(error: BaseException, host: str) -> UpstreamError:
    number = getattr(error, "errno", None)
    if number is None:
        refusal = _TUNNEL_REFUSED.match(str(error))
        return _unreachable(refusal[0] if refusal else "the connection failed", host)
    direct = number == errno.ECONNREFUSED and not host.endswith(BY_PROXY)
    advice = REFUSED_ADVICE if direct else ""
    return _unreachable(os.strerror(number).lower() + advice, host)


def _is_protocol_breach(error: BaseException) -> bool:
    return isinstance(error, http.client.HTTPException) and not isinstance(
        error, http.client.IncompleteRead | http.client.RemoteDisconnected
    )


def _breach(error: BaseException) -> str:
    if isinstance(error, http.client.BadStatusLine | http.client.UnknownProtocol):
        # Its message is the received line, which may contain any text.
        return "bad status line"
    if isinstance(error, urllib3.exceptions.InvalidHeader):
        # It quotes the header.
        return "invalid header"
    return str(error)


CALL_FAULTS: tuple[tuple[type[BaseException], Callable[[BaseException, str], UpstreamError]], ...]
CALL_FAULTS = (
    (socket.gaierror, _dns),
    (ssl.SSLCertVerificationError, _certificate),
    (ssl.SSLError, _tls),
    (LookupTimeout, _unnamed),
    (TimeoutError, _timeout),
    (http.client.RemoteDisconnected, _closed),
    (http.client.IncompleteRead, _closed),
    (http.client.HTTPException, _protocol),
    (urllib3.exceptions.InvalidHeader, _protocol),
    (ConnectionResetError, _broken),
    (BrokenPipeError, _broken),
    (UnicodeError, _url),
    (urllib3.exceptions.LocationParseError, _url),
    (requests.exceptions.InvalidURL, _url),
    (requests.exceptions.InvalidSchema, _url),
    (requests.exceptions.MissingSchema, _url),
    (OSError, _socket),
)
"""The first entry that matches any cause of an exception is used."""
