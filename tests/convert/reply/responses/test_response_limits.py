"""A Responses answer above a limit ends as a failure that names what was too many."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.reply.limits import MOST_CALLS, MOST_PARTS
from proxy.convert.reply.responses.message import (
    events_to_response_message,
    response_to_message,
)
from proxy.errors import UpstreamError
from tests.convert.chunk_builders import reply
from tests.convert.response_builders import call, completed, message, response


@pytest.mark.parametrize(
    ("items", "what"),
    [
        pytest.param([message(*["a"] * (MOST_PARTS + 1))], "content parts", id="parts"),
        pytest.param([{"type": "new"}] * (MOST_PARTS + 1), "items", id="items"),
        pytest.param(
            [call("f", "{}", id=f"f{n}", call_id=f"c{n}") for n in range(MOST_CALLS + 1)],
            "tool calls",
            id="calls",
        ),
    ],
)
def test_a_whole_answer_above_a_limit(items: list[Any], what: str) -> None:
    with pytest.raises(UpstreamError, match=rf"more than \d+ {what}"):
        response_to_message(response(*items), reply())


@pytest.mark.parametrize("key", ["output_index", "item_id"])
def test_a_stream_of_deltas_with_ever_new_keys(key: str) -> None:
    kind = "response.output_text.delta"
    deltas = (
        {"type": kind, key: n if key == "output_index" else f"m{n}", "delta": "a"}
        for n in range(MOST_PARTS + 1)
    )
    with pytest.raises(UpstreamError, match="more than 10000 items"):
        events_to_response_message([*deltas, completed()], reply())
