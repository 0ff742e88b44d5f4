"""Reading answers, whatever upstreams send."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.doctor.answers import Answer, answer_from_chunks, answer_from_completion
from proxy.errors import UpstreamError
from proxy.sse import Signal
from tests.upstream_stub import chunk, completion, tool_call, usage, usage_chunk


def test_a_whole_answer() -> None:
    payload = completion("Hi", reasoning_content="hm", tool_calls=[tool_call(0, "{}", name="f")])
    assert answer_from_completion(payload) == Answer(
        text="Hi",
        reasoning=("reasoning_content",),
        calls=(("f", "{}"),),
        finish_reason="stop",
        usage=usage(),
    )


def test_a_stream() -> None:
    chunks: list[Any] = [
        chunk(role="assistant"),
        chunk(content="<thi"),
        chunk(content="nk>hm</think>H"),
        chunk(content="i"),
        Signal.UNDECODABLE,
        chunk(tool_calls=[tool_call(0, "", name="f")]),
        chunk(tool_calls=[tool_call(1, "[]", name="g")]),
        chunk(tool_calls=[tool_call(0, "{}")]),
        chunk("tool_calls"),
        usage_chunk(3, 4),
        Signal.DONE,
    ]
    assert answer_from_chunks(chunks) == Answer(
        text="Hi",
        tagged=True,
        calls=(("f", "{}"), ("g", "[]")),
        finish_reason="tool_calls",
        usage=usage(3, 4),
        streamed=True,
    )


@pytest.mark.parametrize("secret", ["abcdefgh12345"])
def test_an_error_inside_an_answer_is_raised_without_its_key(secret: str) -> None:
    body = {"error": {"message": f"bad key {secret}"}}
    for read in (answer_from_completion, lambda b, s: answer_from_chunks([chunk(), b], s)):
        with pytest.raises(UpstreamError) as caught:
            read(body, (secret,))
        assert caught.value.text == "bad key ***"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "message",
                    "content",
                    "tool_calls",
                    "function",
                    "usage",
                    "error",
                ]
            ),
            inner,
        )
    ),
)


@given(JSON)
def test_nothing_but_an_answer_or_an_upstream_error(payload: object) -> None:
    for read in (answer_from_completion, lambda value: answer_from_chunks([value])):
        try:
            assert isinstance(read(payload), Answer)
        except UpstreamError:
            continue
