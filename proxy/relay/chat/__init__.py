"""Chat Completions as an upstream protocol."""
