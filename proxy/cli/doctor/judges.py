"""Judgement of an answer to a probe.

Rule: pure. ``works`` needs evidence in the answer. Models differ and answers are random, so an answer
without evidence for or against the feature is only ``accepted``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from proxy.cli.doctor.answers import Answer
from proxy.cli.red_square import RED
from proxy.convert.reply.think_tags import CLOSING

Outcome = Literal["works", "accepted", "ignored", "none", "refused", "unclear", "failed", "skipped"]
"""accepted: no error, no evidence; ignored: no error, but without effect; none: the feature is absent
from the answer; refused: an error about the feature; unclear: the answer was truncated; failed: no
answer for another reason; skipped: not tested."""

TOOL = "get_weather"
OUTPUT_LIMIT = 32
"""Tokens that the probe of the output limit requests."""
STOP = "7"
COMMAND = "PINEAPPLE"
MAX_TOKEN_CHARS = 12
"""A longer text, per token of the limit, exceeds the limit with certainty."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Result of a probe, its meaning for the operator, and the profile flags that it proves."""

    outcome: Outcome
    meaning: str
    flags: Mapping[str, object] = field(default_factory=dict)


Judge = Callable[[Answer], Judgement]


def judge_answer(answer: Answer) -> Judgement:
    """Whether the answer has any content."""
    if answer.text or answer.tagged or answer.reasoning or answer.calls:
        return Judgement("works", "plain requests are answered")
    return Judgement("accepted", "an empty answer")


def judge_output_limit(answer: Answer) -> Judgement:
    """Whether the answer has at most ``OUTPUT_LIMIT`` tokens."""
    tokens = answer.completion_tokens
    if answer.finish_reason == "length":
        return Judgement("works", "the limit is applied")
    if (tokens or 0) > 2 * OUTPUT_LIMIT or len(answer.text) > MAX_TOKEN_CHARS * OUTPUT_LIMIT:
        return Judgement("ignored", "answers exceed the limit")
    return Judgement("accepted", "the answer ended before the limit")


def judge_streaming(answer: Answer) -> Judgement:
    """Whether the answer was an event stream."""
    if answer.streamed:
        return Judgement("works", "answers arrive while they are generated")
    return Judgement("ignored", "answers are not streamed: clients get them all at once")


def judge_stream_usage(answer: Answer) -> Judgement:
    """Whether the stream contained usage."""
    if answer.usage:
        return Judgement("works", "the upstream reports token counts")
    return Judgement("accepted", "no usage in the stream: token counts are estimated")


def judge_tools(answer: Answer) -> Judgement:
    """Whether the tool was called with arguments that are a JSON object."""
    if not answer.calls:
        return _uncalled(answer)
    if all(name == TOOL and _is_object(arguments) for name, arguments in answer.calls):
        return Judgement("works", "the model calls tools")
    return Judgement("accepted", "the model called another tool, or with invalid arguments")


def judge_parallel_tools(answer: Answer) -> Judgement:
    """Whether two questions led to two calls in one answer."""
    if len(answer.calls) > 1:
        return Judgement("works", "several calls in one answer")
    if answer.calls:
        return Judgement("none", "one call in each answer")
    return _uncalled(answer)


def judge_parallel_flag(answer: Answer) -> Judgement:
    """Whether ``parallel_tool_calls: false`` limited the answer to one call."""
    if len(answer.calls) > 1:
        return Judgement("ignored", "still several calls in one answer")
    if answer.calls:
        return Judgement("works", "disable_parallel_tool_use is passed on")
    return _uncalled(answer)


def judge_named_choice(answer: Answer) -> Judgement:
    """Whether the tool was called because ``tool_choice`` named it."""
    return _forced(answer, "a tool can be forced by its name")


def judge_required_choice(answer: Answer) -> Judgement:
    """Whether a tool was called because ``tool_choice`` was ``required``."""
    return _forced(answer, "a tool call can be forced, but not of a named tool")


def judge_image(answer: Answer) -> Judgement:
    """Whether the answer names the colour of the image."""
    if RED.search(answer.text):
        return Judgement("works", "the model recognises images")
    return Judgement("accepted", "images are accepted, but the model did not name the colour")


def judge_reasoning(answer: Answer) -> Judgement:
    """The member that contained reasoning, if any."""
    if answer.reasoning:
        return Judgement("works", f"thinking is returned as {', '.join(answer.reasoning)}")
    if answer.tagged:
        tags = "thinking is returned as reasoning in tags, at the start of the text"
        return Judgement("works", tags, {"think_tags": True})
    if CLOSING in answer.text:
        return Judgement("ignored", "reasoning in tags without the first tag: it is shown as text")
    return Judgement("none", "no thinking was returned")


def judge_encrypted(answer: Answer) -> Judgement:
    """Whether the model's reasoning came in a form that it can be given again."""
    if "encrypted_content" in answer.reasoning:
        works = "reasoning comes back to the model in later turns"
        return Judgement("works", works, {"reasoning_items": "encrypted"})
    return Judgement("none", "no encrypted reasoning was returned")


def judge_developer(answer: Answer) -> Judgement:
    """Whether the developer message was followed."""
    if COMMAND.lower() in answer.text.lower():
        return Judgement("works", "developer messages are followed")
    return Judgement("accepted", "developer messages are accepted")


def judge_json_schema(answer: Answer) -> Judgement:
    """Whether the answer fits the schema."""
    value = _decoded(answer.text)
    if isinstance(value, dict) and list(value) == ["ok"] and isinstance(value["ok"], bool):
        return Judgement("works", "answers fit a JSON Schema")
    return _invalid_json(answer, "the schema is not applied")


def judge_json_object(answer: Answer) -> Judgement:
    """Whether the answer is a JSON object."""
    if isinstance(_decoded(answer.text), dict):
        return Judgement("works", "answers are JSON; the schema is requested in the prompt")
    return _invalid_json(answer, "JSON must be requested in the prompt")


def judge_stop(answer: Answer) -> Judgement:
    """Whether the count ended before the stop sequence."""
    if STOP in answer.text:
        return Judgement("ignored", "answers continue after stop sequences")
    if "5" in answer.text and answer.finish_reason != "length":
        return Judgement("works", "stop sequences end answers")
    return Judgement("accepted", "stop sequences are accepted")


def _forced(answer: Answer, meaning: str) -> Judgement:
    if answer.calls:
        return Judgement("works", meaning)
    return _truncated(answer) or Judgement("ignored", "the model may answer without the tool")


def _uncalled(answer: Answer) -> Judgement:
    return _truncated(answer) or Judgement(
        "accepted", "tools are accepted, but the model did not call one"
    )


def _invalid_json(answer: Answer, meaning: str) -> Judgement:
    return _truncated(answer) or Judgement("ignored", meaning)


def _truncated(answer: Answer) -> Judgement | None:
    if answer.finish_reason != "length":
        return None
    return Judgement("unclear", "the answer was truncated before it showed anything")


def _is_object(text: str) -> bool:
    return isinstance(_decoded(text), dict)


def _decoded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
