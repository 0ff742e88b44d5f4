"""The address that was checked is the one connected to (docs/features.md "Dynamic routing")."""

from __future__ import annotations

import pytest

from config.settings import Settings
from proxy.errors import PermissionDenied
from proxy.providers.allowed_hosts import host_rules
from proxy.upstream import name_lookup
from proxy.upstream.name_lookup import NameLookup
from proxy.upstream.pinned import checked_addresses, pinned_client
from tests.api.name_service import Names
from tests.upstream_stub import UpstreamStub, completion, json_answer


def checked(entries: list[str], host: str, port: int) -> list[str]:
    return list(checked_addresses(host_rules(entries), NameLookup(), host, port, 10.0))


def test_addresses_come_in_the_order_of_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names({"a.test": [["8.8.8.8", "2606:4700::1111", "8.8.8.8"]]})
    monkeypatch.setattr(name_lookup, "getaddrinfo", names)
    assert checked(["a.test"], "a.test", 443) == ["8.8.8.8", "2606:4700::1111"]
    assert names.asked == ["a.test"]


def test_a_host_that_is_not_allowed_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names({}, otherwise=["8.8.8.8"])
    monkeypatch.setattr(name_lookup, "getaddrinfo", names)
    with pytest.raises(PermissionDenied, match=r"the host b\.test is not allowed here"):
        checked(["a.test"], "b.test", 443)
    assert names.asked == []


def test_a_listed_ipv6_address_without_its_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_lookup, "getaddrinfo", Names({}))
    assert checked(["[::1]:80"], "::1", 80) == ["::1"]
    with pytest.raises(PermissionDenied, match=r"the host \[::1\] is not allowed here"):
        checked(["[::1]:80"], "::1", 81)


def test_a_client_cannot_be_led_elsewhere_by_its_caller(upstream: UpstreamStub) -> None:
    upstream.default = json_answer(completion("Hello"))
    client = pinned_client(Settings(), host_rules([f"127.0.0.1:{upstream.port}"]))
    url = f"http://127.0.0.1:{upstream.port}/v1/chat/completions"
    assert client.post(url, {}, b"{}").status == 200
    with pytest.raises(PermissionDenied):
        client.post(url.replace("127.0.0.1", "localhost"), {}, b"{}")
    with pytest.raises(PermissionDenied):
        client.get("http://127.0.0.1:1/v1/models", {})
    client.close()
    assert len(upstream.requests) == 1
