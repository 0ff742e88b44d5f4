"""Refusals that state a limit: of the output, of what can be paid for, of a tool's texts.

Rule: only a number in the upstream's own words counts, and only where the request is beyond it
(docs/protocol.md 1.5). The largest output is a step of ``proxy.failures.healing_steps``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from proxy.failures.complaints import NEARBY, NUMBER, TOKENS, Refusal
from proxy.providers.profiles import Profile

Body = Mapping[str, Any]
Flags = dict[str, object]

LEAST_WORTHWHILE = 100
"""Tokens of an answer; credit for fewer is no credit."""
SHORTEST_NAME = 16
SHORTEST_DESCRIPTION = 32
"""Characters; a smaller number is no limit of such a text."""
LONGEST_GAP = 200
"""Characters between the name of a text and its limit."""

_FEWEST = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        rf"{TOKENS}{NEARBY}(?:>=|≥|at least|greater than or equal to|minimum(?: allowed)?(?: value)?"
        rf"(?: is| of|:)?|not? (?:be )?(?:less|lower|smaller|fewer) than|不能小于|不得小于|最小值?为?)"
        rf"{NUMBER}",
        rf"{TOKENS}{NEARBY}(?:\[|\bbetween\b|\bfrom\b){NUMBER}[`'\" ]*(?:,|and|to\b)",
        rf"\bminimum (?:value )?(?:of|for) \W?{TOKENS}\W{{0,3}}(?:is|of|:)?{NUMBER}",
        rf"\bminimum of{NUMBER}\W{{0,5}}{TOKENS}",
        rf"\bat least{NUMBER} (?:completion |output )tokens",
    )
)
_MORE_THAN = re.compile(rf"{TOKENS}{NEARBY}(?:greater|larger|higher|more) than{NUMBER}", re.DOTALL)


def min_output_flags(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    """The least output that the upstream states, if the request asks for less."""
    sent = _sent_limit(body)
    least = _least_output(refusal.text)
    if sent is None or least is None or sent >= least:
        return {}
    return {"min_output": least}


def _least_output(text: str) -> int | None:
    for pattern in _FEWEST:
        found = pattern.search(text)
        if found:
            return _number(found[1])
    found = _MORE_THAN.search(text)
    return _number(found[1]) + 1 if found else None


AFFORDABLE = re.compile(
    r"\b(?:can|could)(?: only| still)? afford(?: only| up to| at most)?[^\d\n.]{0,20}(\d[\d,]*)"
    r"|\b(?:balance|credits?|quota|funds) (?:\w+ ){0,3}?(?:covers?|allows?|permits?|for)"
    r" (?:only |up to |at most |a maximum of )?(\d[\d,]*) (?:more )?(?:output |completion )?tokens"
)
"""OpenRouter's 402 and its like: there is credit, but not for all the output that is asked for."""


def affordable_tokens(text: str) -> int | None:
    """The tokens that the account can pay for, according to ``text`` in lower case; None if unstated."""
    found = AFFORDABLE.search(text)
    return None if found is None else _number(found[1] or found[2])


def affordable_flags(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    """The output that the account can pay for, if that is enough for an answer."""
    affordable = affordable_tokens(refusal.text)
    sent = _sent_limit(body)
    if affordable is None or sent is None:
        return {}
    return {"max_output": affordable} if LEAST_WORTHWHILE <= affordable < sent else {}


_TOOL = r"(?<![a-z])(?:tools?|functions?|toolspec|function_?declarations?)(?![a-z])"
_WITHIN = r"(?:(?!property|properties|param|schema)[^\n;]){0,60}?"
_DESCRIPTION = re.compile(
    rf"{_TOOL}{_WITHIN}(?<![a-z])descriptions?(?![a-z])"
    r"|\bdescriptions? (?:of|for|in) (?:the |a |your )?(?:tool|function)s?\b|(?:工具|函数)描述"
)
_NAME = re.compile(
    rf"{_TOOL}{_WITHIN}(?<![a-z])names?(?![a-z])"
    r"|\bnames? (?:of|for) (?:the |a |your )?(?:tool|function)s?\b|(?:工具|函数)名"
)
_STATED = re.compile(
    r"(?:at most|max(?:imum)?|less than or equal to|exceed(?:s|ed|ing)?|longer than|up to|under|within"
    r"|not? (?:be )?(?:more|longer|greater|larger) than|limit(?:ed)?|>|<=|≤|不能超过|不得超过|最多|最长|超过)"
    r"[^\d\n]{0,40}?(\d{2,6})(?!\d)"
    r"|(?<!\d)(\d{2,6})[- ](?:characters?|chars?|letters) (?:or (?:less|fewer)|max|limit)"
)


def text_limit_flags(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    """The longest description or name of a tool that the upstream states, if one sent is longer."""
    text = f"{refusal.param} {refusal.text}"
    functions = [tool["function"] for tool in body.get("tools") or () if "function" in tool]
    for flag, subject, member, shortest in (
        ("description_chars", _DESCRIPTION, "description", SHORTEST_DESCRIPTION),
        ("tool_name_chars", _NAME, "name", SHORTEST_NAME),
    ):
        limit = _limit_after(subject, text)
        longest = max((len(each.get(member) or "") for each in functions), default=0)
        if limit is not None and shortest <= limit < longest:
            return {flag: limit}
    return {}


def _limit_after(subject: re.Pattern[str], text: str) -> int | None:
    found = subject.search(text)
    stated = _STATED.search(text, found.end(), found.end() + LONGEST_GAP) if found else None
    return int(stated[1] or stated[2]) if stated else None


def _sent_limit(body: Body) -> int | None:
    sent = body.get("max_tokens", body.get("max_completion_tokens"))
    return sent if isinstance(sent, int) else None


def _number(digits: str) -> int:
    return int(digits.replace(",", ""))
