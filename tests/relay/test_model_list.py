"""The remembered lists of models (docs/protocol.md section 7)."""

from __future__ import annotations

from typing import Any

import gevent
import pytest
from gevent.event import Event

from config.registry.values import Provider
from proxy.errors import ClientGone, RequestTimeout, UpstreamError, UpstreamTimeout
from proxy.relay import model_list
from proxy.relay.model_list import (
    CACHE_SECONDS,
    CACHED_LISTS,
    FAILURE_SECONDS,
    ModelList,
    place_of,
)


def listed(*names: str) -> list[dict[str, Any]]:
    return [{"id": name} for name in names]


def test_equal_lists_are_kept_once() -> None:
    """Some upstreams list their models whatever the key says, and keys can be made up."""
    lists = ModelList()
    found = [
        lists.entries(f"key-{number}".encode(), lambda: listed("a", "b"))
        for number in range(CACHED_LISTS)
    ]
    assert {id(entries) for entries in found[1:]} == {id(lists.entries(b"key-0", list))}
    assert lists.entries(b"another", lambda: listed("c")) == listed("c")


def test_each_credential_has_its_own() -> None:
    lists = ModelList()
    assert lists.entries(b"one", lambda: listed("a")) == listed("a")
    assert lists.entries(b"two", lambda: listed("b")) == listed("b")
    assert lists.entries(b"one", list) == listed("a")


def failing() -> list[dict[str, Any]]:
    raise UpstreamError("no list")


def nobody_waits(asking: Event) -> None:
    raise AssertionError("nobody else asks")


def test_a_failure_is_remembered_and_the_last_list_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = 1000.0, []
    monkeypatch.setattr(model_list, "monotonic", lambda: now)

    def fetch() -> list[dict[str, Any]]:
        asked.append(now)
        return failing()

    lists = ModelList()
    assert lists.quietly(b"p", fetch, nobody_waits) is None
    assert lists.quietly(b"p", fetch, nobody_waits) is None
    now += FAILURE_SECONDS
    assert lists.quietly(b"p", lambda: listed("a"), nobody_waits) == listed("a")
    now += CACHE_SECONDS
    assert lists.quietly(b"p", fetch, nobody_waits) == listed("a")
    assert asked == [1000.0, now]


def test_a_client_that_leaves_hands_the_question_on() -> None:
    """The list is fetched with the request of one client; another one that waits asks itself then."""
    lists, waited = ModelList(), Event()

    def gone() -> list[dict[str, Any]]:
        waited.wait()
        raise ClientGone("left")

    def wait(asking: Event) -> None:
        waited.set()
        asking.wait()

    first = gevent.spawn(lists.quietly, b"p", gone, nobody_waits)
    gevent.sleep(0)
    second = gevent.spawn(lists.quietly, b"p", lambda: listed("a"), wait)
    assert second.get(timeout=30) == listed("a")
    assert isinstance(first.exception, ClientGone)


def test_a_caller_whose_time_is_over_gets_what_is_known() -> None:
    lists, ended = ModelList(), Event()

    def slow() -> list[dict[str, Any]]:
        ended.wait()
        return listed("a")

    def wait(asking: Event) -> None:
        raise UpstreamTimeout("too late")

    first = gevent.spawn(lists.quietly, b"p", slow, nobody_waits)
    gevent.sleep(0)
    assert lists.quietly(b"p", failing, wait) is None
    ended.set()
    assert first.get(timeout=30) == listed("a")


def test_a_request_that_is_over_says_nothing_about_the_list() -> None:
    lists = ModelList()

    def over() -> list[dict[str, Any]]:
        raise RequestTimeout("the request took too long")

    with pytest.raises(RequestTimeout):
        lists.quietly(b"p", over, nobody_waits)
    assert lists.quietly(b"p", lambda: listed("a"), nobody_waits) == listed("a")


def test_invented_keys_displace_one_list_each() -> None:
    lists = ModelList()
    for number in range(CACHED_LISTS + 1):
        lists.entries(str(number).encode(), lambda: listed("a"))
    assert lists.held(b"0") is None
    assert lists.held(b"1") == listed("a")


def test_a_place_is_that_of_upstream_and_key() -> None:
    own, theirs = Provider("p", "http://h", ("k1", "k2")), Provider("p", "http://h")
    assert place_of(own, "u", "k1") == place_of(own, "u", "k2")
    different = [(theirs, "u", "k1"), (theirs, "u", "k2"), (theirs, "v", "k1"), (theirs, "u", None)]
    assert len({place_of(*each) for each in different}) == 4
