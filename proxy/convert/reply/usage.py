"""Token usage of Chat Completions -> usage of the Messages API.

Rule: the three input counts are disjoint, and their sum is the upstream's ``prompt_tokens``
(docs/protocol.md section 3). Reports of upstreams are not trusted: a count is an integer of a plausible
size; anything else is treated as not reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from proxy.convert.reply.limits import MOST_MEMBERS

MAX_COUNT = 10**12
"""Largest plausible token count; every JSON writer can write it."""

INPUT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")

_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_WRITTEN_NAMES = (
    "cache_write_tokens",
    "cache_creation_tokens",
    "cached_creation_tokens",
    "created_cache_tokens",
    "cache_creation_input_tokens",
    "cache_write_input_tokens",
)
CACHED: Sequence[tuple[str, ...]] = (
    ("cache_read_input_tokens",),
    *((details, "cached_tokens") for details in _DETAILS),
    ("prompt_cache_hit_tokens",),
    ("cached_tokens",),
    *(
        (details, name)
        for details in _DETAILS
        for name in ("cache_read_input_tokens", "cache_read_tokens", "cached_input_tokens")
    ),
    ("cached_input_tokens",),
    ("cache_read_tokens",),
)
"""Paths of the count of tokens read from a cache; the first one that is reported is used."""
WRITTEN: Sequence[tuple[str, ...]] = (
    ("cache_creation_input_tokens",),
    *((details, name) for details in _DETAILS for name in _WRITTEN_NAMES),
    *((name,) for name in _WRITTEN_NAMES),
)
"""The same for tokens written to a cache."""
_OF_CACHES = frozenset({path[0] for path in (*CACHED, *WRITTEN)} | {"cache_creation"})
REASONING: Sequence[tuple[str, ...]] = (
    ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
    ("reasoning_tokens",),
)
"""The same for tokens of reasoning."""
_KNOWN_TOTALS = frozenset(
    {
        "prompt_tokens",
        "input_tokens",
        "completion_tokens",
        "output_tokens",
        "total_tokens",
        "prompt_cache_miss_tokens",
        *(path[0] for path in (*CACHED, *WRITTEN)),
    }
)

_READ = dict.fromkeys((*sorted(_KNOWN_TOTALS), *(path[0] for path in REASONING), "cache_creation"))
"""The members of a report that are read by their names."""

SAMPLE_CHARS = 256 * 1024
"""Characters of output that are kept for an estimate, to bound memory; the rest is extrapolated."""


class UsageEstimate(Protocol):
    """Counts tokens; used only if the upstream reported no count."""

    def count_input(self) -> int:
        """Tokens of the request."""
        ...

    def count_output(self, text: str) -> int:
        """Tokens of ``text`` as output of the model."""
        ...


def usage_from_chat(usage: object) -> dict[str, Any] | None:
    """The ``usage`` of a message; None if only zeros or no counts were reported.

    Keys: ``input_tokens``, ``cache_creation_input_tokens``, ``cache_read_input_tokens``,
    ``cache_creation`` (when something was written), ``output_tokens``, ``output_tokens_details``
    (when reasoning was reported), ``service_tier``.
    """
    if not isinstance(usage, dict):
        return None
    cached = written = 0
    if not _OF_CACHES.isdisjoint(usage):
        cached = _first_count(usage, CACHED)
        written = _first_count(usage, WRITTEN) or _written_by_lifetime(usage)
    prompt = _prompt_tokens(usage, cached + written)
    output, reasoning = _output_tokens(usage, prompt, cached, written)
    if not prompt and not output:
        return None
    counts: dict[str, Any] = {
        "input_tokens": max(0, prompt - cached - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": output,
    }
    if reasoning is not None:
        counts["output_tokens_details"] = {"thinking_tokens": min(reasoning, output)}
    return whole_usage(counts)


def whole_usage(counts: Mapping[str, Any]) -> dict[str, Any]:
    """The usage of a whole message, from the counts of a ``message_delta``."""
    usage = dict(counts)
    written = usage["cache_creation_input_tokens"]
    if written:
        usage["cache_creation"] = {
            "ephemeral_5m_input_tokens": written,
            "ephemeral_1h_input_tokens": 0,
        }
    usage["service_tier"] = "standard"
    return usage


def delta_usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a message's usage that are part of a ``message_delta``."""
    return {k: v for k, v in usage.items() if k not in ("cache_creation", "service_tier")}


def no_usage(input_tokens: int = 0) -> dict[str, Any]:
    """Usage before anything was reported."""
    return {
        "input_tokens": input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 0,
    }


def count_in(usage: Mapping[str, Any], *path: str) -> int:
    """The count at ``path``; 0 if it is not reported."""
    return _reported(usage, *path) or 0


def _reported(usage: Mapping[str, Any], *path: str) -> int | None:
    value: object = usage
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MAX_COUNT else None


def _first_count(usage: Mapping[str, Any], paths: Iterable[Sequence[str]]) -> int:
    """The first count at one of ``paths`` that is not 0; 0 if there is none."""
    for path in paths:
        # Most of the names are absent from a report, and a look-up of each is cheap.
        if path[0] in usage and (count := _reported(usage, *path)):
            return count
    return 0


def _written_by_lifetime(usage: Mapping[str, Any]) -> int:
    """Tokens written to the cache, if they are reported only per cache lifetime."""
    lifetimes = usage.get("cache_creation")
    if not isinstance(lifetimes, dict):
        return 0
    names = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    return sum(count_in(lifetimes, name) for name in names)


def _known_first(usage: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The members of ``usage``, first those that are read by their names."""
    for name in _READ:
        if name in usage:
            yield name, usage[name]
    for name, value in usage.items():
        if name not in _READ:
            yield name, value


def _is_count(value: object) -> bool:
    return type(value) is int and 0 < value <= MAX_COUNT


def _prompt_tokens(usage: Mapping[str, Any], cached_or_written: int) -> int:
    prompt = _reported(usage, "prompt_tokens")
    if prompt is not None:
        return prompt
    tokens = _reported(usage, "input_tokens")
    if tokens is not None:
        # In the Messages API's own spelling the cached tokens are not part of input_tokens.
        disjoint = "cache_read_input_tokens" in usage or "cache_creation_input_tokens" in usage
        return tokens + cached_or_written if disjoint else tokens
    return max(0, count_in(usage, "total_tokens") - count_in(usage, "completion_tokens"))


def _output_tokens(
    usage: Mapping[str, Any], prompt: int, cached: int, written: int
) -> tuple[int, int | None]:
    """Output tokens including reasoning, and the reasoning tokens if they are reported."""
    output = count_in(usage, "completion_tokens") or count_in(usage, "output_tokens")
    counts = (_reported(usage, *path) for path in REASONING if path[0] in usage)
    reasoning = next((count for count in counts if count is not None), None)
    if reasoning is None:
        beside = _beside(usage, prompt + output, (cached, written, cached + written))
        return output + beside, beside or None
    if reasoning and count_in(usage, "total_tokens") == prompt + output + reasoning:
        # These upstreams do not include reasoning in the completion tokens.
        output += reasoning
    return output, reasoning


def _beside(usage: Mapping[str, Any], counted: int, inputs: Iterable[int]) -> int:
    """Tokens that only the total includes: Gemini's thinking.

    0 if the prompt does not include the ``inputs`` of the cache, or if the report has other counts, which
    the total may include.
    """
    if _reported(usage, "prompt_tokens") is None:
        return 0
    beside = count_in(usage, "total_tokens") - counted
    if beside <= 0 or beside in inputs:
        return 0
    others = (name for name in usage if name.endswith("_tokens") and name not in _KNOWN_TOTALS)
    return 0 if any(count_in(usage, name) for name in others) else beside


class ReplyUsage:
    """The usage of one answer: the upstream's counts, and estimates of counts that it did not report.

    A complete report replaces the one before; a partial report replaces only its own counts. ``add`` must
    get all output, so that it can be counted if there is no report.
    """

    __slots__ = ("_estimate", "_kept", "_report", "_room", "_total", "estimated")

    def __init__(self, estimate: UsageEstimate | None) -> None:
        self._estimate = estimate
        self._report: dict[str, Any] = {}
        self._kept: list[str] = []
        self._room = SAMPLE_CHARS if estimate else 0
        self._total = 0
        self.estimated = False
        """True once ``result`` had to estimate a count."""

    def add(self, text: str) -> None:
        """Note ``text`` as output."""
        length = len(text)
        self._total += length
        if self._room >= length:
            self._room -= length
            self._kept.append(text)
        elif self._room:
            self._kept.append(text[: self._room])
            self._room = 0

    @property
    def written(self) -> int:
        """Characters of output so far."""
        return self._total

    def note(self, report: object) -> None:
        """Note a usage report of the upstream; a value without counts is ignored."""
        if not isinstance(report, dict):
            return
        # The usual case: servers that report with every chunk report both counts.
        if len(report) > MOST_MEMBERS:
            report = dict(islice(_known_first(report), MOST_MEMBERS))
        if _is_count(report.get("prompt_tokens")) and _is_count(report.get("completion_tokens")):
            self._report = report
        elif usage_from_chat(report) is not None:
            reported = {
                k: v for k, v in report.items() if isinstance(v, dict) or count_in(report, k)
            }
            merged = {**self._report, **reported}
            if "total_tokens" not in reported and "prompt_tokens" in merged:
                # With a total of other counts, the difference would count as thinking.
                merged.pop("total_tokens", None)
            if len(merged) > MOST_MEMBERS:
                merged = dict(islice(_known_first(merged), MOST_MEMBERS))
            self._report = merged

    def reported(self) -> dict[str, Any]:
        """The usage that the upstream reported so far."""
        return usage_from_chat(self._report) or whole_usage(no_usage())

    def result(self) -> dict[str, Any]:
        """The usage of the whole answer, with estimates for counts that are missing or zero."""
        usage = self.reported()
        if self._estimate is None:
            return usage
        if not any(usage[count] for count in INPUT_COUNTS):
            usage["input_tokens"] = self._estimate.count_input()
            self.estimated = True
        if not usage["output_tokens"] and self._total:
            usage["output_tokens"] = self._estimated_output(self._estimate)
            self.estimated = True
        return usage

    def _estimated_output(self, estimate: UsageEstimate) -> int:
        kept = "".join(self._kept)
        return round(estimate.count_output(kept) * self._total / len(kept))
