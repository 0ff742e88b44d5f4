"""``claude-proxy init``: asks for provider, key and models, tests them and writes the configuration."""
