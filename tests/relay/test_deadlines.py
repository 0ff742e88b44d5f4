"""Which of a request's time limits is due, and the error it becomes."""

from __future__ import annotations

import pytest

from proxy.errors import ClientGone, Overloaded, RequestTimeout, UpstreamTimeout
from proxy.relay.deadlines import PING_SECONDS, Deadlines, WaitResult


def deadlines() -> Deadlines:
    """Begun at 0: the phase ends at 20, the present wait at 10, the whole request at 30."""
    found = Deadlines(0.0, 30.0)
    found.limit(20.0, "too slow")
    found.enough = 10.0
    return found


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (9.9, None),
        (10.0, WaitResult.ENOUGH),
        (20.0, WaitResult.LIMIT),
        (30.0, WaitResult.TOTAL),
    ],
)
def test_the_latest_limit_that_is_over_is_due(now: float, due: WaitResult | None) -> None:
    assert deadlines().due(now) is due


def test_a_ping_is_due_after_silence_and_behind_every_limit() -> None:
    found = Deadlines(0.0)
    assert found.due(PING_SECONDS) is None
    found.pings = True
    assert found.due(PING_SECONDS) is WaitResult.PING
    found.last_event = 1.0
    assert found.due(PING_SECONDS) is None
    found.limit(PING_SECONDS, "too slow")
    assert found.due(PING_SECONDS + 1) is WaitResult.LIMIT


def test_the_limit_on_content_is_apart_from_that_of_the_phase() -> None:
    found = Deadlines(0.0)
    found.limit(5.0, "silent")
    found.limit_content(10.0, "no content")
    assert found.due(5.0) is WaitResult.LIMIT
    assert found.error(WaitResult.LIMIT).message == "silent"
    found.limit(99.0, "silent")
    assert found.due(9.9) is None
    assert found.due(10.0) is WaitResult.LIMIT
    assert found.error(WaitResult.LIMIT).message == "no content"
    found.limit_content(20.0, "no content")
    assert found.due(19.9) is None


def test_a_phase_without_a_limit_never_ends() -> None:
    found = Deadlines(0.0)
    found.limit(1.0, "too slow")
    found.limit(None)
    assert found.due(1e9) is None


@pytest.mark.parametrize(
    ("result", "kind", "message"),
    [
        (WaitResult.GONE, ClientGone, "the client closed the connection"),
        (WaitResult.DRAIN, Overloaded, "the server is restarting and ended this request"),
        (WaitResult.TOTAL, RequestTimeout, "the request took longer than 30 s"),
        (WaitResult.LIMIT, UpstreamTimeout, "too slow"),
    ],
)
def test_each_end_is_an_error_of_its_own(
    result: WaitResult, kind: type[Exception], message: str
) -> None:
    error = deadlines().error(result)
    assert type(error) is kind
    assert error.message.startswith(message)
