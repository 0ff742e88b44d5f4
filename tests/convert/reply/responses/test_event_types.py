"""Every event of the openai SDK's union is named by the translator."""

from __future__ import annotations

from typing import get_args

import pytest
from openai.types.responses import ResponseStreamEvent

from proxy.convert.reply.responses import event_types
from proxy.convert.reply.responses.translator import ResponsesTranslator
from tests.convert.chunk_builders import reply


def union_types() -> list[str]:
    members = get_args(get_args(ResponseStreamEvent)[0])
    return [get_args(member.model_fields["type"].annotation)[0] for member in members]


def test_every_event_of_the_union_is_named() -> None:
    types = union_types()
    assert len(types) >= 57
    assert set(types) - event_types.NAMED == set()


BARE = sorted(event_types.NAMED | {"response.something.new", ""})


@pytest.mark.parametrize("kind", BARE)
def test_an_event_with_nothing_but_its_type_breaks_nothing(kind: str) -> None:
    translator = ResponsesTranslator(reply(), request_id="req_1")
    events = translator.feed({"type": kind})
    if kind in event_types.TERMINAL or kind in event_types.ERRORS:
        assert translator.ended
    else:
        assert not translator.ended
        assert translator.started == event_types.is_content(kind)
        assert [event["type"] for event in events] == ["message_start", "ping"] * bool(events)
