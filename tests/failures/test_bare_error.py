"""docs/protocol.md section 5: errors in a 200 in vendors' own forms, without an ``error`` member."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.reply.chat_to_events import StreamTranslator
from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.errors import UpstreamError
from proxy.failures.bare_error import reports_failure
from tests.convert.chunk_builders import reply, text


def minimax(code: object, words: str) -> dict[str, Any]:
    return {"id": "", "choices": None, "base_resp": {"status_code": code, "status_msg": words}}


FAILURES = [
    pytest.param(minimax(1008, "insufficient balance"), 402, id="MiniMax, balance"),
    pytest.param(minimax(1002, "rate limit"), 429, id="MiniMax, rate"),
    pytest.param(minimax(1004, "login fail: carry the API secret key"), 401, id="MiniMax, key"),
    pytest.param(minimax(1026, "input new_sensitive"), 400, id="MiniMax, sensitive input"),
    pytest.param(minimax(1039, "rate growth limit exceeded"), 429, id="MiniMax, tokens"),
    pytest.param(minimax("2013", "invalid params"), 400, id="MiniMax, a code as text"),
    pytest.param(minimax(1000, "unknown error"), 500, id="MiniMax, unknown"),
    pytest.param(
        {"error_code": 336501, "error_msg": "Rate limit reached for RPM", "id": "as-1"},
        429,
        id="Baidu, rate",
    ),
    pytest.param(
        {"error_code": 110, "error_msg": "Access token invalid or no longer valid"},
        401,
        id="Baidu, token",
    ),
    pytest.param(
        {"error_code": 18, "error_msg": "Open api qps request limit reached"}, 429, id="Baidu, qps"
    ),
    pytest.param(
        {"code": "DataInspectionFailed", "message": "Output data may contain bad words."},
        400,
        id="DashScope, inspection",
    ),
    pytest.param(
        {"code": "Throttling.RateQuota", "message": "Requests too frequent", "request_id": "r"},
        429,
        id="DashScope, rate",
    ),
    pytest.param({"code": "InvalidApiKey", "message": "No."}, 401, id="DashScope, key"),
    pytest.param({"code": 50505, "message": "Model service overloaded."}, 529, id="SiliconFlow"),
    pytest.param({"code": 503, "msg": "busy"}, 529, id="a status as the code"),
    pytest.param({"errcode": 40001, "errmsg": "invalid api key"}, 401, id="errcode"),
    pytest.param({"success": False, "message": "too many requests"}, 429, id="success: false"),
    pytest.param({"status": 504, "detail": "slow"}, 504, id="a status"),
    pytest.param({"status": "failed", "message": "Something broke"}, 500, id="a state"),
    pytest.param({"type": "error", "message": "Something broke"}, 500, id="a type"),
    pytest.param(
        {"code": 1261, "message": "maximum context length is 10 tokens, you requested 20 tokens"},
        400,
        id="an overflow",
    ),
]
MEMBERS = ("message", "msg", "error_msg", "errmsg", "detail")


def words_of(payload: dict[str, Any]) -> str:
    said = payload.get("base_resp", payload)
    words = next(said[name] for name in (*MEMBERS, "status_msg") if name in said)
    assert isinstance(words, str)
    return "prompt is too long: 20 tokens > 10 maximum" if "context length" in words else words


@pytest.mark.parametrize(("payload", "status"), FAILURES)
def test_whole(payload: dict[str, Any], status: int) -> None:
    with pytest.raises(UpstreamError) as failure:
        chat_to_message(payload, reply())
    assert (failure.value.status, failure.value.message) == (status, words_of(payload))


@pytest.mark.parametrize(("payload", "status"), FAILURES)
def test_streamed(payload: dict[str, Any], status: int) -> None:
    for before in ([], [text("Once upon ")]):
        translator = StreamTranslator(reply(), request_id="req_1")
        for chunk in (*before, payload):
            translator.feed(chunk)
        error = translator.error
        assert isinstance(error, UpstreamError)
        assert (error.status, error.message) == (status, words_of(payload))
        assert translator.started is bool(before)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"choices": [], "usage": {"prompt_tokens": 1}}, id="usage alone"),
        pytest.param({"choices": [], "prompt_filter_results": []}, id="Azure's filters"),
        pytest.param({"code": 0, "message": "Success", "sid": "x"}, id="Spark's success"),
        pytest.param({"code": 20000, "message": "Ok", "status": True}, id="SiliconFlow's success"),
        pytest.param({"code": "200", "msg": "ok"}, id="a status of success"),
        pytest.param(minimax(0, ""), id="MiniMax' success"),
        pytest.param({"status": "processing", "message": "queued"}, id="a state of work"),
        pytest.param({"type": "ping", "message": "x"}, id="a ping"),
        pytest.param({"code": 7}, id="a code without words"),
        pytest.param({"message": "words without a code"}, id="words alone"),
        pytest.param({"code": True, "message": "x"}, id="true is no code"),
        pytest.param({"code": None, "message": ""}, id="nothing"),
    ],
)
def test_no_failure(payload: dict[str, Any]) -> None:
    assert not reports_failure(payload)


def test_a_code_beside_choices_changes_nothing() -> None:
    answer = {"code": 7, "message": "x", **text("hi", "stop")}
    answer["choices"][0]["message"] = answer["choices"][0].pop("delta")
    assert chat_to_message(answer, reply())["content"] == [{"type": "text", "text": "hi"}]
