"""Anthropic Messages requests -> OpenAI Responses requests."""
