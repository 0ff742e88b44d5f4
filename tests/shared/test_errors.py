"""What the errors of all packages share."""

from __future__ import annotations

import signal
from types import FrameType

from proxy.errors import UpstreamError, release_frames


def raised_again() -> UpstreamError:
    """An error that was raised again while an error was handled that it had caused."""
    first, second = UpstreamError("first"), UpstreamError("second")
    try:
        try:
            raise first
        except UpstreamError as error:
            raise second from error
    except UpstreamError:
        try:
            raise first
        except UpstreamError as error:
            return error


def test_errors_that_refer_to_each_other_are_released_once() -> None:
    error = raised_again()
    second = error.__context__
    assert second is not None
    assert second.__cause__ is error

    def too_late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(10)
    try:
        release_frames(error)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert error.__traceback__ is None
    assert second.__traceback__ is None
