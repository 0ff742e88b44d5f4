"""Calls of native upstreams, which speak the Messages API.

Rule: requests and answers are passed on unchanged, byte for byte, except for what docs/protocol.md
section 8 names.
"""
