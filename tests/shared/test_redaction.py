"""Credentials are masked in every text of an upstream and in every log line."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.redaction import SECRET_PATTERNS, mask_secrets, mask_short_secrets


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        pytest.param("key sk-proj-abc_DEF-123.", "key ***.", id="5 sk-"),
        pytest.param("provided: sk-abc****wxyz. You", "provided: ***. You", id="5 shortened sk-"),
        pytest.param(
            "provided: abcdef**********wxyz. You", "provided: ***. You", id="5 shortened key"
        ),
        pytest.param("provided: ****wxyz", "provided: ***", id="5 end of a key"),
        pytest.param("Authorization: Bearer abc.def", "Authorization: Bearer ***", id="5 Bearer"),
        pytest.param('{"a": "bearer abc"}', '{"a": "bearer ***"}', id="5 quoted bearer"),
        pytest.param(
            "Proxy-Authorization: Basic dTpwYXNz, so",
            "Proxy-Authorization: Basic ***, so",
            id="basic",
        ),
        pytest.param("basic authentication", "basic authentication", id="the word alone"),
        pytest.param("gsk_abc123 AIzaSyA1234567890", "*** ***", id="edge 109 other vendors"),
        pytest.param("https://me:pass@host/x", "https://***@host/x", id="edge 109 userinfo"),
        pytest.param("/v1?api-key=abc&x=1", "/v1?api-key=***&x=1", id="edge 109 query"),
        pytest.param("my-own-key and more", "*** and more", id="edge 109 a known secret"),
        pytest.param("task-force and risk-free", "task-force and risk-free", id="5 ordinary words"),
        pytest.param("** bold ** and ***", "** bold ** and ***", id="5 ordinary stars"),
    ],
)
def test_mask_secrets(text: str, masked: str) -> None:
    assert mask_secrets(text, ["", "my-own-key"]) == masked
    assert mask_secrets(masked, ["my-own-key"]) == masked


def test_edge_109_of_two_secrets_the_longer_goes_first() -> None:
    text = "abcdefgh.ijkl abcdefgh"
    assert mask_secrets(text, ["abcdefgh", "abcdefgh.ijkl"]) == "*** ***"


def test_edge_109_a_word_too_short_to_be_a_secret_stays() -> None:
    assert mask_secrets("model: demo", ["demo"]) == "model: demo"


SHREDS = st.sampled_from(
    ["sk", "rk", "gsk", "nvapi", "-", "_", "AIza", "abcdefghijkl", "0123456789", "Bearer", " ", "\n",
     "authorization", "Author\u0131zation", "AUTHORIZATION", ":", "=", '"', "basic", "Ba\u017fic", "://",
     "user", "@", "/", "key", "\u212aey", "api_key", "token", "to\u212aen", "access_token", "*", "***",
     "&", ",", ".", "\u2026", "\xe9", "\u0130", "\u01c5", "the model", "authorization: basic abc",
     'Author\u0131zation": "basic abc', "token=abc", "to\u212aen=abc", "key=abc", " sk_abcdef"]
)  # fmt: skip


@settings(max_examples=400)
@given(st.lists(SHREDS, max_size=9).map("".join) | st.text(max_size=20))
@example("x-sk-abcdefgh")
def test_searching_for_words_first_masks_the_same(text: str) -> None:
    expected = text
    for _, pattern, replacement in SECRET_PATTERNS:
        expected = pattern.sub(replacement, expected)
    assert mask_secrets(text) == expected


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        pytest.param("key bob, not bobby", "key ***, not bobby", id="a word"),
        pytest.param("bob", "***", id="alone"),
        pytest.param("'ollama'", "'***'", id="quoted"),
        pytest.param("k-bob bob-k a_bob", "k-bob bob-k a_bob", id="part of a word"),
        pytest.param("longer-than-seven", "longer-than-seven", id="left to mask_secrets"),
        pytest.param("a.b a+b", "a.b ***", id="no pattern"),
    ],
)
def test_short_secrets_are_masked_as_words(text: str, masked: str) -> None:
    secrets = ("bob", "ollama", "longer-than-seven", "a+b", "")
    assert mask_short_secrets(text, secrets) == masked


def test_without_short_secrets_nothing_is_masked() -> None:
    assert mask_short_secrets("bob", ()) == "bob"
