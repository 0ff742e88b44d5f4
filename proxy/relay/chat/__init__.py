"""Calls of Chat Completions upstreams."""
