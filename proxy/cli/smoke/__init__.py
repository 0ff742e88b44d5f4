"""``claude-proxy smoke``: tests a running proxy as its clients use it."""
