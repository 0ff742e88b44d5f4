"""Times and sizes that docs/protocol.md states; other tests shorten them to save time."""

from __future__ import annotations

import pytest

from config.settings import Settings
from proxy.convert.reply.chat_to_events import MAX_BAD_LINES
from proxy.relay import deadlines, model_list, stream
from proxy.relay.chat import codec


@pytest.mark.parametrize(
    ("limit", "stated"),
    [
        pytest.param(stream.PEEK_SECONDS, 5, id="4 PEEK"),
        pytest.param(codec.FINISH_SECONDS, 5, id="4 silence after the finish"),
        pytest.param(deadlines.PING_SECONDS, 15, id="4 ping"),
        pytest.param(MAX_BAD_LINES, 3, id="4 undecodable lines in a row"),
        pytest.param(Settings().max_body_bytes, 32 * 1024 * 1024, id="5 own body limit"),
        pytest.param(model_list.CACHE_SECONDS, 300, id="7 list of models"),
    ],
)
def test_limit(limit: float, stated: float) -> None:
    assert limit == stated
