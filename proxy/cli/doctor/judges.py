"""What an answer to a probe tells about the upstream.

Rule: pure; ``works`` needs evidence in the answer. Models differ and chance plays a part, so an
answer that shows neither obedience nor disobedience is only ``accepted``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from proxy.cli.doctor.answers import Answer
from proxy.convert.reply.think_tags import CLOSING, OPENING

Word = Literal["works", "accepted", "ignored", "none", "refused", "unclear", "failed", "skipped"]
"""accepted: no error, no proof; ignored: no error, not obeyed; none: nothing of it was seen;
unclear: the answer was cut short; failed: no answer for another reason; skipped: not asked."""

TOOL = "get_weather"
OUTPUT_LIMIT = 32
"""Tokens asked for by the probe of the output limit."""
STOP = "7"
COMMAND = "PINEAPPLE"
RED = re.compile(r"\b(?:red|rouge|rojo|rosso|rot)\b|[红紅赤]|красн", re.IGNORECASE)
LONGEST_TOKEN = 12
"""Characters of text for each token, above which a limit was certainly not kept."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, what it means for the operator, and profile flags that it proves."""

    word: Word
    meaning: str
    flags: Mapping[str, object] = field(default_factory=dict)


Judge = Callable[[Answer], Judgement]


def judge_answer(answer: Answer) -> Judgement:
    """Whether there is anything in the answer at all."""
    if answer.text or answer.tagged or answer.reasoning or answer.calls:
        return Judgement("works", "plain requests are answered")
    return Judgement("accepted", "an empty answer")


def judge_output_limit(answer: Answer) -> Judgement:
    """Whether ``OUTPUT_LIMIT`` tokens were the most that came."""
    tokens = answer.completion_tokens
    if answer.finish_reason == "length":
        return Judgement("works", "the limit is kept")
    if (tokens or 0) > 2 * OUTPUT_LIMIT or len(answer.text) > LONGEST_TOKEN * OUTPUT_LIMIT:
        return Judgement("ignored", "answers grow beyond the limit")
    return Judgement("accepted", "the answer ended before the limit")


def judge_streaming(answer: Answer) -> Judgement:
    """Whether an event stream came."""
    if answer.streamed:
        return Judgement("works", "answers arrive while they are written")
    return Judgement("ignored", "answers come whole: clients see them all at once")


def judge_stream_usage(answer: Answer) -> Judgement:
    """Whether the stream told how many tokens were used."""
    if answer.usage:
        return Judgement("works", "token counts are the upstream's own")
    return Judgement("accepted", "no usage in the stream: token counts are estimated")


def judge_tools(answer: Answer) -> Judgement:
    """Whether the tool was called with arguments that are a JSON object."""
    if not answer.calls:
        return _uncalled(answer)
    if all(name == TOOL and _is_object(arguments) for name, arguments in answer.calls):
        return Judgement("works", "the model calls tools")
    return Judgement("accepted", "the model's call was not one of the tool, or broken")


def judge_parallel_tools(answer: Answer) -> Judgement:
    """Whether two questions became two calls in one answer."""
    if len(answer.calls) > 1:
        return Judgement("works", "several calls come in one answer")
    if answer.calls:
        return Judgement("none", "one call in each answer")
    return _uncalled(answer)


def judge_parallel_flag(answer: Answer) -> Judgement:
    """Whether ``parallel_tool_calls: false`` kept it to one call."""
    if len(answer.calls) > 1:
        return Judgement("ignored", "several calls come all the same")
    if answer.calls:
        return Judgement("works", "disable_parallel_tool_use is passed on")
    return _uncalled(answer)


def judge_named_choice(answer: Answer) -> Judgement:
    """Whether a tool was called that nothing but the named choice asked for."""
    return _forced(answer, "a tool can be forced by its name")


def judge_required_choice(answer: Answer) -> Judgement:
    """Whether any tool was called; the same for the choice ``required``."""
    return _forced(answer, "some tool can be forced, but not by its name")


def judge_image(answer: Answer) -> Judgement:
    """Whether the colour of the picture was named."""
    if RED.search(answer.text):
        return Judgement("works", "the model sees images")
    return Judgement("accepted", "images are taken, but the model did not name what it saw")


def judge_reasoning(answer: Answer) -> Judgement:
    """In which member the reasoning came, if any."""
    if answer.reasoning:
        return Judgement("works", f"thinking comes as {', '.join(answer.reasoning)}")
    if answer.tagged:
        tags = f"thinking comes as {OPENING} tags in the text"
        return Judgement("works", tags, {"think_tags": True})
    if CLOSING in answer.text:
        return Judgement("ignored", f"{CLOSING} without {OPENING}: thinking is shown as text")
    return Judgement("none", "no thinking was shown")


def judge_developer(answer: Answer) -> Judgement:
    """Whether the developer message was followed."""
    if COMMAND.lower() in answer.text.lower():
        return Judgement("works", "developer messages are followed")
    return Judgement("accepted", "developer messages are taken")


def judge_json_schema(answer: Answer) -> Judgement:
    """Whether the answer fits the schema."""
    value = _decoded(answer.text)
    if isinstance(value, dict) and list(value) == ["ok"] and isinstance(value["ok"], bool):
        return Judgement("works", "answers fit a JSON Schema")
    return _shapeless(answer, "the schema is not kept to")


def judge_json_object(answer: Answer) -> Judgement:
    """Whether the answer is a JSON object."""
    if isinstance(_decoded(answer.text), dict):
        return Judgement("works", "answers are JSON; the schema is asked for in words")
    return _shapeless(answer, "JSON has to be asked for in words")


def judge_stop(answer: Answer) -> Judgement:
    """Whether the count ended before the stop sequence."""
    if STOP in answer.text:
        return Judgement("ignored", "answers go on behind stop sequences")
    if "5" in answer.text and answer.finish_reason != "length":
        return Judgement("works", "stop sequences end answers")
    return Judgement("accepted", "stop sequences are taken")


def _forced(answer: Answer, meaning: str) -> Judgement:
    if answer.calls:
        return Judgement("works", meaning)
    return _cut(answer) or Judgement("ignored", "the model may answer without the tool")


def _uncalled(answer: Answer) -> Judgement:
    return _cut(answer) or Judgement("accepted", "tools are taken, but the model did not call one")


def _shapeless(answer: Answer, meaning: str) -> Judgement:
    return _cut(answer) or Judgement("ignored", meaning)


def _cut(answer: Answer) -> Judgement | None:
    if answer.finish_reason != "length":
        return None
    return Judgement("unclear", "the answer was cut short before it showed anything")


def _is_object(text: str) -> bool:
    return isinstance(_decoded(text), dict)


def _decoded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
