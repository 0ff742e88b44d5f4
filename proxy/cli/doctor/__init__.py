"""What an upstream can do, found out by asking it (``claude-proxy doctor``)."""
