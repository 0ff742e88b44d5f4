"""Recognises a context overflow in an upstream's error, and writes the message that Claude Code expects.

Rule: Claude Code recognises exactly two sentences, after which it compacts or requests less output
(docs/protocol.md section 5 and 10.6). Every number in them was stated by the upstream.
"""

from __future__ import annotations

import re

from proxy.failures.error_body import ErrorFacts

CODES = frozenset(
    {
        "1261",  # GLM
        "context_length_exceeded",
        "context_window_exceeded",
        "exceed_context_size_error",  # llama.cpp
        "model_context_window_exceeded",
        "model_max_prompt_tokens_exceeded",
        "tokens_limit_reached",  # GitHub Models
    }
)


def _any(*patterns: str) -> re.Pattern[str]:
    """One pattern that matches any of ``patterns``; ``<N>`` is a number of tokens."""
    number = r"(?<![\d,])(\d[\d,]{0,14})(?![\d,]\d)"
    return re.compile("|".join(patterns).replace("<N>", number), re.IGNORECASE)


_TOO_LARGE = (
    r"\b(?:request|payload|body|prompt|messages?|conversation|input|content)(?: body| entity)?"
    r"(?: is| are)? too (?:large|big|long)\b"
)
_OVERFLOW = _any(
    r"maximum (?:context|prompt|model) length",
    r"context[ _]length[ _]exceeded",
    r"context length is only",
    r"exceeds? (?:the |this |its |max |maximum |model'?s? |available )*context",
    r"exceeded (?:max )?context",
    r"context window exceeds",
    r"configured context size",
    r"(?:greater|longer|larger) than the (?:model'?s )?(?:maximum )?context",
    r"context the overflows",
    r"exceeds the max_(?:model|seq)_len",
    r"exceeds max_(?:model|seq)_len",
    r"must be (?:less|smaller) than max_(?:model|seq)_len",
    r"(?:prompt|input)(?: is)? too long",
    r"prompt exceeds max length",
    r"input length (?:and|exceeds|<N> exceeds|\(<N>\) exceeds)",
    r"input tokens exceed",
    r"input token count .{0,80}(?:exceeds|supports up to)",
    r"prompt token count of <N> exceeds",
    r"exceeded model token limit",
    r"range of input length should be",
    r"too large for model with",
    r"inputs?`? tokens \+ `?max_new_tokens`? must be",
    r"reduce the length of the (?:messages|input|prompt)",
    r"token length exceed",
    r"exceed max message tokens",
    r"too many tokens",
    r"token limit exceeded",
    _TOO_LARGE + r".{0,200}?\d ?tokens\b",
    # The server computed the rest of the window, since no client requests a negative number.
    r"max_?(?:completion_?|output_?|new_?)?tokens\b.{0,120}?\b(?:got|given|received|found|provided"
    r"|(?:input|value)(?=[:=]))\W{0,3}(?:-\d|0\b)",
    r"(?:上下文|输入|prompt).{0,12}(?:超长|超过|超出)",
)
_THROTTLE = re.compile(r"per[ -](?:minute|day|hour)|rate.?limit|throttl|\bTPM\b|wait before", re.I)
_WINDOW = _any(
    r"(?:context|prompt|model) length (?:is|of)(?: only)? <N>",
    r"context (?:length|size) \(<N>",
    r"configured context size is <N>",
    r"with <N> maximum context",
    r"max_(?:model|seq)_len(?: of)? \(?<N>",
    r"model token limit: <N>",
    r"exceeds the limit of <N>",
    r"limit(?: is| of) <N>",
    r"allowed input length of <N>",
    r"exceeds the maximum length (?:of )?<N>",
    r"number of tokens allowed \(<N>\)",
    r"supports up to <N>",
    r"must be <= <N>",
    r"> <N> maximum",
    r"context limit: <N> \+ <N> > <N>",
    r"max(?:imum)? (?:size|allowed|length)(?: is|:) <N> tokens",
)
_PROMPT = _any(
    r"<N> (?:tokens )?in the messages",
    r"<N> (?:tokens )?from the input",
    r"<N> of text input",
    r"<N> in your prompt",
    r"<N> input tokens",
    r"Given: <N> `?inputs",
    r"input token count (?:\(|is )<N>",
    r"input \(<N> tokens",
    r"prompt \(length <N>",
    r"(?:input|prompt) length \(?<N>",
    r"prompt token count of <N>",
    r"length of prompt_tokens \(<N>",
    r"prompt (?:has|contains) (?:at least )?<N> tokens",
    r"request contains <N> tokens",
    r"request \(<N> tokens",
    r"requested: <N>\)",
    r"current length is <N>",
    r"keep the first <N> tokens",
    r"too long: <N>",
    r"too (?:large|long|big): <N> tokens",
)
_MORE_PROMPT = _any(r"<N> in the functions", r"<N> of tool input")
_OUTPUT = _any(
    r"<N> (?:tokens )?(?:in|for) the (?:completion|output)",
    r"requested <N> output tokens",
    r"too large: <N>",
    r"<N> `?max_new_tokens",
)
_TOTAL = _any(
    r"requested (?:about |a total of )?<N> tokens",
    r"total of (?:at least )?<N> tokens",
    r"(?:messages|prompt) resulted in <N>",
)
_RATE_OF_TOKENS = re.compile(r"tokens?[ -]per[ -](?:min|hour|day)|\bTP[MHD]\b", re.IGNORECASE)
_RATE_LIMIT = _any(r"\blimit(?: is| of|:)? <N>")
_REQUESTED = _any(r"\brequest(?:ed|s)?(?: about|:)? <N>", r"<N> tokens (?:were )?requested")
_LARGE_REQUEST = re.compile(_TOO_LARGE, re.IGNORECASE)


def overflow_message(facts: ErrorFacts) -> str | None:
    """The message for an overflow; None for any other error.

    Without usable numbers it is ``prompt is too long: `` and the upstream's text.
    """
    text = facts.message
    known = facts.code in CODES or facts.kind in CODES
    if not known and (not _OVERFLOW.search(text) or _THROTTLE.search(text)):
        return None
    if text.lower().startswith(("prompt is too long: ", "input length and `max_tokens` exceed")):
        return text
    prompt, output, window = _numbers(facts)
    if prompt and output and window and prompt <= window < prompt + output:
        return (
            f"input length and `max_tokens` exceed context limit: {prompt} + {output} > {window},"
            " decrease input length or `max_tokens` and try again"
        )
    if prompt and window and prompt >= window:
        return f"prompt is too long: {prompt} tokens > {window} maximum"
    return f"prompt is too long: {text}"


def rate_overflow_message(facts: ErrorFacts) -> str | None:
    """The message for a request that is larger than a whole token rate limit, so a retry cannot succeed.

    None for a rate limit that is exhausted at the moment.
    """
    text = facts.message
    if not _RATE_OF_TOKENS.search(text):
        return None
    limit, requested = _first(_RATE_LIMIT, text), _first(_REQUESTED, text)
    if limit and requested:
        if requested <= limit:
            return None
        return f"prompt is too long: {requested} tokens > {limit} maximum"
    return f"prompt is too long: {text}" if _LARGE_REQUEST.search(text) else None


def _numbers(facts: ErrorFacts) -> tuple[int | None, int | None, int | None]:
    """Tokens of the prompt, of the requested output and of the window, as far as stated."""
    prompt, window = facts.details.get("n_prompt_tokens"), facts.details.get("n_ctx")
    if isinstance(prompt, int) and isinstance(window, int):
        return prompt, None, window
    text = facts.message
    prompt, output, window = _first(_PROMPT, text), _first(_OUTPUT, text), _first(_WINDOW, text)
    if prompt is not None:
        return prompt + (_first(_MORE_PROMPT, text) or 0), output, window
    total = _first(_TOTAL, text)
    if total is not None:
        prompt = total - (output or 0)
    return prompt, output, window


def _first(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.search(text)
    if match is None:
        return None
    return int(next(group for group in match.groups() if group).replace(",", ""))
