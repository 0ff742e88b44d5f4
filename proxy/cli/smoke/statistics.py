"""What ``/v1/stats`` says, where the client may see it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from proxy.cli.smoke.client import Client
from proxy.cli.smoke.outcome import Failed, Skipped

STATS = "/v1/stats"
MOST_SECONDS = 3.0
"""Until a request is counted: after its answer, and with Redis every two seconds."""
PAUSE = 0.05


def in_progress(client: Client) -> int | None:
    """Requests that the proxy works on now, this one included; None where it is not visible."""
    number = _stats(client).get("requests_in_progress")
    return number if isinstance(number, int) else None


class Usage:
    """The check whether the upstream reports usage, for the messages since ``begin``."""

    def __init__(self) -> None:
        self._before: tuple[int, int] | None = None
        self._messages = 0

    def begin(self, client: Client) -> None:
        """Note what was counted before."""
        self._before = _answers(client)
        self._messages = client.messages

    def check(self, client: Client, _: str) -> str:
        """How many of the messages had estimated usage; raises ``Skipped``."""
        count = client.messages - self._messages
        deadline = time.monotonic() + min(MOST_SECONDS, client.target.seconds)
        while True:
            now = _answers(client)
            if self._before is None or now is None:
                raise Skipped(f"{STATS} is not visible here")
            made, estimated = now[0] - self._before[0], now[1] - self._before[1]
            if made >= count or time.monotonic() > deadline:
                return _told(made, estimated)
            time.sleep(PAUSE)


def _told(made: int, estimated: int) -> str:
    if not made:
        raise Skipped(f"{STATS} counted no answer")
    if not estimated:
        return "counted by the upstream"
    return f"the upstream reported none for {estimated} of {made} answers: estimated by the proxy"


def _answers(client: Client) -> tuple[int, int] | None:
    """Answers with tokens so far, and those of them whose usage was estimated."""
    total = _stats(client).get("total")
    if not isinstance(total, dict):
        return None
    made, estimated = total.get("requests", 0), total.get("estimated", 0)
    if not isinstance(made, int) or not isinstance(estimated, int):
        return None
    return made, estimated


def _stats(client: Client) -> Mapping[str, Any]:
    try:
        told = client.get_origin(STATS)
    except Failed:
        return {}
    return told if isinstance(told, dict) else {}
