"""A Messages request -> a Chat Completions request."""
