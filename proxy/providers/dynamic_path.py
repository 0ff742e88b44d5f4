"""A request target that names its upstream: ``/https/HOST/PREFIX/v1/messages``.

Rule: pure; parses the raw target of the request line, before percent-decoding. A target that does not
match the grammar is refused, never corrected (docs/features.md "Dynamic routing").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote_to_bytes

from config.hosts import host_and_port
from config.urls import RESPONSES
from proxy.errors import NotFound, PermissionDenied
from proxy.providers.allowed_hosts import DEFAULT_PORTS

Endpoint = Literal["messages", "count_tokens", "models"]

ENDPOINTS: tuple[tuple[tuple[str, ...], Endpoint], ...] = (
    (("v1", "messages"), "messages"),
    (("v1", "messages", "count_tokens"), "count_tokens"),
    (("v1", "models"), "models"),
)
"""Endpoints by the last segments of a path."""

REFUSED_CHARACTERS = "the path contains characters that are not allowed in a dynamic route"
_SCHEME = re.compile(r"/(https?)/")
_KEPT_CODE = r"%(?:2[1-46-9A-Ca-c]|20|3[A-Fa-f]|40|5[BDbdEe]|60|7[B-Db-d]|[89A-Fa-f][0-9A-Fa-f])"
"""A percent-encoded character that is passed on encoded. Excludes letters, digits, ``-._~``, slash,
backslash, percent sign and control characters, whose decoding would change the path's meaning."""
_SEGMENT = re.compile(rf"(?!\.+$)(?:[A-Za-z0-9._~:@!$'()*+,=&-]|{_KEPT_CODE})+")
_QUERY = re.compile(
    r"(?:[A-Za-z0-9._~:@!$'()*+,;=&/?\[\]-]|%[2-7][0-9A-Ea-e]|%[2-6][Ff]|"
    r"%[89A-Fa-f][0-9A-Fa-f])*"
)
_NON_ASCII_CODE = re.compile("%[89A-Fa-f]")
"""Allowed only in a model's name, since some servers decode overlong UTF-8 as dots and slashes."""
_VERSIONED = re.compile(r"(?:.*/)?v[0-9]+")


@dataclass(frozen=True, slots=True)
class DynamicTarget:
    """The parts of a target, neither resolved nor checked against the allowed hosts."""

    scheme: str
    host: str
    """In lower case; an IPv6 address in brackets."""
    port: int | None
    """None: the scheme's default port."""
    prefix: str
    """The upstream's path before ``models/M`` or the endpoint: empty, or ``/a/b``."""
    model: str | None
    endpoint: Endpoint
    query: str

    @property
    def port_number(self) -> int:
        """The port to connect to."""
        return DEFAULT_PORTS[self.scheme] if self.port is None else self.port

    @property
    def authority(self) -> str:
        """``host`` or ``host:port``, as in a URL."""
        return self.host if self.port is None else f"{self.host}:{self.port}"


def is_dynamic(raw: str) -> bool:
    """Whether a raw request target begins like a dynamic route."""
    return _SCHEME.match(raw) is not None


def parse_dynamic_target(raw: str) -> DynamicTarget:
    """Parse ``raw``, for which ``is_dynamic`` holds.

    Raises ``PermissionDenied`` if it does not match the grammar, and ``NotFound`` for a valid path
    that ends in none of the ``ENDPOINTS``.
    """
    start = _SCHEME.match(raw)
    if start is None:
        raise NotFound("Not found")
    path, _, query = raw[start.end() :].partition("?")
    authority, *segments = path.split("/")
    try:
        host, port = host_and_port(authority)
    except ValueError as error:
        raise PermissionDenied(f"the host in the path {error}") from error
    if segments and not segments[-1]:
        segments.pop()
    if not all(map(_SEGMENT.fullmatch, segments)) or not _QUERY.fullmatch(query):
        raise PermissionDenied(REFUSED_CHARACTERS)
    before, endpoint = _endpoint_of(segments)
    prefix, model = _prefix_and_model(before)
    return DynamicTarget(start[1], host, port, prefix, model, endpoint, query)


def upstream_path(target: DynamicTarget) -> str:
    """The base path of the upstream's API: the prefix, with ``/v1`` unless it ends in a version.

    A deployment path (Azure) and a Responses endpoint are used unchanged.
    """
    prefix = target.prefix
    if _VERSIONED.fullmatch(prefix) or "/deployments/" in prefix or prefix.endswith(RESPONSES):
        return prefix
    return f"{prefix}/v1"


def _endpoint_of(segments: list[str]) -> tuple[list[str], Endpoint]:
    for end, endpoint in ENDPOINTS:
        if tuple(segments[-len(end) :]) == end:
            return segments[: -len(end)], endpoint
    raise NotFound("a dynamic route ends in /v1/messages, /v1/messages/count_tokens or /v1/models")


def _prefix_and_model(segments: list[str]) -> tuple[str, str | None]:
    """Split at the first ``models``: the prefix before it, the model, slashes included, after it."""
    names: list[str] = []
    if "models" in segments:
        at = segments.index("models")
        segments, names = segments[:at], segments[at + 1 :]
    prefix = "".join(f"/{segment}" for segment in segments)
    if _NON_ASCII_CODE.search(prefix):
        raise PermissionDenied(REFUSED_CHARACTERS)
    return prefix, _decoded("/".join(names)) if names else None


def _decoded(model: str) -> str:
    try:
        name = unquote_to_bytes(model).decode()
    except UnicodeDecodeError as error:
        raise PermissionDenied("the model in the path is not UTF-8") from error
    if not name.isprintable():
        raise PermissionDenied("the model in the path contains a control character")
    return name
