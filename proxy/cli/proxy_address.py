"""The proxy's address as a user writes it.

Rule: an address is corrected only where the right one is certain; else it is refused with what to write.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

from proxy.cli.errors import UsageError
from proxy.cli.key_variables import is_header_word

ENDPOINT = re.compile(r"(?:/v1)?/messages(?:/count_tokens)?$|/v1(?:/models)?$")
"""What clients themselves add to the address, or the OpenAI clients' form of it."""
DYNAMIC = re.compile(r"/https?/[^/]+")
"""Begins a path that names the upstream (docs/features.md "Dynamic routing")."""


class Address(NamedTuple):
    """Where the proxy is."""

    url: str
    """For clients: without the endpoint, without a slash at the end."""
    root: str
    """For questions to the proxy: also without a path that names an upstream."""

    @property
    def is_dynamic(self) -> bool:
        """Whether it names the upstream."""
        return self.url != self.root


def address(text: str, option: str = "--url") -> Address:
    """The address that the argument ``option`` gives; raises ``UsageError``."""
    parts = _parts(text.strip(), option)
    path = ENDPOINT.sub("", parts.path.rstrip("/")).rstrip("/")
    base = f"{parts.scheme}://{parts.netloc}"
    found = DYNAMIC.search(path)
    return Address(base + path, base + (path[: found.start()] if found else path))


def _parts(text: str, option: str) -> SplitResult:
    if "://" not in text:
        host = text.lstrip("/") or "127.0.0.1:8085"
        raise UsageError(f"{option} {_shown(text)!r} has no scheme: write http://{_shown(host)}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        reason = str(error).partition(":")[0] if "IPv6" in str(error) else "a port is 1 to 65535"
        raise UsageError(f"{option} {_shown(text)!r} is no address: {reason}") from error
    if parts.scheme not in ("http", "https"):
        raise UsageError(f"{option} {_shown(text)!r}: the scheme must be http or https")
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"{option} must not hold a user name or password: give the key by --key-env"
        )
    if not parts.hostname or port == 0 or not parts.netloc.isprintable() or " " in parts.netloc:
        raise UsageError(
            f"{option} {_shown(text)!r} names no host and port: write http://127.0.0.1:8085"
        )
    if not is_header_word(parts.netloc):
        raise UsageError(f"{option} {_shown(text)!r}: a host is ASCII without spaces")
    if not is_header_word(parts.path or "/"):
        encoded = quote(parts.path, safe="/%:@!$&'()*+,;=~")
        raise UsageError(
            f"{option} {_shown(text)!r}: a path is ASCII without spaces: write {encoded}"
        )
    if parts.query or parts.fragment:
        raise UsageError(f"{option} {_shown(text)!r}: leave out what follows ? or #")
    return parts


def _shown(text: str) -> str:
    """``text`` without what may be a secret: a user's part or a query."""
    return re.sub(r"[^/]*@", "", re.split(r"[?#]", text)[0])
