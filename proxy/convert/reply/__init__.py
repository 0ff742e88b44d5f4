"""A Chat Completions answer, whole or streamed -> a Messages answer. Imports nothing from ``convert.request``."""
