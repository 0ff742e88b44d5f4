"""Refusal of cross-site requests, some of which a browser sends for any page without a preflight.

Rule: pure functions over headers. A page may call this server if ALLOWED_ORIGINS lists its origin, or
if that origin is certainly this server. Requests without a browser's headers are accepted
(docs/features.md "Web pages").
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from config.hosts import is_ip_or_localhost
from proxy.errors import PermissionDenied

WEB_SCHEMES = ("http", "https")
"""Schemes of web pages. Editors, desktop programs and browser extensions have other schemes."""
OWN_SITES = ("same-origin", "none")
"""``none``: the user's own action, such as a typed address."""
_ONE_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://[^\s,]*", re.IGNORECASE)
"""Does not match a header that was sent twice: its values are joined by a comma."""
REFUSED = "web pages may call this proxy only where CLAUDE_PROXY_ALLOWED_ORIGINS lists their origin"


def check_page(headers: Mapping[str, str], allowed: Collection[str], *, spends: bool) -> None:
    """Raise ``PermissionDenied`` for a request of a web page that is not allowed.

    ``headers`` have lower-case names. ``allowed`` are the origins that may call; ``*`` stands for
    all. ``spends``: the request is a GET that costs money, so it is also refused if a browser sends
    it without ``origin`` and ``sec-fetch-site``.
    """
    if "*" not in allowed and not _may_call(headers, allowed, spends):
        raise PermissionDenied(REFUSED)


def _may_call(headers: Mapping[str, str], allowed: Collection[str], spends: bool) -> bool:
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None:
        return origin in allowed or _is_program(origin) or _is_own(origin, site, headers)
    if site is not None:
        return site in OWN_SITES
    return not (spends and _is_browser(headers))


def _is_program(origin: str) -> bool:
    """Whether the origin is a program's (``vscode-webview://...``); ``null`` is a sandboxed page's."""
    program = _ONE_ORIGIN.fullmatch(origin)
    return program is not None and program[1].lower() not in WEB_SCHEMES


def _is_own(origin: str, site: str | None, headers: Mapping[str, str]) -> bool:
    """Whether ``origin`` is this server.

    Over plain HTTP a host name is no proof (DNS rebinding), so only addresses and localhost count.
    Over TLS the certificate proves the name, and ``sec-fetch-site`` reports the comparison.
    """
    try:
        parts = urlsplit(origin)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return site == "same-origin"
    fixed = is_ip_or_localhost(host) or host.endswith(".localhost")
    return fixed and parts.netloc == headers.get("host")


def _is_browser(headers: Mapping[str, str]) -> bool:
    """Whether a request without ``origin`` and ``sec-fetch-site`` is a browser's.

    Browsers omit both in a GET over plain HTTP, and those older than 2023 in every GET.
    """
    return "accept-language" in headers and "mozilla/" in headers.get("user-agent", "").lower()
