"""How a host may be written (docs/features.md "Dynamic routing")."""

from __future__ import annotations

import pytest

from config.hosts import host_and_port, host_entry, is_ip_address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        pytest.param("qiniu.com", "qiniu.com", None, id="a name"),
        pytest.param("QINIU.Com:8443", "qiniu.com", 8443, id="case does not count, a port"),
        pytest.param("localhost:1", "localhost", 1, id="one label, least port"),
        pytest.param("my_service:65535", "my_service", 65535, id="underscore, last port"),
        pytest.param("xn--bcher-kva.example", "xn--bcher-kva.example", None, id="punycode"),
        pytest.param("1.2.3.4.example", "1.2.3.4.example", None, id="labels of digits, but a name"),
        pytest.param("127.0.0.1:80", "127.0.0.1", 80, id="IPv4"),
        pytest.param("[::1]", "[::1]", None, id="IPv6"),
        pytest.param("[2001:DB8::1]:443", "[2001:db8::1]", 443, id="IPv6 in any case, a port"),
        pytest.param("a" * 63 + ".test", "a" * 63 + ".test", None, id="the longest label"),
    ],
)
def test_hosts(text: str, host: str, port: int | None) -> None:
    assert host_and_port(text) == (host, port)


NOT_ACCEPTED = "is an address in a notation that is not accepted"


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        pytest.param("", "has no host name", id="empty"),
        pytest.param(":80", "has no host name", id="a port only"),
        pytest.param("qiniu.com:", "has no valid port", id="empty port"),
        pytest.param("qiniu.com:0", "has no valid port", id="port 0"),
        pytest.param("qiniu.com:080", "has no valid port", id="leading zero"),
        pytest.param("qiniu.com:65536", "has no valid port", id="port too large"),
        pytest.param("qiniu.com:443:443", "has no valid port", id="two ports"),
        pytest.param("qiniu.com:4４3", "has no valid port", id="digits that are not ASCII"),
        pytest.param("qiniu.com.", "is not a host name", id="trailing dot"),
        pytest.param(".qiniu.com", "is not a host name", id="leading dot"),
        pytest.param("a..b", "is not a host name", id="empty label"),
        pytest.param("-a.test", "is not a host name", id="leading hyphen"),
        pytest.param("a-.test", "is not a host name", id="trailing hyphen"),
        pytest.param("a" * 64 + ".test", "is not a host name", id="label too long"),
        pytest.param(".".join(["a" * 63] * 4), "is not a host name", id="name too long"),
        pytest.param("u@qiniu.com", "is not a host name", id="userinfo"),
        pytest.param("qiniu.com\n", "is not a host name", id="line end"),
        pytest.param("qiniu%2ecom", "is not a host name", id="percent-encoding"),
        pytest.param("qiníu.com", "is not ASCII: write the name in its xn-- form", id="not ASCII"),
        pytest.param("127.1", NOT_ACCEPTED, id="short IPv4"),
        pytest.param("2130706433", NOT_ACCEPTED, id="decimal IPv4"),
        pytest.param("0x7f000001", NOT_ACCEPTED, id="hex IPv4"),
        pytest.param("0X7F.0.0.1", NOT_ACCEPTED, id="hex part of IPv4"),
        pytest.param("127.0.0.0x1", NOT_ACCEPTED, id="hex last part of IPv4"),
        pytest.param("0177.0.0.1", NOT_ACCEPTED, id="octal IPv4"),
        pytest.param("127.0.0.1.", "is not a host name", id="IPv4 with a trailing dot"),
        pytest.param("1.2.3.4.5", NOT_ACCEPTED, id="five parts"),
        pytest.param("256.0.0.1", NOT_ACCEPTED, id="a part too large"),
        pytest.param("example.1", NOT_ACCEPTED, id="a last label that makes it an address"),
        pytest.param("::1", "has no host name", id="IPv6 without brackets"),
        pytest.param("[::1", "is not an IPv6 address", id="an open bracket"),
        pytest.param("[::1]80", "is not a host name", id="no colon behind the bracket"),
        pytest.param("[]", "is not an IPv6 address", id="empty brackets"),
        pytest.param("[127.0.0.1]", "is not an IPv6 address", id="IPv4 in brackets"),
        pytest.param("[v1.a]", "is not an IPv6 address", id="a future address"),
        pytest.param("[0:0:0:0:0:0:0:1]", NOT_ACCEPTED, id="long IPv6"),
        pytest.param("[::01]", NOT_ACCEPTED, id="zeros in IPv6"),
        pytest.param("[::127.0.0.1]", NOT_ACCEPTED, id="dotted IPv6"),
        pytest.param("[::ffff:127.0.0.1]", NOT_ACCEPTED, id="IPv4-mapped, dotted"),
        pytest.param("[::ffff:7f00:1]", NOT_ACCEPTED, id="IPv4-mapped"),
        pytest.param("[fe80::1%eth0]", NOT_ACCEPTED, id="zone id"),
    ],
)
def test_what_is_no_host(text: str, phrase: str) -> None:
    with pytest.raises(ValueError, match=phrase) as caught:
        host_and_port(text)
    assert str(caught.value) == phrase


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        pytest.param("Qiniu.com", "qiniu.com", id="a bare name"),
        pytest.param(".qiniu.com", ".qiniu.com", id="subdomains"),
        pytest.param("*.qiniu.com:443", ".qiniu.com:443", id="a star is the same, with a port"),
        pytest.param("[::1]:11434", "[::1]:11434", id="an address"),
    ],
)
def test_entries(text: str, entry: str) -> None:
    assert host_entry(text) == entry


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "*.",
        ".",
        "..a.test",
        "*a.test",
        "a.*.test",
        "*.*.test",
        "https://a.test",
        "a.test/v1",
        "*.127.0.0.1",
        ".0.1",
        ".[::1]",
        "a b",
        "10.0.0.0/8",
        "a.test.",
    ],
)
def test_what_is_no_entry(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has) "):
        host_entry(text)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("[::1]", True), ("10.0.0.1", True), ("a.test", False), ("localhost", False)],
)
def test_is_ip_address(host: str, expected: bool) -> None:
    assert is_ip_address(host) is expected
