"""Tool calls that a model wrote as text, because its server has no parser for them -> tool calls.

Rule: markup that ends an answer is calls only if all of it is certain: complete, of declared tools,
at a place where a model writes calls, and not quoted from the request. Everything else stays text
(docs/protocol.md section 3).
"""
