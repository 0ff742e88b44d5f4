"""The requests of the checks, as data.

Rule: short, and such that any model can answer; they ask for nothing that needs to be kept secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.cli.red_square import RED_SQUARE, WHICH_COLOUR

ANSWER_TOKENS = 1024
"""Enough for a short answer of a model that cannot stop reasoning."""
THINKING_TOKENS = 1024
NAME = "Ada"
"""What the conversation says before it asks for it."""
WEATHER, CLOCK = "get_weather", "get_time"
RESULTS: Mapping[str, str] = {WEATHER: "18 degrees, light rain", CLOCK: "14:05"}
"""What the tools return, by name."""

Body = dict[str, Any]


def hello(model: str) -> Body:
    """A request for a few words."""
    return _asked(model, "Say hello in one short sentence.")


def conversation(model: str) -> Body:
    """A system prompt and an exchange before the question."""
    return {
        "model": model,
        "max_tokens": ANSWER_TOKENS,
        "system": "You answer in one short sentence.",
        "messages": [
            {"role": "user", "content": f"My name is {NAME}."},
            {"role": "assistant", "content": f"Hello {NAME}."},
            {"role": "user", "content": "What is my name?"},
        ],
    }


def long_answer(model: str) -> Body:
    """A request whose answer takes a while."""
    return _asked(model, "Count from 1 to 300. Write each number on a line of its own.")


def image(model: str) -> Body:
    """A picture and a question about it."""
    source = {"type": "base64", "media_type": "image/png", "data": RED_SQUARE}
    content = [{"type": "image", "source": source}, {"type": "text", "text": WHICH_COLOUR}]
    return _asked(model, content)


def thinking(model: str, kind: Mapping[str, Any]) -> Body:
    """A question with thinking requested as ``kind`` says."""
    body = _asked(model, "What is 17 times 23? Think about it before you answer.")
    return {**body, "max_tokens": ANSWER_TOKENS + THINKING_TOKENS, "thinking": kind}


def tools(model: str, choice: str) -> Body:
    """A question for two tools; ``choice`` is ``auto`` or ``any``."""
    city = {"city": {"type": "string", "description": "Name of the city"}}
    schema = {"type": "object", "properties": city, "required": ["city"]}
    body = _asked(
        model,
        "What is the weather in Paris, and what time is it there? "
        f"Call {WEATHER} and {CLOCK}, then answer in one sentence.",
    )
    return {
        **body,
        "tool_choice": {"type": choice},
        "tools": [
            {"name": WEATHER, "description": "The weather in a city", "input_schema": schema},
            {"name": CLOCK, "description": "The local time in a city", "input_schema": schema},
        ],
    }


def continued(body: Mapping[str, Any], answer: Sequence[Any], user: object) -> Body:
    """``body`` with the answer's content and one more user message in its history."""
    return {
        **body,
        "messages": [
            *body["messages"],
            {"role": "assistant", "content": list(answer)},
            {"role": "user", "content": user},
        ],
    }


def counted(model: str, words: int) -> Body:
    """A request to count the tokens of a text of so many words."""
    return {"model": model, "messages": [{"role": "user", "content": "word " * words}]}


def invalid(model: str) -> Body:
    """A request that every server must refuse."""
    return {"model": model, "max_tokens": ANSWER_TOKENS, "messages": "not a list"}


def _asked(model: str, content: object) -> Body:
    messages = [{"role": "user", "content": content}]
    return {"model": model, "max_tokens": ANSWER_TOKENS, "messages": messages}
