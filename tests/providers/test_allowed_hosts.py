"""Which hosts and addresses a dynamic route may reach (docs/features.md "Dynamic routing")."""

from __future__ import annotations

import pytest

from proxy.providers.allowed_hosts import host_rules, is_public

SHIPPED = ("qiniu.com", ".qiniu.com", "sufy.com", ".sufy.com", "qnaigc.com", ".qnaigc.com")


@pytest.mark.parametrize(
    ("entries", "host", "port", "allowed"),
    [
        pytest.param((), "qiniu.com", 443, False, id="nothing is allowed until listed"),
        pytest.param(("qiniu.com",), "qiniu.com", 443, True, id="a bare name"),
        pytest.param(("qiniu.com",), "qiniu.com", 8443, True, id="without a port: any port"),
        pytest.param(("qiniu.com",), "api.qiniu.com", 443, False, id="bare: not its subdomains"),
        pytest.param((".qiniu.com",), "qiniu.com", 443, False, id=".name: not itself"),
        pytest.param((".qiniu.com",), "api.qiniu.com", 443, True, id=".name: a subdomain"),
        pytest.param((".qiniu.com",), "a.b.qiniu.com", 443, True, id=".name: a deep subdomain"),
        pytest.param((".qiniu.com",), "evilqiniu.com", 443, False, id="no dot, no subdomain"),
        pytest.param((".qiniu.com",), "qiniu.com.evil.test", 443, False, id="a suffix behind it"),
        pytest.param(("qiniu.com:8443",), "qiniu.com", 8443, True, id="a port that fits"),
        pytest.param(("qiniu.com:8443",), "qiniu.com", 443, False, id="another port"),
        pytest.param((".qiniu.com:443",), "a.qiniu.com", 443, True, id="subdomains at a port"),
        pytest.param((".qiniu.com:443",), "a.qiniu.com", 80, False, id="subdomains, another port"),
        pytest.param(SHIPPED, "openai.qiniu.com", 443, True, id="the shipped example"),
        pytest.param(("127.0.0.1:80",), "127.0.0.1", 80, True, id="a listed address"),
        pytest.param(("127.0.0.1:80",), "127.0.0.1", 81, False, id="a listed address, other port"),
        pytest.param(("[::1]",), "[::1]", 80, True, id="a listed IPv6 address"),
    ],
)
def test_allows(entries: tuple[str, ...], host: str, port: int, allowed: bool) -> None:
    assert host_rules(entries).allows(host, port) is allowed


@pytest.mark.parametrize(
    ("entries", "name", "address", "allowed"),
    [
        pytest.param((".a.test",), "x.a.test", "8.8.8.8", True, id="public"),
        pytest.param((".a.test",), "x.a.test", "10.0.0.5", False, id="private"),
        pytest.param((".a.test", "10.0.0.5"), "x.a.test", "10.0.0.5", True, id="address listed"),
        pytest.param((".a.test", "10.0.0.5:80"), "x.a.test", "10.0.0.5", False, id="not this port"),
        pytest.param((".a.test", "[::1]"), "x.a.test", "::1", True, id="IPv6 address listed"),
        pytest.param(("x.a.test",), "x.a.test", "127.0.0.1", True, id="the name itself listed"),
        pytest.param(("x.a.test:80",), "x.a.test", "127.0.0.1", False, id="name, not this port"),
    ],
)
def test_may_connect(entries: tuple[str, ...], name: str, address: str, allowed: bool) -> None:
    assert host_rules(entries).may_connect(name, address, 443) is allowed


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.167.1.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2001:4860:4860::8888",
        "2a00::1",
    ],
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("127.255.255.254", id="the end of loopback"),
        pytest.param("::1", id="IPv6 loopback"),
        pytest.param("0.0.0.0", id="this host"),
        pytest.param("0.1.2.3", id="this network"),
        pytest.param("::", id="unspecified"),
        pytest.param("10.1.2.3", id="private 10"),
        pytest.param("172.16.0.1", id="private 172.16"),
        pytest.param("172.31.255.255", id="the end of private 172.16"),
        pytest.param("192.168.1.1", id="private 192.168"),
        pytest.param("fd00::1", id="unique local"),
        pytest.param("fec0::1", id="site-local"),
        pytest.param("169.254.1.1", id="link-local"),
        pytest.param("fe80::1", id="IPv6 link-local"),
        pytest.param("fe80::1%eth0", id="IPv6 link-local with a zone"),
        pytest.param("169.254.169.254", id="metadata"),
        pytest.param("fd00:ec2::254", id="IPv6 metadata"),
        pytest.param("100.100.100.200", id="metadata in shared address space"),
        pytest.param("168.63.129.16", id="metadata at a public address"),
        pytest.param("192.0.0.192", id="metadata among protocol assignments"),
        pytest.param("100.64.0.1", id="CGNAT"),
        pytest.param("192.0.2.1", id="documentation"),
        pytest.param("198.18.0.1", id="benchmarks"),
        pytest.param("192.88.99.1", id="6to4 relay"),
        pytest.param("224.0.0.1", id="multicast"),
        pytest.param("ff02::1", id="IPv6 multicast"),
        pytest.param("240.0.0.1", id="reserved"),
        pytest.param("255.255.255.255", id="broadcast"),
        pytest.param("::ffff:8.8.8.8", id="IPv4-mapped, even of a public one"),
        pytest.param("::ffff:127.0.0.1", id="IPv4-mapped loopback"),
        pytest.param("::127.0.0.1", id="IPv4-compatible"),
        pytest.param("2002:7f00:1::", id="6to4"),
        pytest.param("64:ff9b::7f00:1", id="NAT64"),
        pytest.param("64:ff9b:1::7f00:1", id="local NAT64"),
        pytest.param("2001:0:4136:e378::1", id="Teredo"),
        pytest.param("2001:db8::1", id="IPv6 documentation"),
        pytest.param("100::1", id="discard"),
        pytest.param("5f00::1", id="segment routing"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)
