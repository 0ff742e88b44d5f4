from __future__ import annotations

import re

import pytest

from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.reply_ids import AnswerToolIds, message_id
from tests.convert.chunk_builders import reply


@pytest.mark.parametrize(
    ("upstream_id", "expected"),
    [
        pytest.param("chatcmpl-AbC123456789", "msg_AbC123456789", id="3 id chatcmpl-"),
        pytest.param("gen-17-xY34567890", "msg_17xY34567890", id="3 id gen- and odd characters"),
        pytest.param("msg_01A345678901", "msg_01A345678901", id="3 id msg_"),
        pytest.param("0193-f.é678-9012", "msg_0193f6789012", id="3 id any other"),
        pytest.param("chatcmpl-731", "msg_731fresh", id="3 id from too few (Ollama)"),
        pytest.param("x" * 11, "msg_" + "x" * 11 + "fresh", id="3 id one character too short"),
        pytest.param("", "msg_fresh", id="3 id empty"),
        pytest.param("chatcmpl-", "msg_fresh", id="3 id only a prefix"),
        pytest.param(None, "msg_fresh", id="3 id missing"),
        pytest.param(17, "msg_fresh", id="3 id of another type"),
        pytest.param("x" * 5000, "msg_" + "x" * 64, id="3 id endless"),
    ],
)
def test_message_id(upstream_id: object, expected: str) -> None:
    assert message_id(upstream_id, reply()) == expected


def test_fresh_ids_are_24_random_characters() -> None:
    context = ReplyContext()
    assert re.fullmatch("msg_[0-9A-Za-z]{24}", message_id("", context))
    assert re.fullmatch("toolu_[0-9A-Za-z]{24}", AnswerToolIds(context).take(""))
    assert message_id("", context) != message_id("", context)


@pytest.mark.parametrize(
    ("upstream_id", "expected"),
    [
        pytest.param("call_abc-1", "call_abc-1", id="3 tool id kept"),
        pytest.param("", "toolu_1", id="10.2 empty"),
        pytest.param(
            "functions.Bash:0", "toolu_cp1_1_ZnVuY3Rpb25zLkJhc2g6MA", id="edge 85 odd characters"
        ),
        pytest.param("call_1\n", "toolu_cp1_1_Y2FsbF8xCg", id="10.2 a line break at the end"),
        pytest.param("a b", "toolu_cp1_1_YSBi", id="10.2 a space"),
        pytest.param("调用:1", "toolu_cp1_1_6LCD55SoOjE", id="10.2 letters of another script"),
        pytest.param("c" * 41, "c" * 41, id="10.2 more than OpenAI takes"),
        pytest.param("c" * 128, "c" * 128, id="10.2 128 characters"),
        pytest.param("c" * 129, "toolu_1", id="10.2 more than 128 characters"),
        pytest.param("é" * 65, "toolu_1", id="10.2 more than 128 bytes"),
        pytest.param("\ud83d", "toolu_1", id="10.2 half a character"),
        pytest.param("call_0", "toolu_1", id="10.2 used in the history"),
        pytest.param(
            "toolu_cp1_1_YQ", "toolu_cp1_1_dG9vbHVfY3AxXzFfWVE", id="10.2 one that seems to be ours"
        ),
    ],
)
def test_tool_id(upstream_id: str, expected: str) -> None:
    context = reply(known_tool_ids=frozenset({"call_0"}))
    assert AnswerToolIds(context).take(upstream_id) == expected


def test_edge_86_an_id_is_used_once_in_an_answer() -> None:
    ids = AnswerToolIds(reply())
    assert [ids.take("a"), ids.take("a"), ids.take("b")] == ["a", "toolu_1", "b"]


def test_edge_86_an_odd_id_comes_back_for_one_call_of_an_answer() -> None:
    ids = AnswerToolIds(reply())
    assert [ids.take("f:0"), ids.take("f:0")] == ["toolu_cp1_1_Zjow", "toolu_2"]
