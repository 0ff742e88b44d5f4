"""The check of clients that leave: the proxy must go on, and must not go on working for them."""

from __future__ import annotations

import time

from proxy.cli.smoke import bodies
from proxy.cli.smoke.client import Client
from proxy.cli.smoke.outcome import Failed, Skipped
from proxy.cli.smoke.statistics import in_progress

MOST_SECONDS = 10.0
"""Until requests without a client must have ended."""
SETTLING_SECONDS = 2.0
"""Until those of the checks before have ended."""
PAUSE = 0.1
ALONE = 1
"""Requests in progress where there is no other: the one that asks."""


def cancellation(client: Client, model: str) -> str:
    """Leave inside a stream and before a whole answer; the next request must be answered."""
    before = _settled(client)
    streaming = client.abandon_stream(bodies.long_answer(model))
    client.abandon_whole(bodies.long_answer(model))
    try:
        client.whole(bodies.hello(model))
    except Failed as error:
        raise Failed(f"the request after two that were cancelled: {error}") from error
    if not streaming:
        raise Skipped("the stream had ended before it could be cancelled")
    if before is None:
        return "requests in progress are not visible here"
    if before > ALONE:
        return "other clients are active: requests in progress were not compared"
    _wait(client, before)
    return "the next request is answered, no request is left"


def _settled(client: Client) -> int | None:
    deadline = time.monotonic() + SETTLING_SECONDS
    while (now := in_progress(client)) is not None and now > ALONE:
        if time.monotonic() > deadline:
            break
        time.sleep(PAUSE)
    return now


def _wait(client: Client, before: int) -> None:
    seconds = min(MOST_SECONDS, client.target.seconds)
    deadline = time.monotonic() + seconds
    while (now := in_progress(client)) is not None and now > before:
        if time.monotonic() > deadline:
            raise Failed(
                f"{seconds:g} s after the clients left, {now - before} more in progress than before"
            )
        time.sleep(PAUSE)
