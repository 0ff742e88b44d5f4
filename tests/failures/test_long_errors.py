"""Errors of any length are read in time that does not grow with the square of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from proxy.errors import UpstreamError
from proxy.failures.classify import failure_from_answer
from proxy.failures.error_body import PARAM_CHARACTERS
from proxy.failures.healing import healing_for
from proxy.providers.profiles.base import Profile
from tests.security.growth import grows_too_fast

BODY = {"model": "m", "messages": [{"role": "developer", "content": "x"}]}
SIZE = 2_000


def healed(error: UpstreamError) -> object:
    return healing_for(Profile(system_role="developer"), BODY, error)


def refusal(member: str, piece: str, times: int) -> dict[str, Any]:
    return {"error": {"message": "Unsupported value", member: f"messages{piece * times}\n"}}


@pytest.mark.parametrize(
    ("member", "piece"),
    [
        ("param", ".developer"),
        ("message", "unsupported messages developer "),
        ("failed_generation", "<function=a>\n"),
        ("code", "developer "),
    ],
)
def test_edge_42a_a_refusal_of_any_length_is_read_in_linear_time(member: str, piece: str) -> None:
    def read(times: int) -> Callable[[], object]:
        body = refusal(member, piece, times)
        return lambda: healed(failure_from_answer(400, body, model="m"))

    assert not grows_too_fast(read(SIZE), partial(read(4 * SIZE)))


def test_edge_42a_the_field_of_an_error_is_cut() -> None:
    error = failure_from_answer(400, refusal("param", "messages.", 100))
    assert error.param == ("messages" + "messages." * 100)[:PARAM_CHARACTERS]
    assert failure_from_answer(400, {"error": {"message": "x", "param": ""}}).param is None


def test_edge_42a_a_role_is_healed_by_the_path_of_its_field() -> None:
    body = {"error": {"message": "Unsupported value", "param": "messages[0].developer"}}
    assert healed(failure_from_answer(400, body)) is not None


def test_edge_42a_of_a_failed_generation_the_start_is_shown() -> None:
    written = "<function=a>" + "b" * 1_000_000
    error = failure_from_answer(400, {"error": {"message": "bad", "failed_generation": written}})
    assert error.message == f"bad The model wrote: {written[:1000]}"


def test_edge_42a_blanks_before_a_message_do_not_hide_it() -> None:
    error = failure_from_answer(400, {"error": {"message": " \n" * 100_000 + "wrong"}})
    assert error.message == "wrong"
