"""Estimate the usage that an upstream did not report.

Rule: tokens are counted on demand, those of the request only once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.tokens.count import count_chat_tokens, count_text


class RequestEstimate:
    """Estimated usage of one request and its answer (docs/protocol.md sections 3 and 6)."""

    def __init__(self, chat_body: Mapping[str, Any], encoding: str, *, heavy: bool = False) -> None:
        """``encoding`` is a name from ``encoding_for``; ``chat_body`` must not change later.

        ``heavy``: as for ``count_chat_tokens``.
        """
        self._chat_body = chat_body
        self._heavy = heavy
        self._encoding = encoding
        self._input: int | None = None
        self.used = False
        """True once tokens were counted: the usage of the answer is an estimate."""

    def count_input(self) -> int:
        """Tokens of the request."""
        self.used = True
        if self._input is None:
            self._input = count_chat_tokens(
                self._chat_body, self._encoding, heavy=self._heavy
            ).tokens
        return self._input

    def count_output(self, text: str) -> int:
        """Tokens of the answer's text."""
        self.used = True
        return count_text(text, self._encoding).tokens
