"""``claude-proxy replay``: a recording through the present code (docs/observability.md "A bug report")."""
