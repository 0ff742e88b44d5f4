"""A conversation that ends with the assistant: docs/protocol.md 2.8, 2.9."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.request.prefill import REFUSAL
from proxy.errors import InvalidRequest
from tests.convert.request_builders import (
    assistant,
    call,
    chat_call,
    convert,
    fields_beside_messages,
    says,
    text,
    thinking,
    user,
)

HI = says("user", "hi")
VLLM = {"continue_final_message": True, "add_generation_prompt": False}


@pytest.mark.parametrize(
    ("last", "flags", "said", "fields"),
    [
        pytest.param(
            assistant("I \n "),
            {},
            [says("assistant", "I")],
            {},
            id="2.8 sent last, trimmed at the end",
        ),
        pytest.param(
            assistant(" I"), {}, [says("assistant", " I")], {}, id="2.8 not trimmed in front"
        ),
        pytest.param(
            assistant(text("a "), text("b ")),
            {},
            [says("assistant", "a b")],
            {},
            id="2.8 only the end of the message is trimmed",
        ),
        pytest.param(
            assistant("I"),
            {"prefill": "prefix"},
            [says("assistant", "I", prefix=True)],
            {},
            id="2.8 P.prefill prefix",
        ),
        pytest.param(
            assistant("I"),
            {"prefill": "vllm"},
            [says("assistant", "I")],
            VLLM,
            id="2.8 P.prefill vllm",
        ),
        pytest.param(
            assistant(""), {"prefill": "vllm"}, [], {}, id="2.9 empty final assistant dropped"
        ),
        pytest.param({"role": "assistant", "content": []}, {}, [], {}, id="2.9 final assistant []"),
        pytest.param(
            assistant("  \n"), {"prefill": "error"}, [], {}, id="2.8 blank final assistant"
        ),
        pytest.param(
            assistant(thinking("hm")), {"prefill": "error"}, [], {}, id="2.9 thinking is no prefill"
        ),
        pytest.param(
            assistant("a ", call()),
            {"prefill": "prefix"},
            [says("assistant", "a ", tool_calls=[chat_call()])],
            {},
            id="2.8 an open call is no prefill",
        ),
        pytest.param(
            assistant(text("a ", cache_control={"type": "ephemeral"})),
            {"cache": "anthropic"},
            [says("assistant", [text("a", cache_control={"type": "ephemeral"})])],
            {},
            id="2.8 a marked prefill is trimmed too",
        ),
    ],
)
def test_prefill(
    last: dict[str, Any], flags: dict[str, Any], said: list[Any], fields: dict[str, Any]
) -> None:
    chat = convert(user("hi"), last, flags=flags)
    assert chat.body["messages"] == [HI, *said]
    assert fields_beside_messages(chat) == fields


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(assistant("I"), id="2.8 P.prefill error"),
        pytest.param(assistant(call()), id="2.8 P.prefill error with an open call"),
    ],
)
def test_refused_prefill(last: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        convert(user("hi"), last, flags={"prefill": "error"})
    assert refused.value.message == REFUSAL


def test_an_answered_assistant_is_no_prefill() -> None:
    chat = convert(user("hi"), assistant("a "), user("b"), flags={"prefill": "error"})
    assert chat.body["messages"][1] == says("assistant", "a ")
