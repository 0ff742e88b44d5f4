"""Mask credentials in text.

Rule: every log line, and every upstream text in an error of this proxy, is masked here before it leaves
the process.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

SHORTEST_SECRET = 8
"""A configured key below this length (``ollama``, ``none``) is masked only in quoted text."""

_KEY_STARTS = ("sk", "rk", "pk", "gsk", "csk", "xai", "hf", "nvapi", "pplx", "fw", "tgp", "r8")
SECRET_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    (("bearer",), re.compile(r"\b(bearer)\s+[^\s\"',;]+", re.IGNORECASE), r"\1 ***"),
    # Only after the header's name, because ``basic`` is a common word.
    (
        ("authorization",),
        re.compile(
            r"((?a:authorization)[\"']?\s{0,4}[:=]\s{0,4}[\"']?basic)\s+[^\s\"',;]+", re.IGNORECASE
        ),
        r"\1 ***",
    ),
    (
        tuple(start + joint for start in _KEY_STARTS for joint in "-_"),
        re.compile(rf"\b(?:{'|'.join(_KEY_STARTS)})[-_][\w*…-]{{3,}}"),
        "***",
    ),
    (("aiza",), re.compile(r"\bAIza[\w*-]{10,}"), "***"),
    # A key that the upstream shortened: both ends are still parts of the key.
    (("***",), re.compile(r"(?<![\w-])(?:[\w-]+\*{3,}[\w*-]*|\*{3,}[\w*-]+)"), "***"),
    (("://",), re.compile(r"://[^/@\s]+@"), "://***@"),
    (
        ("key=", "token="),
        re.compile(r"\b(api[-_]?key|access_token|key|token)=[^&\s\"']+", re.IGNORECASE),
        r"\1=***",
    ),
)
"""Words, pattern and replacement. A pattern is tried only if one of its words occurs in the lower-case
text. This takes a tenth of the time of all patterns, which matters because every log line is masked."""
_WORDS = tuple(word for words, _, _ in SECRET_PATTERNS for word in words)


def mask_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` with everything that is or looks like a credential replaced by ``***``.

    A secret of fewer than 8 characters (``ollama``, ``none``) is not masked: it is a placeholder, and
    ordinary words would be masked with it (``mask_short_secrets``).
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "***")
    lower = text.lower()
    for word in _WORDS:
        if word in lower:
            break
    else:
        return text
    for words, pattern, replacement in SECRET_PATTERNS:
        if any(word in lower for word in words):
            text = pattern.sub(replacement, text)
            # The replacement may contain the word of a later pattern.
            lower = text.lower()
    return text


def mask_short_secrets(text: str, secrets: Iterable[str]) -> str:
    """``text`` with each secret of fewer than 8 characters replaced by ``***`` where it is a word.

    For text of clients and upstreams that a log line quotes.
    """
    short = [re.escape(secret) for secret in secrets if 0 < len(secret) < SHORTEST_SECRET]
    if not short:
        return text
    return re.sub(rf"(?<![\w-])(?:{'|'.join(short)})(?![\w-])", "***", text)
