"""What a native Anthropic upstream is sent and answers, with the least possible change.

Rule: pure; bytes stay the bytes they were, apart from the places that docs/protocol.md section 8
names.
"""
