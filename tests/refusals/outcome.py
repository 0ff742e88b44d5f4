"""What a refusal leads to: the step that heals it, or the error that the client gets.

Rule: the refused request is one that holds everything that a step may change, so that a refusal is
judged by its own words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxy.errors import UpstreamError
from proxy.failures.classify import failure_from_answer
from proxy.failures.healing import OVERFLOW_STARTS, healing_for
from proxy.failures.refused_media import IMAGE_REFUSED, PDF_REFUSED
from proxy.providers.profiles.base import Profile
from proxy.relay.native.mended import mend_for
from proxy.relay.upstream_call import decoded

CATALOGUE = Path(__file__).with_name("catalogue.txt")
SEPARATOR = " | "

PROFILE = Profile(
    thinking_style="effort",
    efforts=("minimal", "low", "medium", "high", "xhigh"),
    strict_tools=True,
    system_role="developer",
    tool_stream=True,
)
_NAME = "mcp__documentation-of-all-our-products__lookup_page_by_its_number"
CALL_ID = "call_" + "0" * 60
_TOOL = {
    "type": "function",
    "function": {
        "name": _NAME,
        "description": "Look a page up. " + "Pages have numbers. " * 400,
        "strict": True,
        "parameters": {"type": "object", "properties": {"page": {"type": "string"}}},
    },
}
_CALL = {
    "id": CALL_ID,
    "type": "function",
    "function": {"name": _NAME, "arguments": "{}"},
}
BODY: dict[str, Any] = {
    "model": "some-model",
    "messages": [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
            ],
        },
        {"role": "assistant", "content": "I look it up.", "tool_calls": [_CALL]},
        {"role": "tool", "tool_call_id": CALL_ID, "content": "A square."},
        {"role": "user", "content": "Go on."},
    ],
    "max_tokens": 200_000,
    "stream": True,
    "stream_options": {"include_usage": True},
    "parallel_tool_calls": False,
    "temperature": 0.5,
    "top_p": 0.5,
    "stop": ["END"],
    "reasoning_effort": "xhigh",
    "tools": [_TOOL],
    "tool_choice": {"type": "function", "function": {"name": _NAME}},
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "output", "strict": True, "schema": {"type": "object"}},
    },
}

_PREFILL = {"role": "assistant", "content": "The answer is"}
VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {"stream": False},
    {"max_tokens": 1},
    {"messages": [*BODY["messages"], _PREFILL]},
    {"thinking": {"type": "enabled"}, "enable_thinking": True, "tool_stream": True},
)
"""What cannot stand in one request; the first with which a step takes the refusal counts."""

NATIVE = " native"
"""End of the name of a provider that speaks the Messages API."""
NATIVE_BODY: dict[str, Any] = {
    "model": "some-model",
    "max_tokens": 2000,
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "messages": [
        {"role": "user", "content": "What is this?"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"},
                {"type": "text", "text": "A square."},
            ],
        },
        {"role": "user", "content": "Go on."},
        {"role": "system", "content": "Be brief."},
    ],
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the catalogue."""

    number: int
    provider: str
    status: int
    outcome: str
    seen: str
    """Where the refusal was seen: ``OWNER/REPOSITORY#NUMBER``, or ``doctor``."""
    body: str
    """The body of the answer, or the text that a report quotes of it."""

    def written(self, outcome: str) -> str:
        """The line with ``outcome`` in place of its own."""
        parts = (self.provider, str(self.status), outcome, self.seen, self.body)
        return SEPARATOR.join(parts)


def lines() -> Iterator[Line]:
    """The lines of the catalogue; empty ones and those that begin with ``#`` are comments."""
    for number, text in enumerate(CATALOGUE.read_text("utf-8").split("\n"), start=1):
        if text and not text.startswith("#"):
            yield parsed(text, number)


def parsed(text: str, number: int = 0) -> Line:
    """One line as it is written."""
    provider, status, outcome, seen, body = text.split(SEPARATOR, 4)
    return Line(number, provider, int(status), outcome, seen, body)


def outcome(status: int, body: str, provider: str = "") -> str:
    """``STEP remembered``, ``STEP once``, ``too long``, ``media``, ``none`` or the client's status.

    ``none``: the client gets a 400 with the provider's own sentence, and nothing is repeated.
    """
    error = failure_from_answer(status, decoded(body.encode()))
    if provider.endswith(NATIVE):
        mend = mend_for(NATIVE_BODY, error.text, ())
        return f"{mend.name} once" if mend else "none" if error.status == 400 else str(error.status)
    refused = _refused_body(error)
    for variant in VARIANTS:
        healing = healing_for(PROFILE, refused | variant, error)
        if healing is not None:
            return f"{healing.step} {'remembered' if healing.remembered else 'once'}"
    if error.message.startswith(OVERFLOW_STARTS):
        return "too long"
    if error.message.startswith((IMAGE_REFUSED, PDF_REFUSED)):
        return "media"
    return "none" if error.status == 400 else str(error.status)


def _refused_body(error: UpstreamError) -> dict[str, Any]:
    """``BODY``, with the output limit under the name that the refusal uses."""
    newer = "max_completion_tokens"
    named = error.param == newer or (newer in error.text and "max_tokens" not in error.text)
    if not named:
        return BODY
    return {newer if name == "max_tokens" else name: value for name, value in BODY.items()}
