from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.convert.reply.usage import (
    SAMPLE_CHARS,
    ReplyUsage,
    delta_usage,
    no_usage,
    usage_from_chat,
)


def counts(
    plain: int, output: int, *, read: int = 0, written: int = 0, **extra: Any
) -> dict[str, Any]:
    return {
        "input_tokens": plain,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": output,
        "service_tier": "standard",
        **extra,
    }


CACHED: dict[str, dict[str, Any]] = {
    "input_tokens_details": {"input_tokens_details": {"cached_tokens": 60}},
    "cached_input_tokens": {"cached_input_tokens": 60},
    "cache_read_tokens": {"cache_read_tokens": 60},
    "details.cache_read_tokens": {"prompt_tokens_details": {"cache_read_tokens": 60}},
    "details.cache_read_input_tokens": {
        "prompt_tokens_details": {"cached_tokens": 0, "cache_read_input_tokens": 60}
    },
}
WRITTEN: dict[str, dict[str, Any]] = {
    "created_cache_tokens": {"prompt_tokens_details": {"created_cache_tokens": 30}},
    "cache_creation_tokens": {"prompt_tokens_details": {"cache_creation_tokens": 30}},
    "cached_creation_tokens": {"prompt_tokens_details": {"cached_creation_tokens": 30}},
    "input_tokens_details": {"input_tokens_details": {"cache_write_tokens": 30}},
    "cache_write_input_tokens": {"prompt_tokens_details": {"cache_write_input_tokens": 30}},
    "top-level cache_write_tokens": {"cache_write_tokens": 30},
    "top-level cache_creation_tokens": {"cache_creation_tokens": 30},
    "lifetimes": {
        "cache_creation": {
            "ephemeral_5m_input_tokens": 10,
            "ephemeral_1h_input_tokens": 20,
        }
    },
    "two names": {
        "prompt_tokens_details": {
            "cache_write_tokens": 30,
            "cached_creation_tokens": 7,
        }
    },
}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14},
            counts(10, 4),
            id="3 usage plain",
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 1,
                "prompt_tokens_details": {"cached_tokens": 60},
            },
            counts(40, 1, read=60),
            id="edge 128 cached tokens are taken off",
        ),
        pytest.param(
            {"prompt_tokens": 100, "completion_tokens": 1, "prompt_cache_hit_tokens": 60},
            counts(40, 1, read=60),
            id="3 usage DeepSeek's prompt_cache_hit_tokens",
        ),
        pytest.param(
            {"prompt_tokens": 100, "completion_tokens": 1, "cached_tokens": 60},
            counts(40, 1, read=60),
            id="3 usage Kimi's cached_tokens",
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 1,
                "cache_read_input_tokens": 60,
                "prompt_tokens_details": {"cached_tokens": 1},
            },
            counts(40, 1, read=60),
            id="edge 128 the Messages API's own field wins",
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 1,
                "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
            },
            counts(
                10,
                1,
                read=60,
                written=30,
                cache_creation={"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 0},
            ),
            id="edge 129 three disjoint counts",
        ),
        pytest.param(
            {
                "prompt_tokens": 5,
                "completion_tokens": 1,
                "prompt_tokens_details": {"cached_tokens": 9},
            },
            counts(0, 1, read=9),
            id="3 usage input is never negative",
        ),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 9,
                "total_tokens": 19,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            counts(10, 9, output_tokens_details={"thinking_tokens": 7}),
            id="edge 132 reasoning within the completion",
        ),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 9,
                "total_tokens": 26,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            counts(10, 16, output_tokens_details={"thinking_tokens": 7}),
            id="3 usage reasoning beside the completion is added",
        ),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 3,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            counts(10, 3, output_tokens_details={"thinking_tokens": 3}),
            id="3 usage thinking is at most the output",
        ),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 3,
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
            counts(10, 3, output_tokens_details={"thinking_tokens": 0}),
            id="3 usage zero reasoning is reported as zero",
        ),
        *(
            pytest.param(
                {"prompt_tokens": 100, "completion_tokens": 1, **report},
                counts(40, 1, read=60),
                id=f"3 usage cached: {name}",
            )
            for name, report in CACHED.items()
        ),
        *(
            pytest.param(
                {"prompt_tokens": 100, "completion_tokens": 1, **report},
                counts(
                    70,
                    1,
                    written=30,
                    cache_creation={
                        "ephemeral_5m_input_tokens": 30,
                        "ephemeral_1h_input_tokens": 0,
                    },
                ),
                id=f"3 usage written: {name}",
            )
            for name, report in WRITTEN.items()
        ),
        pytest.param(
            {"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623},
            counts(20, 603, output_tokens_details={"thinking_tokens": 405}),
            id="3 usage thinking in the total alone",
        ),
        pytest.param(
            {"prompt_tokens": 21, "completion_tokens": 0, "total_tokens": 81},
            counts(21, 60, output_tokens_details={"thinking_tokens": 60}),
            id="3 usage thinking alone, in the total alone",
        ),
        pytest.param(
            {"prompt_tokens": 21, "total_tokens": 81},
            counts(21, 60, output_tokens_details={"thinking_tokens": 60}),
            id="3 usage thinking in the total, completion missing",
        ),
        pytest.param(
            {
                "prompt_tokens": 50,
                "completion_tokens": 5,
                "total_tokens": 95,
                "prompt_tokens_details": {"cached_tokens": 30},
                "completion_tokens_details": {"audio_tokens": 0},
            },
            counts(20, 45, read=30, output_tokens_details={"thinking_tokens": 40}),
            id="3 usage thinking in the total beside cached tokens",
        ),
        pytest.param(
            {
                "prompt_tokens": 50,
                "completion_tokens": 5,
                "total_tokens": 85,
                "prompt_tokens_details": {"cached_tokens": 30},
            },
            counts(20, 5, read=30),
            id="3 usage cached tokens in the total are no thinking",
        ),
        pytest.param(
            {
                "prompt_tokens": 50,
                "completion_tokens": 5,
                "total_tokens": 95,
                "citation_tokens": 40,
            },
            counts(50, 5),
            id="3 usage other tokens in the total are no thinking",
        ),
        pytest.param(
            {
                "prompt_tokens": 50,
                "completion_tokens": 5,
                "total_tokens": 95,
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            counts(50, 5, output_tokens_details={"thinking_tokens": 3}),
            id="3 usage reported thinking wins over the total",
        ),
        pytest.param(
            {"prompt_tokens": 50, "completion_tokens": 5, "total_tokens": 50},
            counts(50, 5),
            id="3 usage a total that is too small",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 9, "reasoning_tokens": 7},
            counts(10, 9, output_tokens_details={"thinking_tokens": 7}),
            id="3 usage reasoning_tokens beside the details",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 3, "completion_tokens_details": None},
            counts(10, 3),
            id="edge 130 null details",
        ),
        pytest.param({"prompt_tokens": 10}, counts(10, 0), id="3 usage without a completion"),
        pytest.param(
            {"completion_tokens": 3, "total_tokens": 13}, counts(10, 3), id="3 usage from the total"
        ),
        pytest.param(
            {"input_tokens": 10, "output_tokens": 3}, counts(10, 3), id="3 usage other names"
        ),
        pytest.param(
            {"input_tokens": 10, "output_tokens": 3, "cache_read_input_tokens": 5},
            counts(10, 3, read=5),
            id="3 usage in the Messages API's own spelling",
        ),
        pytest.param(
            {"input_tokens": 10, "output_tokens": 3, "cache_creation_input_tokens": 5},
            counts(
                10,
                3,
                written=5,
                cache_creation={"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 0},
            ),
            id="3 usage in the Messages API's own spelling, written",
        ),
        pytest.param(
            {"prompt_tokens": 10.0, "completion_tokens": 3}, counts(10, 3), id="3 usage floats"
        ),
        pytest.param({"prompt_tokens": 0, "completion_tokens": 0}, None, id="3 usage zeros"),
        pytest.param({}, None, id="3 usage empty"),
        pytest.param(None, None, id="3 usage null"),
        pytest.param([1], None, id="3 usage of another type"),
        pytest.param(
            {"prompt_tokens": "10", "completion_tokens": True, "total_tokens": -4},
            None,
            id="3 usage counts of other types",
        ),
        pytest.param(
            {"prompt_tokens": 10**30, "completion_tokens": float("inf")},
            None,
            id="3 usage unbelievable counts",
        ),
    ],
)
def test_usage_from_chat(usage: object, expected: dict[str, Any] | None) -> None:
    assert usage_from_chat(usage) == expected


@settings(deadline=None)
@given(prompt=st.integers(0, 10**6), cached=st.integers(0, 10**6), written=st.integers(0, 10**6))
def test_edge_129_input_counts_add_up(prompt: int, cached: int, written: int) -> None:
    details = {"cached_tokens": cached, "cache_write_tokens": written}
    usage = usage_from_chat(
        {"prompt_tokens": prompt, "completion_tokens": 1, "prompt_tokens_details": details}
    )
    assert usage is not None
    total = (
        usage["input_tokens"]
        + usage["cache_read_input_tokens"]
        + usage["cache_creation_input_tokens"]
    )
    assert total == max(prompt, cached + written)


def test_delta_usage_holds_what_a_message_delta_may() -> None:
    usage = usage_from_chat(
        {
            "prompt_tokens": 9,
            "completion_tokens": 1,
            "prompt_tokens_details": {"cache_write_tokens": 5},
            "completion_tokens_details": {"reasoning_tokens": 1},
        }
    )
    assert usage is not None
    assert sorted(delta_usage(usage)) == [
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "input_tokens",
        "output_tokens",
        "output_tokens_details",
    ]


class Estimate:
    """One token a character."""

    def __init__(self) -> None:
        self.longest = 0

    def count_input(self) -> int:
        return 1000

    def count_output(self, text: str) -> int:
        self.longest = max(self.longest, len(text))
        return len(text)


FULL = {"prompt_tokens": 10, "completion_tokens": 4}


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        pytest.param([FULL], (10, 4, False), id="6 reported usage is not estimated"),
        pytest.param([], (1000, 5, True), id="edge 73 no usage is estimated"),
        pytest.param([{"prompt_tokens": 0}], (1000, 5, True), id="6 zero usage is estimated"),
        pytest.param([{"prompt_tokens": 10}], (10, 5, True), id="6 only the output is missing"),
        pytest.param([{"completion_tokens": 4}], (1000, 4, True), id="6 only the input is missing"),
        pytest.param(
            [{"prompt_tokens": 9, "completion_tokens": 1}, FULL], (10, 4, False), id="4 last wins"
        ),
        pytest.param([FULL, None, {}, 7, {"prompt_tokens": 0}], (10, 4, False), id="4 junk later"),
        pytest.param(
            [{"prompt_tokens": 10}, {"completion_tokens": 4}], (10, 4, False), id="4 in parts"
        ),
        pytest.param(
            [FULL, {"prompt_tokens": None, "completion_tokens": 6}], (10, 6, False), id="4 null"
        ),
        pytest.param(
            [{"prompt_tokens": 10.0, "completion_tokens": 4.0}], (10, 4, False), id="4 as floats"
        ),
        pytest.param([FULL, {"prompt_tokens": 12}], (12, 4, False), id="4 the input alone later"),
        pytest.param(
            [FULL, {"prompt_tokens": 10**30, "completion_tokens": 6}],
            (10, 6, False),
            id="4 unbelievable later",
        ),
        pytest.param(
            [FULL, {"prompt_tokens": 0, "completion_tokens": 6}], (10, 6, False), id="4 zero later"
        ),
        pytest.param(
            [{"prompt_tokens": 10, "cached_tokens": 10}], (0, 5, True), id="6 all input was cached"
        ),
    ],
)
def test_reply_usage(reports: list[object], expected: tuple[int, int, bool]) -> None:
    usage = ReplyUsage(Estimate())
    usage.add("ab")
    usage.add("cde")
    for report in reports:
        usage.note(report)
    result = usage.result()
    assert (result["input_tokens"], result["output_tokens"], usage.estimated) == expected


def test_without_an_estimate_missing_usage_is_zero() -> None:
    usage = ReplyUsage(None)
    usage.add("abc")
    assert usage.result() == {**no_usage(), "service_tier": "standard"}
    assert not usage.estimated


def test_an_empty_answer_has_no_output_tokens() -> None:
    usage = ReplyUsage(Estimate())
    assert usage.result()["output_tokens"] == 0


@pytest.mark.parametrize("pieces", [1, 3, 1000], ids=lambda n: f"in {n} pieces")
def test_long_output_is_extrapolated_from_a_bounded_sample(pieces: int) -> None:
    estimate = Estimate()
    usage = ReplyUsage(estimate)
    total = SAMPLE_CHARS * 3
    for _ in range(pieces):
        usage.add("x" * (total // pieces))
    assert usage.result()["output_tokens"] == pytest.approx(total, abs=pieces)
    assert estimate.longest <= SAMPLE_CHARS


def test_a_total_of_an_earlier_report_makes_no_thinking() -> None:
    usage = ReplyUsage(None)
    usage.note({"prompt_tokens": 10, "completion_tokens": 0, "total_tokens": 12})
    usage.note({"completion_tokens": 1})
    assert usage.reported() == counts(10, 1)
