"""The remembered lists of models (docs/protocol.md section 7)."""

from __future__ import annotations

from typing import Any

from proxy.relay.model_list import CACHED_LISTS, ModelList


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
