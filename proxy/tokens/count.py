"""Counting tokens with tiktoken.

Rule: text that the tokenizer cannot process is estimated, and a long count runs in a thread, so that
it does not block the event loop (docs/protocol.md section 6).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal

from tiktoken import Encoding

from proxy.concurrency import run_if_heavy, run_off_loop
from proxy.tokens.documents import pdf_tokens
from proxy.tokens.estimate import estimate_tokens
from proxy.tokens.pieces import Pieces
from proxy.tokens.response_pieces import body_pieces
from proxy.tokens.tables import is_loaded, load_table, problem_of

log = logging.getLogger(__name__)

SLICE_CHARS = 4000
"""Characters that are tokenized in one call: for text without word breaks tiktoken's time and stack
grow faster than its length. Slicing changes a count by 0.1 %."""

INLINE_CHARS = 20_000
"""Longest text that is counted without a thread; that takes about 1 ms."""

_LOADING = Lock()

Method = Literal["tiktoken", "estimate"]


@dataclass(frozen=True, slots=True)
class TokenCount:
    """A number of tokens, and how it was found (the header ``x-token-counting``)."""

    tokens: int
    method: Method


def count_chat_tokens(
    chat_body: Mapping[str, Any], encoding: str, *, native: bool = False, heavy: bool = False
) -> TokenCount:
    """Input tokens of a Chat Completions or Responses body, by the table of docs/protocol.md section 6.

    ``encoding`` is a name from ``encoding_for``; without its table tokens are estimated. ``native``:
    the upstream speaks the Messages API. ``heavy``: even collecting the texts takes long. Raises
    InvalidRequest for a schema that is nested too deeply.
    """
    return _count(run_if_heavy(heavy, body_pieces, chat_body, native=native), encoding)


def count_text(text: str, encoding: str) -> TokenCount:
    """Tokens of one text, such as an answer, without those of the message format."""
    return _count(Pieces(texts=[text]), encoding)


def _count(pieces: Pieces, encoding: str) -> TokenCount:
    size = sum(map(len, pieces.texts)) + sum(map(len, pieces.pdfs))
    if not is_loaded(encoding):
        _load(encoding)
    if size <= INLINE_CHARS:
        return _total(pieces, encoding)
    return run_off_loop(_total, pieces, encoding)


def _load(encoding: str) -> None:
    """Load the table of ``encoding`` in a thread; other requests go on, also those that count."""
    # The greenlets that need the same table wait here, so that they occupy no more than one thread.
    with _LOADING:
        if not is_loaded(encoding):
            run_off_loop(load_table, encoding)
            if problem := problem_of(encoding):
                log.warning("tokens are estimated: %s", problem)


def _total(pieces: Pieces, name: str) -> TokenCount:
    table = load_table(name)
    method: Method = "tiktoken" if table else "estimate"
    text_tokens = sum(_text_tokens(table, text) for text in pieces.texts)
    media = pieces.image_tokens + sum(map(pdf_tokens, pieces.pdfs))
    return TokenCount(pieces.overhead + text_tokens + media, method)


def _text_tokens(table: Encoding | None, text: str) -> int:
    if table is None:
        return estimate_tokens(text)
    if len(text) <= SLICE_CHARS:
        return _slice_tokens(table, text)
    starts = range(0, len(text), SLICE_CHARS)
    return sum(_slice_tokens(table, text[start : start + SLICE_CHARS]) for start in starts)


def _slice_tokens(table: Encoding, text: str) -> int:
    try:
        return len(table.encode_ordinary(text))
    except BaseException as error:
        # A panic in tiktoken's Rust code is not an Exception, and its class cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        return estimate_tokens(text)
