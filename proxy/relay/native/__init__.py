"""Calls of native upstreams, which speak the Messages API.

Rule: requests and answers pass unchanged, byte for byte, but for what docs/protocol.md section 8 names.
"""
