"""Credentials in headers, URLs and bodies of a recording."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.telemetry.recording.masking import (
    SLICE_BYTES,
    MaskedStream,
    Secrets,
    credentials_in,
    credentials_in_query,
)

KEY = "abcabd-key-of-alice"


@pytest.mark.parametrize(
    ("name", "value", "masked"),
    [
        ("authorization", "Bearer something", "Bearer ***"),
        ("Authorization", "Basic dXNlcjpwYXNz", "Basic ***"),
        ("x-api-key", "sk-ant-api03-something", "sk-ant-***"),
        ("api-key", "short", "***"),
        ("x-goog-api-key", "something", "***"),
        ("cookie", "session=1; other=2", "***"),
        ("cf-access-jwt-assertion", "something", "***"),
        ("proxy-authorization", "Digest a, b", "Digest ***"),
        ("x-api-key", "the-front-key", "***auth-key***"),
        ("authorization", "Bearer the-front-key", "Bearer ***auth-key***"),
        ("idempotency-key", "7", "7"),
        ("anthropic-beta", "token-efficient-tools", "token-efficient-tools"),
        ("referer", f"https://u:p@host/?key=7&x={KEY}", "https://***@host/?key=***&x=***"),
    ],
)
def test_headers_of_requests(name: str, value: str, masked: str) -> None:
    secrets = Secrets([KEY], ["the-front-key"])
    assert secrets.in_headers([(name, value)]) == [[name, masked]]


def test_limits_in_the_headers_of_answers_are_kept() -> None:
    headers = [
        ("x-ratelimit-remaining-tokens", "5"),
        ("set-cookie", "a=b"),
        ("x-auth-token", "something"),
        ("x-debug", KEY),
        ("location", f"https://u:p@host/?auth=1&x={KEY}"),
    ]
    assert Secrets([KEY]).in_headers(headers, answered=True) == [
        ["x-ratelimit-remaining-tokens", "5"],
        ["set-cookie", "***"],
        ["x-auth-token", "***"],
        ["x-debug", "***"],
        ["location", "https://***@host/?auth=***&x=***"],
    ]


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://user:pass@host/v1", "https://***@host/v1"),
        ("https://host/v1?api_key=1&api-version=2", "https://host/v1?api_key=***&api-version=2"),
        ("https://host/v1?access_token=1#x", "https://host/v1?access_token=***#x"),
        ("https://host/?sig=1&X-Amz-Signature=2", "https://host/?sig=***&X-Amz-Signature=***"),
        (f"https://host/{KEY}/v1", "https://host/***/v1"),
        ("/v1?authorization=Bearer%201&pwd=2;jwt=3", "/v1?authorization=***&pwd=***;jwt=***"),
    ],
)
def test_urls(url: str, masked: str) -> None:
    assert Secrets([KEY]).in_url(url) == masked


@pytest.mark.parametrize("secret", ['a "quoted" secret', "schlüssel-größe", "a+b/c==d&e f"])
def test_a_secret_in_the_spelling_of_json_of_urls_and_of_base64(secret: str) -> None:
    secrets = Secrets([secret])
    in_url = quote(secret, safe="")
    for text in (
        secret,
        json.dumps(secret),
        json.dumps(secret).replace("/", "\\/"),
        in_url,
        in_url.replace("%2F", "%2f").replace("%3D", "%3d").replace("%2B", "%2b")
        if "/" in secret
        else in_url,
        quote_plus(secret),
        base64.b64encode(secret.encode()).decode().rstrip("="),
    ):
        assert secrets.in_text(f"[{text}]").strip('[]"') == "***"


def test_a_key_within_another_one_leaves_nothing_of_it() -> None:
    shared = Secrets(["0123456789-shared", "01234567"])
    added = shared.copy()
    added.add("0123456789", "0123456789-shared-and-more")
    for whole in ("0123456789", "01234567", "0123456789-shared", "0123456789-shared-and-more"):
        assert added.in_text(f"<{whole}>") == "<***>"
    assert shared.in_text("<0123456789-shared-and-more>") == "<***-and-more>"


@given(
    st.lists(st.text("ab", min_size=8, max_size=12), max_size=6),
    st.lists(st.text("ab", min_size=8, max_size=12), max_size=6),
    st.text("abc", max_size=80),
)
def test_no_secret_is_left_whichever_are_known(
    known: list[str], added: list[str], text: str
) -> None:
    secrets = Secrets(known).copy()
    secrets.add(*added)
    masked = secrets.in_text(text)
    assert [each for each in (*known, *added) if each in masked] == []


def test_a_long_body_is_masked_in_steps_that_cut_no_secret() -> None:
    body = (KEY + "-" * (SLICE_BYTES // 2 - 5)).encode() * 6
    assert Secrets([KEY]).in_bytes(body) == body.replace(KEY.encode(), b"***")


def test_a_placeholder_is_not_a_secret() -> None:
    assert Secrets(["ollama", ""]).in_bytes(b"an ollama server") == b"an ollama server"


def test_values() -> None:
    value = {"a": [KEY, 1, None, {KEY: f"x{KEY}y"}]}
    assert Secrets([KEY]).in_value(value) == {"a": ["***", 1, None, {"***": "x***y"}]}


@given(
    st.lists(st.sampled_from([KEY, "abc", "abcabd-key-of-bob", "a", " ", "\n"])),
    st.lists(st.integers(0, 60)),
)
def test_a_secret_is_found_wherever_the_pieces_are_cut(words: list[str], cuts: list[int]) -> None:
    body = "".join(words).encode()
    edges = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    stream = MaskedStream(Secrets([KEY]))
    pieces = [stream.feed(body[a:b]) for a, b in pairwise(edges)]
    whole = b"".join([*pieces, stream.rest()])
    assert whole == Secrets([KEY]).in_bytes(body)
    assert KEY.encode() not in whole


def test_what_a_client_shows() -> None:
    headers = [("cookie", "a=first; b=second"), ("authorization", "Bearer k"), ("accept", "x")]
    assert credentials_in(headers) == ["a=first; b=second"] * 2 + ["first", "second"] + [
        "Bearer k",
        "k",
    ]
    assert credentials_in_query("https://h/?key=k1") == ["k1"]
    found = credentials_in_query("https://u:p%40@h/")
    assert found == ["u:p%40", "p%40", "dTpwJTQw", "u:p@", "p@", "dTpwQA=="]
    assert credentials_in_query("/v1?api_key=a%2Fb") == ["a%2Fb", "a/b"]
    basic = base64.b64encode(b"user:password").decode()
    assert credentials_in([("authorization", f"Basic {basic}")]) == [
        f"Basic {basic}",
        basic,
        "user:password",
        "password",
    ]
