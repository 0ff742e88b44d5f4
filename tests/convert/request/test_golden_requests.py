"""Whole requests and what becomes of them: tests/golden/requests/<case>.{in,out}.json."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.providers.profiles.base import Profile
from proxy.providers.profiles.overrides import overridden
from proxy.schemas import load_message_request
from tests.paths import GOLDEN

CASES = GOLDEN / "requests"
NAMES = sorted(path.name.removesuffix(".in.json") for path in CASES.glob("*.in.json"))


def converted(name: str) -> ConvertedRequest:
    case = orjson.loads((CASES / f"{name}.in.json").read_bytes())
    request: dict[str, Any] = load_message_request(case["request"])
    profile = overridden(Profile(), case["profile"])
    return message_request_to_chat(
        request, profile, model=case["model"], max_tokens=case["max_tokens"]
    )


@pytest.mark.parametrize("name", NAMES)
def test_golden_request(name: str) -> None:
    chat = converted(name)
    expected = orjson.loads((CASES / f"{name}.out.json").read_bytes())
    assert orjson.loads(orjson.dumps(chat.body)) == expected["body"]
    assert chat.drops.header() == expected["dropped"]


def test_every_case_has_both_halves() -> None:
    outputs = sorted(path.name.removesuffix(".out.json") for path in CASES.glob("*.out.json"))
    assert outputs == NAMES
    assert len(NAMES) >= 6
