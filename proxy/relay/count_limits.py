"""Limits for calls that count tokens, of every protocol."""

COUNT_SECONDS = 30.0
"""Longest wait for a count; counting locally takes milliseconds."""
COUNT_BYTES = 4_000_000
"""Longest answer to a count; one token needs a few hundred bytes."""
