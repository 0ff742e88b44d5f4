"""Frameworks that build on the Messages API, each with its own tests or a program, through the proxy."""
