"""Counting by the upstream (docs/features.md "Conversion, streaming, errors, counting")."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import UpstreamError
from proxy.relay.chat.count import COUNT_ENDPOINTS, endpoint_url, prompt_tokens

USAGE = {"prompt_tokens": 9, "completion_tokens": 1}
CACHED = {**USAGE, "prompt_tokens_details": {"cached_tokens": 4}}


@pytest.mark.parametrize(
    ("payloads", "tokens"),
    [
        pytest.param([{"choices": [], "usage": USAGE}], 9, id="the usage"),
        pytest.param([{"usage": CACHED}], 9, id="cached tokens count too"),
        pytest.param([{"choices": [{"usage": USAGE}]}], 9, id="Kimi: in the choice"),
        pytest.param([{"x_groq": {"usage": USAGE}}], 9, id="Groq: in a member of its own"),
        pytest.param([{"usage": None}, {"usage": USAGE}, "done"], 9, id="chunks: the last one"),
        pytest.param([{"usage": {"prompt_tokens": 0, "completion_tokens": 1}}], None, id="zero"),
        pytest.param([{"choices": [None]}], None, id="no usage"),
        pytest.param(["<html>"], None, id="no JSON"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_prompt_tokens(payloads: list[Any], tokens: int | None) -> None:
    assert prompt_tokens(payloads, "m") == tokens


def test_an_error_inside_a_200_is_an_error() -> None:
    with pytest.raises(UpstreamError):
        prompt_tokens([{"error": {"message": "no"}}], "m")


@pytest.mark.parametrize(
    ("name", "chat_url", "expected"),
    [
        (
            "moonshot",
            "https://api.moonshot.ai/v1/chat/completions",
            "https://api.moonshot.ai/v1/tokenizers/estimate-token-count",
        ),
        (
            "vllm",
            "http://localhost:8000/v1/chat/completions?k=1",
            "http://localhost:8000/tokenize?k=1",
        ),
        ("vllm", "http://gate/llm/v1/chat/completions", "http://gate/llm/tokenize"),
    ],
)
def test_endpoint_url(name: str, chat_url: str, expected: str) -> None:
    assert endpoint_url(chat_url, COUNT_ENDPOINTS[name]) == expected
