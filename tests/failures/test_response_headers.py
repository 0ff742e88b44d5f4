"""Headers of an upstream's answer that reach the client, and the wait that it asks for."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.failures.response_headers import client_headers, requested_wait

NOW = 1_800_000_000.0
"""2027-01-15T08:00:00Z."""


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({"Retry-After": "30"}, {"retry-after": "30"}, id="5 retry-after"),
        pytest.param({"retry-after": "1.5"}, {"retry-after": "1.5"}, id="5 a fraction"),
        pytest.param({"Retry-After-Ms": "120"}, {"retry-after-ms": "120"}, id="5 retry-after-ms"),
        pytest.param(
            {"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"},
            {"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"},
            id="edge 102 a date",
        ),
        pytest.param(
            {"retry-after": "Fri, 15 Jan 2038 08:00:30 GMT"},
            {"retry-after": "86400"},
            id="edge 102 a date far away",
        ),
        pytest.param({"retry-after": "999999999"}, {"retry-after": "86400"}, id="edge 102 absurd"),
        pytest.param(
            {"retry-after-ms": "99999999999"},
            {"retry-after-ms": "86400000"},
            id="edge 102 absurd ms",
        ),
        pytest.param({"retry-after": "-5"}, {}, id="edge 102 negative"),
        pytest.param({"retry-after": "soon"}, {}, id="edge 102 a word"),
        pytest.param({"retry-after": "inf"}, {}, id="edge 102 infinite"),
        pytest.param({"retry-after": "bientôt"}, {}, id="edge 102 not ASCII"),
        pytest.param(
            {"x-should-retry": "False"}, {"x-should-retry": "false"}, id="5 x-should-retry"
        ),
        pytest.param({"x-should-retry": "maybe"}, {}, id="5 a verdict that is none"),
        pytest.param({"X-Request-ID": "a-1"}, {"x-upstream-request-id": "a-1"}, id="5 request id"),
        pytest.param({"x-request-id": "a b"}, {}, id="5 a request id with spaces"),
        pytest.param({"x-request-id": "a\u00e9"}, {}, id="5 a request id that is not ASCII"),
        pytest.param(
            {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-requests": "59",
                "x-ratelimit-limit-tokens": "150000",
                "x-ratelimit-remaining-tokens": "149984",
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            {
                "anthropic-ratelimit-requests-limit": "60",
                "anthropic-ratelimit-requests-remaining": "59",
                "anthropic-ratelimit-tokens-limit": "150000",
                "anthropic-ratelimit-tokens-remaining": "149984",
                "anthropic-ratelimit-requests-reset": "2027-01-15T08:00:01Z",
                "anthropic-ratelimit-tokens-reset": "2027-01-15T08:06:00Z",
            },
            id="5 rate limits",
        ),
        pytest.param({"x-ratelimit-limit-requests": "many"}, {}, id="5 a limit that is no number"),
        pytest.param(
            {"x-ratelimit-limit": "5", "server": "x", "date": "y"}, {}, id="5 nothing else"
        ),
    ],
)
def test_client_headers(headers: Mapping[str, str], expected: dict[str, str]) -> None:
    assert client_headers(headers, now=NOW) == expected


@pytest.mark.parametrize(
    ("text", "reset"),
    [
        pytest.param("12ms", "08:00:01", id="5 milliseconds"),
        pytest.param("59.70s", "08:01:00", id="5 fractions are rounded up"),
        pytest.param("1h2m3s", "09:02:03", id="5 hours"),
        pytest.param("7", "08:00:07", id="5 bare seconds"),
        pytest.param("0", "08:00:00", id="5 now"),
        pytest.param("1800000060", "08:01:00", id="5 Unix time"),
        pytest.param("1800000060000", "08:01:00", id="5 Unix time in milliseconds"),
        pytest.param("2027-01-15T08:00:09Z", "08:00:09", id="5 RFC 3339"),
        pytest.param("2027-01-15T09:00:09+01:00", "08:00:09", id="5 RFC 3339 elsewhere"),
        pytest.param("2027-01-15T08:00:09", "08:00:09", id="5 without a zone"),
    ],
)
def test_resets(text: str, reset: str) -> None:
    headers = client_headers({"x-ratelimit-reset-tokens": text}, now=NOW)
    assert headers == {"anthropic-ratelimit-tokens-reset": f"2027-01-15T{reset}Z"}


@pytest.mark.parametrize("text", ["", "s", "1.2.3s", "5x", "-3s", "9999999d", "2020-01-01", "1e5"])
def test_5_resets_that_make_no_sense(text: str) -> None:
    assert client_headers({"x-ratelimit-reset-tokens": text}, now=NOW) == {}


names = st.sampled_from(
    [
        "retry-after",
        "retry-after-ms",
        "x-ratelimit-reset-tokens",
        "x-ratelimit-limit-tokens",
        "x-request-id",
    ]
)


@given(
    st.dictionaries(
        names, st.text(max_size=30) | st.from_regex(r"[\d.]*[dhms]{0,2}", fullmatch=True)
    )
)
def test_5_headers_can_be_sent(headers: dict[str, str]) -> None:
    for name, value in client_headers(headers, now=NOW).items():
        assert f"{name}{value}".isascii()
        assert f"{name}{value}".isprintable()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"retry-after": "0"}, 0.0, id="at once"),
        pytest.param({"retry-after": "2.5"}, 2.5, id="seconds"),
        pytest.param({"retry-after": "7", "retry-after-ms": "250"}, 0.25, id="milliseconds first"),
        pytest.param({"retry-after": "Fri, 15 Jan 2027 08:00:04 GMT"}, 4.0, id="a date"),
        pytest.param({"retry-after": "Fri, 15 Jan 2027 07:59:00 GMT"}, 0.0, id="a date gone by"),
        pytest.param({"retry-after": "soon"}, None, id="nonsense"),
        pytest.param({"retry-after": "bient\u00f4t"}, None, id="not ASCII"),
    ],
)
def test_edge_102_the_wait_that_is_asked_for(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert requested_wait(headers, NOW) == seconds
