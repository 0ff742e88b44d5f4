"""Read an upstream's refusal: which item of the request it names, which limit it states.

Rule: an item counts only next to a complaint ("unsupported", "unknown", "not permitted" ...) in the
upstream's own words. The text is cut where it begins to quote the request, so that a prompt about
parameters changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from config.registry.values import REASONING_EFFORTS
from proxy.errors import UpstreamError

LONGEST_TEXT = 1000
"""Characters of an error text that are read: the complaint comes first."""

PARTS = "(?:inputs?|messages|tools|prompt|content)"


def _quoted(parts: str) -> re.Pattern[str]:
    return re.compile(
        rf"""['"]{parts}['"]\s*:\s*[\[{{"']|\b{parts}\s*(?:=\s*[\[{{"']|:\s*[\[{{])"""
    )


QUOTED_REQUEST = _quoted(PARTS)
"""Where a text begins to repeat the request: ``"input": {``, ``messages = [``."""
QUOTED_RESPONSES_REQUEST = _quoted("(?:inputs?|messages|tools|prompt|content|instructions|output)")
"""The same for a request of the Responses protocol."""

SUGGESTION = re.compile(r"\b(?:did you mean|you meant|you may have meant)\b[^?\n]{0,80}\??")
"""Names a field that was not sent, or that is fine: ``property 'store' is unsupported, did you mean 'stop'?``."""

COMPLAINT = (
    r"(?:unsupported|(?:not|n't) (?:currently |yet )?support|unknown|unrecogni[sz]ed"
    r"|invalid(?!_request)|not (?:permitted|allowed|available|compatible|one of)|extra.?inputs"
    r"|extra_forbidden|unexpected|cannot find field|unavailable|incompatible|deprecated"
    r"|only \S.{0,30}(?:allowed|supported)|不支持|无效|非法|不合法|参数错误|未知)"
)
UNKNOWN_FIELD = (
    r"(?:unsupported|(?:not|n't) (?:currently |yet )?support|unknown|unrecogni[sz]ed"
    r"|invalid (?:request )?(?:param|field|arg|key|prop)|not (?:permitted|allowed)|extra.?inputs"
    r"|extra_forbidden|unexpected|cannot find field|deprecated|不支持|未知)"
)
"""Complaints about the field itself, not about its value."""

WRONG_VALUE = f"(?:{COMPLAINT}|must be|should be)"
"""Complaints about a value too, such as ``response_format.type``."""

WRONG_STOP = f"(?:{WRONG_VALUE}|too (?:long|many|large)|at most|exceed|max(?:imum)?)"
"""Complaints about the number of stop strings too."""

GAP = r"(?:(?![.!?;] |[{}]|\n\n).){0,60}?"
"""Text between a complaint and its item: short, within one sentence and one JSON object."""

NOT_IN_SCHEMA = "".join(
    f"(?<!properties{joint})"
    for joint in (r"\.", "/", r"\['", r"\[\"", "', '", "','", '", "', '","')
)
"""Excludes properties of the client's tools, which may be called ``temperature`` too."""

FIELD_NAMES = (
    "max_completion_tokens", "max_output_tokens", "max_new_tokens", "max_tokens", "top_p", "top_k",
    "stop_sequences", "stream_options", "parallel_tool_calls", "tool_choice", "tool_stream",
    "reasoning_effort", "response_format", "enable_thinking", "thinking_budget", "service_tier",
)  # fmt: skip
_SPELLINGS = (
    "reasoning effort",
    "tool choice",
    "top p",
    *(n.replace("_", "[-_]?") for n in FIELD_NAMES),
)
_OTHER_SPELLING = re.compile(rf"(?<![a-z])(?:{'|'.join(_SPELLINGS)})(?![a-z])")
"""The same names in camelCase (in lower case here) or with hyphens: ``reasoningeffort``, ``top-p``. Other
names as words, such as parallel tool calls, mean more than the field."""
_NAME_FOR_LETTERS = {name.replace("_", ""): name for name in FIELD_NAMES}
_JOINTS = str.maketrans("", "", "-_ ")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An upstream's refusal of one request body, prepared for matching."""

    text: str
    """Its own words in lower case, without what it quotes of the request; ``FIELD_NAMES`` as there."""
    param: str
    """The path that its error object names, always of a field that was sent; else ``""``."""
    code: str = ""
    """The code of its error object in lower case; empty if it has none."""

    def about(self, item: str, *, under: str = "", complaint: str = COMPLAINT) -> bool:
        """Whether the refusal complains of ``item`` (a regular expression in lower case).

        A named param decides alone, unless it is ``under``: the field that holds the item.
        """
        path = rf"{under}.*[.\]]" if under else ""
        if re.fullmatch(rf"{path}(?:{item})(?:[.\[].*)?", self.param):
            return True
        if self.param and not (under and self.param.startswith(under)):
            return False
        return _complaint_pattern(item, complaint).search(self.text) is not None

    def says(self, pattern: str) -> bool:
        """Whether ``pattern`` (lower case) occurs in the refusal's own words."""
        return re.search(pattern, self.text) is not None


def refusal_of(
    error: UpstreamError,
    body: Mapping[str, Any],
    text: str,
    *,
    quoted: re.Pattern[str] = QUOTED_REQUEST,
) -> Refusal:
    """Prepare ``text``, the trusted text of ``error``, which refuses ``body``.

    A param that names nothing in the body is ignored: gateways put request ids there. ``quoted``: where
    the text begins to repeat the request.
    """
    text = SUGGESTION.sub("", as_sent(text[:LONGEST_TEXT].lower()))
    quote = quoted.search(text)
    param = as_sent((error.param or "").lower().removeprefix("body."))
    named = re.split(r"[.\[]", param, maxsplit=1)[0]
    return Refusal(
        text=text[: quote.start()] if quote else text,
        param=param if named in body else "",
        code=(error.code or "").lower(),
    )


def as_sent(text: str) -> str:
    """``text`` with the names of fields as they are sent: ``toolchoice`` -> ``tool_choice``."""
    return _OTHER_SPELLING.sub(lambda found: _NAME_FOR_LETTERS[found[0].translate(_JOINTS)], text)


@lru_cache(maxsize=64)
def _complaint_pattern(item: str, complaint: str) -> re.Pattern[str]:
    name = rf"(?<![\w-]){NOT_IN_SCHEMA}(?:{item})(?![\w-])"
    return re.compile(f"{name}{GAP}{complaint}|{complaint}{GAP}{name}", re.DOTALL)


# --- stated limits ------------------------------------------------------------------------------

TOKENS = (
    r"(?:max_?(?:completion_?|output_?|new_?)?tokens|max(?:imum)? tokens"
    r"|(?:completion|output) tokens)"
)
NUMBER = r"[`'\" ]*(\d[\d,]*)"
NEARBY = r"(?:(?!context).){0,120}?"
INCLUSIVE_LIMITS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        rf"at most{NUMBER}[`'\"]* (?:completion|output) tokens",
        rf"{TOKENS}{NEARBY}\[\s*\d+\s*,{NUMBER}\s*\]",
        rf"{TOKENS}{NEARBY}(?:less than or equal to|<=|≤|no (?:more|greater|larger) than|at most"
        rf"|exceed|up to|between \d+ and){NUMBER}",
        rf">{NUMBER},? which is the maximum (?:allowed )?(?:number of )?output tokens",
        rf"{TOKENS}{NEARBY}(?:model limit of|maximum(?: allowed)?(?: value)?(?: \w+)?(?: is| of|:)?)"
        rf"{NUMBER}",
    )
)
EXCLUSIVE_LIMITS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        rf"{TOKENS}{NEARBY} to{NUMBER}\s*\(exclusive\)",
        rf"{TOKENS}{NEARBY}(?:less|lower|smaller) than{NUMBER}",
    )
)
NO_OUTPUT_LIMIT = re.compile(r"\+ ?\W?max_|\bafford\b")
"""The sum of prompt and output: a context window, not a limit of the output; or what can be paid for."""


def largest_output(refusal: Refusal) -> int | None:
    """The largest output in tokens that the refusal says is allowed (docs/protocol.md 1.5)."""
    if refusal.says(NO_OUTPUT_LIMIT.pattern):
        return None
    for patterns, excess in ((INCLUSIVE_LIMITS, 0), (EXCLUSIVE_LIMITS, 1)):
        for pattern in patterns:
            found = pattern.search(refusal.text)
            if found:
                return int(found[1].replace(",", "")) - excess
    return None


SUPPORTED_VALUES = re.compile(
    r"\b(?:(?:supported|allowed|valid|accepted|available|permitted) (?:values?|options?|levels?)"
    r"|must be|should be|expected|one of)((?:(?!\. )[^\n]){0,160})"
)
LEVEL = re.compile(rf"(?<![\w-])(?:{'|'.join(REASONING_EFFORTS)})(?![\w-])")


def supported_efforts(refusal: Refusal) -> tuple[str, ...]:
    """The values of ``reasoning_effort`` that the refusal lists as supported, lowest first."""
    listed = SUPPORTED_VALUES.search(refusal.text)
    named = set(LEVEL.findall(listed[1])) if listed else set()
    return tuple(level for level in REASONING_EFFORTS if level in named)


MOST_STRINGS = re.compile(
    r"(?:at most|max(?:imum)?(?: (?:length|size|number|count|items?|of|is|items? is))*|up to"
    r"|(?:more|greater|larger) than|less than or equal to|<=|≤|limit(?: of| is)?)\W{0,3}(\d{1,3})(?!\d)"
)


def most_stop_strings(refusal: Refusal) -> int:
    """The largest number of stop strings that the refusal states; 0 where it states none."""
    found = MOST_STRINGS.search(refusal.text)
    return int(found[1]) if found else 0
