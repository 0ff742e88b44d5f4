"""Which stop sequences are sent, which are cut here, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from proxy.convert.request.stop_sequences import MOST_CHARACTERS
from tests.convert.request_builders import convert
from tests.security.growth import TIMES, grows_too_fast

SIX = list("abcdef")


@pytest.mark.parametrize(
    ("asked", "flags", "sent", "cut", "header"),
    [
        pytest.param(["a"], {}, ["a"], "", "", id="1.1 all are sent"),
        pytest.param([], {"no_stop": True}, None, "", "", id="1.1 none was asked for"),
        pytest.param(SIX, {}, list("abcd"), "ef", "stop_sequences=local", id="1.1 beyond max_stop"),
        pytest.param(
            ["a", "b"], {"max_stop": 1}, ["a"], "b", "stop_sequences=local", id="1.1 max_stop 1"
        ),
        pytest.param(SIX, {"max_stop": 16}, SIX, "", "", id="1.1 below a larger max_stop"),
        pytest.param(
            ["a", "b"], {"no_stop": True}, None, "ab", "stop_sequences=local", id="1.1 P.no_stop"
        ),
        pytest.param(
            ["a"],
            {"unsupported": ("stop",)},
            None,
            "a",
            "stop_sequences=local",
            id="1.1 stop in P.unsupported",
        ),
        pytest.param(
            ["a", "a", "b"],
            {"no_stop": True},
            None,
            "ab",
            "stop_sequences=local",
            id="1.1 listed twice",
        ),
        pytest.param(list("abcda"), {}, list("abcd"), "", "", id="1.1 the one beyond is sent too"),
    ],
)
def test_stop_sequences(
    asked: list[str], flags: dict[str, Any], sent: list[str] | None, cut: str, header: str
) -> None:
    chat = convert(flags=flags, stop_sequences=asked)
    assert chat.body.get("stop") == sent
    assert chat.reply.cut_here == tuple(cut)
    assert chat.reply.stop_sequences == tuple(asked)
    assert chat.drops.header() == header


def test_sequences_too_long_to_be_cut_here_are_told() -> None:
    long = "x" * (MOST_CHARACTERS - 1)
    chat = convert(flags={"no_stop": True}, stop_sequences=[long, "a", "bc", "d"])
    assert chat.reply.cut_here == (long, "a")
    assert chat.drops.header() == "stop_sequences;n=2, stop_sequences=local"


def test_many_sequences_take_no_longer_than_their_number() -> None:
    """An upstream may accept any number, and each was searched among all of them."""

    def convert_many(count: int) -> Callable[[], object]:
        asked = [f"s{number}" for number in range(count)]
        return lambda: convert(flags={"max_stop": count}, stop_sequences=asked)

    assert not grows_too_fast(convert_many(2000), convert_many(2000 * TIMES))
