from __future__ import annotations

import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.tokens.estimate import cheap_estimate, estimate_tokens
from tests.tokens.bodies import PIXEL, file_part, function_tool, image_part, large_body

MIB = 1 << 20


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        pytest.param("", 0, id="6 nothing"),
        pytest.param("a", 1, id="6 rounded up"),
        pytest.param("a" * 4000, 1000, id="6 English: 4 characters a token"),
        pytest.param("中" * 1200, 1000, id="6 Chinese: 1.2 characters a token"),
        pytest.param("abc中" * 1000, 1584, id="6 mixed: about 2.5 characters a token"),
        pytest.param("Ж" * 2500, 1000, id="6 other alphabets: 2.5 characters a token"),
        pytest.param("\U0001f600" * 100, 200, id="6 emoji: two tokens each"),
        pytest.param("\ud800" * 12, 10, id="6 lone surrogates"),
    ],
)
def test_estimate_tokens(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@given(st.text())
def test_each_character_counts_by_its_kind(text: str) -> None:
    ratios = {1: 4.0, 2: 2.5, 3: 1.2, 4: 0.5}
    by_character = sum(1 / ratios[len(char.encode("utf-8", "surrogatepass"))] for char in text)
    assert estimate_tokens(text) - by_character == pytest.approx(0.5, abs=0.5001)
    assert estimate_tokens(text) >= math.floor(by_character)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a" * MIB, id="English"),
        pytest.param("中" * MIB, id="Chinese"),
        pytest.param("a中" * (MIB // 2), id="mixed"),
        pytest.param("\U0001f600" * MIB, id="emoji"),
        pytest.param("\ud800" * MIB, id="lone surrogates"),
    ],
)
def test_a_megabyte_is_no_work(text: str) -> None:
    assert fastest(lambda: estimate_tokens(text)) < 0.05


def user(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        pytest.param({"messages": []}, 0, id="4 nothing"),
        pytest.param(
            {"messages": [{"role": "user", "content": "a" * 40}]}, 10, id="4 EST is bytes / 4"
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": "é" * 40}]}, 20, id="4 EST counts bytes"
        ),
        pytest.param({"messages": [{"role": "user", "content": "a"}]}, 1, id="4 EST rounds up"),
        pytest.param(
            {
                "messages": [
                    {"role": "system", "content": "a" * 10},
                    {"role": "user", "content": "b" * 10},
                ]
            },
            5,
            id="4 EST adds up the texts",
        ),
        pytest.param(user(image_part(PIXEL)), 1, id="4 EST has images by section 6"),
        pytest.param(user(image_part("https://x.test/a.png")), 1600, id="4 EST of a URL image"),
        pytest.param(user(file_part(b"/Type /Page " * 3)), 6000, id="4 EST of a PDF"),
        pytest.param(
            {"messages": [], "tools": [function_tool("f", "d" * 4)]},
            math.ceil(len('{"name":"f","description":"dddd","parameters":{"type":"object"}}') / 4),
            id="4 EST counts tools",
        ),
    ],
)
def test_cheap_estimate(body: dict[str, Any], tokens: int) -> None:
    assert cheap_estimate(body) == tokens


def test_cheap_estimate_costs_little() -> None:
    """A 126 kB body takes about 0.09 ms; the bound leaves room for a busy machine."""
    body = large_body()
    assert fastest(lambda: cheap_estimate(body)) < 0.001


def fastest(call: Any) -> float:
    """Seconds of the best of fifty runs."""
    best = math.inf
    for _ in range(50):
        begun = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begun)
    return best
