"""Notation of hosts: what is a valid host, and which hosts are IP addresses.

Rule: each host has one notation, in ALLOWED_HOSTS and in the path of a dynamic route. A name consists
of ASCII labels; an IP address is in the canonical notation of its family. A text that a resolver
might read as an IP address in another notation is not a host (docs/features.md "Dynamic routing").
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

MAX_NAME_LENGTH = 253
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_ADDRESS_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label that makes resolvers read the host as an IPv4 address: ``127.1``, ``0x7f000001``."""
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_BRACKETED = re.compile(r"(\[[^\[\]]*\])(.*)", re.DOTALL)


def host_and_port(text: str) -> tuple[str, int | None]:
    """``(host, port)`` of ``HOST`` or ``HOST:PORT``; the host in lower case, IPv6 in brackets.

    Raises ``ValueError``, whose text is a phrase such as "has no valid port".
    """
    bracketed = _BRACKETED.fullmatch(text)
    host, rest = bracketed.groups() if bracketed else _before_port(text)
    if rest and not rest.startswith(":"):
        raise ValueError("is not a host name")
    return _checked_host(host.lower()), _checked_port(rest[1:]) if rest else None


def is_ip_address(host: str) -> bool:
    """Whether a host of ``host_and_port`` is an IP address."""
    return host.startswith("[") or _looks_like_ipv4(host)


def is_ip_or_localhost(host: str) -> bool:
    """Whether ``host`` is an IP address without brackets, or ``localhost``; names are not resolved."""
    if host == "localhost":
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def host_entry(text: str) -> str:
    """One entry of ALLOWED_HOSTS, normalised: ``name``, ``.name`` (subdomains), with ``:port``.

    ``*.name`` is ``.name``. Raises ``ValueError`` with a phrase as ``host_and_port``.
    """
    bare = text.removeprefix("*") if text.startswith("*.") else text
    of_subdomains = bare.startswith(".")
    host, port = host_and_port(bare.removeprefix("."))
    if of_subdomains and is_ip_address(host):
        raise ValueError("is an address, which has no subdomains")
    return f"{'.' if of_subdomains else ''}{host}{'' if port is None else f':{port}'}"


def _before_port(text: str) -> tuple[str, str]:
    host, colon, port = text.partition(":")
    return host, colon + port


def _checked_port(text: str) -> int:
    if not _PORT.fullmatch(text) or int(text) > 65535:
        raise ValueError("has no valid port")
    return int(text)


def _checked_host(host: str) -> str:
    if host.startswith("["):
        return _checked_ipv6(host)
    if not host:
        raise ValueError("has no host name")
    if not host.isascii():
        raise ValueError("is not ASCII: write the name in its xn-- form")
    if _looks_like_ipv4(host):
        return _checked_ipv4(host)
    if len(host) > MAX_NAME_LENGTH or not all(map(_LABEL.fullmatch, host.split("."))):
        raise ValueError("is not a host name")
    return host


def _looks_like_ipv4(host: str) -> bool:
    return _ADDRESS_LABEL.fullmatch(host.rpartition(".")[2]) is not None


def _checked_ipv4(host: str) -> str:
    # The standard library accepts only four decimal numbers without leading zeros.
    try:
        return str(IPv4Address(host))
    except ValueError as error:
        raise ValueError("is an address in a notation that is not accepted") from error


def _checked_ipv6(host: str) -> str:
    try:
        address = IPv6Address(host[1:-1])
    except ValueError as error:
        raise ValueError("is not an IPv6 address") from error
    if address.scope_id or address.ipv4_mapped or f"[{address}]" != host:
        raise ValueError("is an address in a notation that is not accepted")
    return host
