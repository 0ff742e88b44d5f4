"""Responses upstreams: the protocol, the codec of its streams, and its count of tokens."""
