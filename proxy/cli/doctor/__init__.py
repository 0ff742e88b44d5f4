"""``claude-proxy doctor``: tests what an upstream supports."""
