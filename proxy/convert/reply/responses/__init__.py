"""Responses of an upstream -> Anthropic messages and events."""
