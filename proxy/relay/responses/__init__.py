"""Responses as an upstream protocol."""
