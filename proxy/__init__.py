"""Anthropic Messages API in front of any OpenAI-compatible Chat Completions upstream."""

__version__ = "0.1.0"
