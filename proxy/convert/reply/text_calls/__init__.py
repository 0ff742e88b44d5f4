"""Converts tool calls that a model wrote as text, because its server does not parse them.

Rule: markup becomes calls only if it ends the answer, is complete, names declared tools, stands where a
model writes calls, and is not quoted from the request. All other markup stays text (docs/protocol.md
section 3).
"""
