"""Whole requests and their Responses form: tests/golden/requests/<case>.responses.json.

The case's request is ``<case>.in.json``; the profile is the one below, which uses what OpenAI offers.
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.responses.messages_to_responses import messages_to_responses
from proxy.providers.profiles.base import Profile
from proxy.providers.profiles.overrides import overridden
from proxy.schemas import load_message_request
from tests.convert.chat_types import responses_problems
from tests.convert.responses_builders import HOME
from tests.paths import GOLDEN

CASES = GOLDEN / "requests"
NAMES = sorted(path.name.removesuffix(".in.json") for path in CASES.glob("*.in.json"))
OPENAI = {
    "thinking_style": "effort",
    "efforts": ["none", "low", "medium", "high", "xhigh"],
    "cache_key": True,
    "user_field": "safety_identifier",
    "no_obfuscation": True,
    "phase": True,
    "pdf": "file",
    "web_search": "tool",
    "strict_tools": True,
    "mid_system": "inline",
    "system_role": "developer",
    "cache": "breakpoint",
}


def converted(name: str) -> ConvertedRequest:
    case = orjson.loads((CASES / f"{name}.in.json").read_bytes())
    request: dict[str, Any] = load_message_request(case["request"])
    return messages_to_responses(
        request,
        overridden(Profile(), OPENAI),
        model=case["model"],
        max_tokens=case["max_tokens"],
        origin=HOME,
    )


@pytest.mark.parametrize("name", NAMES)
def test_golden_request(name: str) -> None:
    responses = converted(name)
    expected = orjson.loads((CASES / f"{name}.responses.json").read_bytes())
    body = orjson.loads(orjson.dumps(responses.body))
    assert body == expected["body"]
    assert responses.drops.header() == expected["dropped"]
    assert responses_problems(body) == []
