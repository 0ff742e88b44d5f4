"""State in signatures (R 5.1)."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.convert.reasoning_state import (
    ReasoningState,
    origin_of,
    packed_item,
    packed_state,
    unpacked_item,
    unpacked_state,
)
from proxy.failures.response_state import state_key

ORIGIN = "0123abcd"


def test_encrypted_content_is_carried_verbatim() -> None:
    assert packed_state(ORIGIN, "rs_1", "gAA+/=_-") == f"cp1.r1.{ORIGIN}.rs_1.gAA+/=_-"
    assert packed_state(ORIGIN, "", "gAAA") == f"cp1.r1.{ORIGIN}..gAAA"


@given(st.text(max_size=9), st.text(min_size=1, max_size=20))
def test_round_trip(item_id: str, encrypted: str) -> None:
    back = unpacked_state(packed_state(ORIGIN, item_id, encrypted))
    whole = [text.encode("utf-8", "replace").decode() for text in (item_id, encrypted)]
    assert back == ReasoningState(ORIGIN, *whole)


@pytest.mark.parametrize("encrypted", ["a.b", "ä", 'say "x"'])
def test_other_characters_are_packed(encrypted: str) -> None:
    packed = packed_state(ORIGIN, "rs_1", encrypted)
    assert not packed.startswith("cp1.r1.")
    assert unpacked_state(packed) == ReasoningState(ORIGIN, "rs_1", encrypted)


def test_whole_items_are_packed() -> None:
    item = {"type": "web_search_call", "id": "ws_1", "action": {"query": "\ud800ü"}}
    packed = packed_item(ORIGIN, item)
    assert packed.startswith("cp1.")
    assert unpacked_item(packed) == (ORIGIN, {**item, "action": {"query": "?ü"}})
    assert unpacked_state(packed) is None


def packed(value: object) -> str:
    return "cp1." + urlsafe_b64encode(orjson.dumps(value)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cp1.",
        "cp1.r1.",
        "cp1.r1.a.b",
        "cp1.r1.a.b.",
        "cp1.AAAAAAAAAAAAAAAAAAAAAA",
        "cp1.ü",
        "theirs",
        packed([]),
        packed({"at": ORIGIN}),
        packed({"at": 1, "responses_item": {}}),
        packed({"at": ORIGIN, "responses_item": []}),
        packed({"at": ORIGIN, "responses_item": {"type": "reasoning", "encrypted_content": 1}}),
        packed({"at": ORIGIN, "responses_item": {"type": "reasoning", "id": 1}}),
        packed({"at": ORIGIN, "responses_item": {"type": "reasoning", "encrypted_content": ""}}),
    ],
)
def test_what_is_no_state(text: str) -> None:
    assert unpacked_state(text) is None


def test_origin_is_scheme_host_and_port() -> None:
    origin = origin_of("https://api.openai.com/v1")
    assert len(origin) == 8
    assert set(origin) <= set("0123456789abcdef")
    same = (
        "https://API.openai.com:443/other/path?x=1",
        "HTTPS://api.openai.com",
        "https://k@api.openai.com",
    )
    assert {origin_of(url) for url in same} == {origin}
    others = ("http://api.openai.com/v1", "https://api.openai.com:8443/v1", "https://openai.com/v1")
    assert origin not in {origin_of(url) for url in others}
    assert origin_of("https://[::1]:8000/v1") == origin_of("https://[::1]:8000")


def test_key_of_a_refused_content() -> None:
    assert state_key("abc").startswith("ba7816bf8f01cfea414140de5dae2223")
    assert len(state_key("\ud800")) == 64
