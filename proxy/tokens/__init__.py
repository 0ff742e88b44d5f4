"""Counting and estimating tokens."""

from proxy.tokens.count import TokenCount, count_chat_tokens, count_text
from proxy.tokens.encodings import encoding_for
from proxy.tokens.estimate import cheap_estimate, estimate_tokens
from proxy.tokens.tables import load_tables
from proxy.tokens.usage import RequestEstimate

__all__ = [
    "RequestEstimate",
    "TokenCount",
    "cheap_estimate",
    "count_chat_tokens",
    "count_text",
    "encoding_for",
    "estimate_tokens",
    "load_tables",
]
