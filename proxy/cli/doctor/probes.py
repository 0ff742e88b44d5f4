"""The probes of ``claude-proxy doctor``, as data.

Rule: a probe adds one feature to a plain request, which the first probe has tested, so that a refusal
is about that feature. Its steps are tried in order until one works; each step has the profile flags of
an upstream for which it works.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.cli.doctor import judges
from proxy.cli.doctor.judges import Judge
from proxy.cli.red_square import RED_SQUARE, WHICH_COLOUR
from proxy.providers.profiles.base import Profile

ANSWER_TOKENS = 1024
"""Output limit of a probe in tokens, which is enough for thinking and the answer."""
OTHER_TOKEN_FIELD: Mapping[str, str] = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a probe."""

    judge: Judge
    members: Mapping[str, Any] = field(default_factory=dict)
    """Members of the body that are specific to this step."""
    flags: Mapping[str, object] = field(default_factory=dict)
    """Profile flags if this step works."""
    tokens: int = ANSWER_TOKENS
    other_field: bool = False
    """Send the output limit under the other name than the profile's."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One row of the table."""

    name: str
    prompt: str
    steps: tuple[Step, ...]
    refusal: str
    """Meaning if every step was refused."""
    refused: Mapping[str, object] = field(default_factory=dict)
    """Flags if every step was refused."""
    ignored: Mapping[str, object] | None = None
    """Flags if steps are accepted but their feature has no effect; None: the first accepted step ends
    the probe in this case too."""
    needs: str | None = "answers"
    """The probe that must succeed for this one to be meaningful."""

    @property
    def own_flags(self) -> frozenset[str]:
        """Names of the flags that this probe decides."""
        sets = [step.flags for step in self.steps] + [self.refused, self.ignored or {}]
        names = {name for flags in sets for name in flags}
        if any(step.other_field for step in self.steps):
            names.add("token_field")
        return frozenset(names)


def body_of(probe: Probe, step: Step, profile: Profile, model: str) -> dict[str, Any]:
    """The Chat Completions request of a step."""
    name = token_field(step, profile)
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": probe.prompt}],
        name: min(step.tokens, profile.max_output or step.tokens),
    }
    if profile.stream_only:
        body["stream"] = True
    return body | dict(step.members)


def flags_of(step: Step, profile: Profile) -> dict[str, object]:
    """The profile flags if ``step`` works."""
    named = {"token_field": token_field(step, profile)} if step.other_field else {}
    return {**step.flags, **named}


def token_field(step: Step, profile: Profile) -> str:
    """The member that holds a step's output limit."""
    return OTHER_TOKEN_FIELD[profile.token_field] if step.other_field else profile.token_field


TOOL: Mapping[str, Any] = {
    "type": "function",
    "function": {
        "name": judges.TOOL,
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
_TOOLS: Mapping[str, Any] = {"tools": [TOOL]}
_NAMED = {"type": "function", "function": {"name": judges.TOOL}}
_QUESTION = f"What is the weather in Paris? Call {judges.TOOL}."
_TWO_QUESTIONS = (
    f"What is the weather in Paris, and what in Rome? Call {judges.TOOL} for both at once."
)
_READY = "Answer with the one word: ready"
SQUARE: Mapping[str, Any] = {
    "type": "image_url",
    "image_url": {"url": f"data:image/png;base64,{RED_SQUARE}"},
}
_SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}
_JSON_SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "output", "schema": _SCHEMA, "strict": True},
}
_WHOLE: Mapping[str, object] = {"stream_only": False}
_STREAM_ONLY: Mapping[str, object] = {"stream_only": True}

PROBES: tuple[Probe, ...] = (
    Probe(
        name="answers",
        prompt=_READY,
        steps=(
            Step(judges.judge_answer, {"stream": False}, _WHOLE),
            Step(judges.judge_answer, {"stream": False}, _WHOLE, other_field=True),
            Step(judges.judge_answer, {"stream": True}, _STREAM_ONLY),
            Step(judges.judge_answer, {"stream": True}, _STREAM_ONLY, other_field=True),
        ),
        refusal="plain requests are refused",
        needs=None,
    ),
    Probe(
        name="output limit",
        prompt="Count from 1 to 300. Separate the numbers by spaces and write nothing else.",
        steps=(
            Step(judges.judge_output_limit, tokens=judges.OUTPUT_LIMIT),
            Step(judges.judge_output_limit, tokens=judges.OUTPUT_LIMIT, other_field=True),
        ),
        refusal="small limits are refused",
        ignored={},
    ),
    Probe(
        name="streaming",
        prompt=_READY,
        steps=(Step(judges.judge_streaming, {"stream": True}),),
        refusal="streams are refused: clients that stream get an error",
    ),
    Probe(
        name="usage in streams",
        prompt=_READY,
        steps=(
            Step(
                judges.judge_stream_usage,
                {"stream": True, "stream_options": {"include_usage": True}},
                {"no_stream_usage": False},
            ),
        ),
        refusal="stream_options is refused: token counts are estimated",
        refused={"no_stream_usage": True},
        needs="streaming",
    ),
    Probe(
        name="tools",
        prompt=_QUESTION,
        steps=(Step(judges.judge_tools, _TOOLS),),
        refusal="tools are refused: Claude Code cannot work with this model",
    ),
    Probe(
        name="parallel tools",
        prompt=_TWO_QUESTIONS,
        steps=(Step(judges.judge_parallel_tools, _TOOLS),),
        refusal="several calls at once are refused",
        needs="tools",
    ),
    Probe(
        name="parallel_tool_calls",
        prompt=_TWO_QUESTIONS,
        steps=(
            Step(
                judges.judge_parallel_flag,
                {**_TOOLS, "parallel_tool_calls": False},
                {"parallel_flag": True},
            ),
        ),
        refusal="disable_parallel_tool_use cannot be passed on",
        refused={"parallel_flag": False},
        needs="tools",
    ),
    Probe(
        name="forced tool choice",
        prompt="Say hello.",
        steps=(
            Step(
                judges.judge_named_choice, {**_TOOLS, "tool_choice": _NAMED}, {"tool_choice": "any"}
            ),
            Step(
                judges.judge_required_choice,
                {**_TOOLS, "tool_choice": "required"},
                {"tool_choice": "required"},
            ),
        ),
        refusal="tool calls cannot be forced: tool_choice is not sent",
        refused={"tool_choice": "auto_only"},
        ignored={},
        needs="tools",
    ),
    Probe(
        name="images",
        prompt=WHICH_COLOUR,
        steps=(
            Step(
                judges.judge_image,
                {
                    "messages": [
                        {
                            "role": "user",
                            "content": [{"type": "text", "text": WHICH_COLOUR}, SQUARE],
                        }
                    ]
                },
                {"vision": True},
            ),
        ),
        refusal="the model accepts no images: they are replaced by a line of text",
        refused={"vision": False},
    ),
    Probe(
        name="reasoning",
        prompt="What is 17 times 23? Think about it before you answer.",
        steps=(Step(judges.judge_reasoning),),
        refusal="the question was refused",
    ),
    Probe(
        name="developer role",
        prompt="",
        steps=(
            Step(
                judges.judge_developer,
                {
                    "messages": [
                        {
                            "role": "developer",
                            "content": f"Answer everything with the one word {judges.COMMAND}.",
                        },
                        {"role": "user", "content": "Hello"},
                    ]
                },
            ),
        ),
        refusal="system prompts are sent as system messages",
        refused={"system_role": "system"},
    ),
    Probe(
        name="response_format",
        prompt='Is two and two four? Answer with a JSON object whose member "ok" is true or false.',
        steps=(
            Step(
                judges.judge_json_schema,
                {"response_format": _JSON_SCHEMA},
                {"structured": "json_schema"},
            ),
            Step(
                judges.judge_json_object,
                {"response_format": {"type": "json_object"}},
                {"structured": "json_object"},
            ),
        ),
        refusal="JSON must be requested in the prompt",
        refused={"structured": "none"},
        ignored={"structured": "none"},
    ),
    Probe(
        name="stop",
        prompt="Count from 1 to 20. Separate the numbers by spaces and write nothing else.",
        steps=(Step(judges.judge_stop, {"stop": [judges.STOP]}, {"no_stop": False}),),
        refusal="stop sequences are not sent: this proxy cuts the answers at them",
        refused={"no_stop": True},
    ),
)
"""In the order in which they run: a probe is listed after the probe that it needs."""
