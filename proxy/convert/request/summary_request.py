"""The request that asks a model for a summary of a conversation.

Rule: it is the client's request with one more user turn, so that the upstream's prompt cache contains its
prefix. Fields that only shape an answer are left out (docs/protocol.md 1.7).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MIN_TOKENS = 8192
"""Lowest output limit of a summary, since agents sometimes send requests for a few tokens."""

PROMPT = """\
This conversation is about to be replaced by a summary that you write now. You, or another model, \
will continue the work from the summary alone, so it must hold everything that is needed for that.

Write the summary inside <summary></summary> tags, with these parts where they apply:
1. What the user wants: every request, goal and constraint, in order. Quote the last request.
2. Rules of behaviour that were given during the conversation and are still in force.
3. Decisions, with their reasons, and what was tried and rejected.
4. Facts that were found: names, numbers, identifiers, paths, commands, addresses, code.
5. What was done, what the tools returned that still matters, and which errors remain.
6. The state of the work at this moment, and the next step.

Be precise and complete. Do not answer the conversation, do not call tools, and write nothing \
outside the tags."""

_LEFT_OUT = frozenset(
    {
        "compaction",
        "stop_sequences",
        "stream",
        "tool_choice",
        "output_format",
        "output_config",
    }
)


def summary_prompt(instructions: str | None, *, replace: bool) -> str:
    """The prompt for the summary; blank ``instructions`` are ignored.

    With ``replace`` the instructions replace the proxy's prompt; without it they follow the prompt.
    """
    if not instructions or not instructions.strip():
        return PROMPT
    return instructions if replace else f"{PROMPT}\n\n{instructions}"


def summary_request(
    request: Mapping[str, Any], turns: Sequence[Mapping[str, Any]], prompt: str
) -> dict[str, Any]:
    """The Messages request without streaming whose answer is the summary of ``turns``.

    ``request`` is validated and not changed. Its tools are kept, since some upstreams refuse a history
    with calls of tools that the request does not declare, but ``tool_choice`` is ``none``.
    """
    asked = {name: value for name, value in request.items() if name not in _LEFT_OUT}
    config = dict(request.get("output_config") or {})
    config.pop("format", None)
    if config:
        asked["output_config"] = config
    if request.get("tools"):
        asked["tool_choice"] = {"type": "none"}
    asked["max_tokens"] = max(request.get("max_tokens") or 0, MIN_TOKENS)
    asked["messages"] = [*turns, {"role": "user", "content": prompt}]
    return asked
