"""The hosts that dynamic routes may reach, and the addresses that their names may resolve to.

Rule: pure. An entry ``name`` is that host only, ``.name`` its subdomains without the host itself; an
entry without a port matches any port (docs/features.md "Dynamic routing"). An address outside the
public Internet is allowed only if it, or the name that resolved to it, is itself an entry.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from config.hosts import host_and_port

DEFAULT_PORTS = {"http": 80, "https": 443}

NON_PUBLIC_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; one cloud's metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's platform, which serves metadata
        "169.254.0.0/16",  # link-local; metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; one cloud's metadata
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
PUBLIC_IPV6 = IPv6Network("2000::/3")
"""The addresses of hosts on the Internet. Excludes ``::ffff:0:0/96`` and ``64:ff9b::/96``, which embed
an IPv4 address, as well as loopback, link-local, private and multicast addresses."""
NON_PUBLIC_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments; Teredo embeds an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 embeds an IPv4 address
        "3fff::/20",  # documentation
    )
)


@dataclass(frozen=True, slots=True)
class HostRules:
    """The entries of ALLOWED_HOSTS. Hosts and ports are those of ``config.hosts``."""

    exact: frozenset[tuple[str, int | None]] = frozenset()
    subdomains: frozenset[tuple[str, int | None]] = frozenset()
    """By parent name. Port None is any port."""

    def __bool__(self) -> bool:
        return bool(self.exact or self.subdomains)

    def lists(self, host: str, port: int) -> bool:
        """Whether ``host`` itself is an entry."""
        return (host, None) in self.exact or (host, port) in self.exact

    def allows(self, host: str, port: int) -> bool:
        """Whether ``host`` is an entry or a subdomain of one; its addresses are not checked."""
        if self.lists(host, port):
            return True
        _, dot, parent = host.partition(".")
        while dot:
            if (parent, None) in self.subdomains or (parent, port) in self.subdomains:
                return True
            _, dot, parent = parent.partition(".")
        return False

    def may_connect(self, name: str, address: str, port: int) -> bool:
        """Whether a connection for ``name`` may go to ``address``, an IP address it resolved to."""
        if is_public(address) or self.lists(name, port):
            return True
        return self.lists(f"[{address}]" if ":" in address else address, port)


def host_rules(entries: Iterable[str]) -> HostRules:
    """The rules of normalised entries (``config.hosts.host_entry``)."""
    listed = tuple(entries)
    return HostRules(
        exact=frozenset(host_and_port(entry) for entry in listed if not entry.startswith(".")),
        subdomains=frozenset(host_and_port(entry[1:]) for entry in listed if entry.startswith(".")),
    )


def is_public(address: str) -> bool:
    """Whether an IP address belongs to a host on the public Internet.

    Raises ``ValueError`` for text that is not an address.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return parsed in PUBLIC_IPV6 and not any(parsed in network for network in NON_PUBLIC_IPV6)
    return not any(parsed in network for network in NON_PUBLIC_IPV4)
