"""The anthropic SDK builds from every golden Responses stream the message that we build."""

from __future__ import annotations

import anthropic
import pytest

from proxy.convert.reply.chat_to_message import message_to_events
from proxy.convert.reply.events_to_message import EventCollector
from proxy.convert.reply.responses.message import events_to_response_message
from tests.convert.chunk_builders import reply
from tests.convert.reply.responses.test_responses_golden import CASES, read_case
from tests.convert.reply.test_stream_sdk import accumulated, assert_same
from tests.convert.response_builders import translated

CUT = {"openai_incomplete_call"}
"""The SDK builds an empty input from arguments that were cut."""


@pytest.mark.parametrize("case", [case for case in CASES if case not in CUT])
def test_the_sdk_builds_the_message_that_we_build(case: str) -> None:
    chunks, facts = read_case(case)
    events, translator = translated(chunks, reply(**facts))
    if translator.error is None:
        assert_same(accumulated(events), events)
    elif translator.started:
        with pytest.raises(anthropic.APIStatusError) as caught:
            accumulated(events)
        assert caught.value.body == events[-1]


@pytest.mark.parametrize("case", ["openai_search", "openai_search_cited", "openai_reasoning_calls"])
def test_a_whole_message_has_the_same_content_as_events(case: str) -> None:
    chunks, facts = read_case(case)
    message = events_to_response_message(chunks, reply(**facts))
    collector = EventCollector()
    collector.feed(message_to_events(message))
    assert collector.message["content"] == message["content"]
