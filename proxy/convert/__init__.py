"""Pure conversion between Anthropic Messages and Chat Completions: no I/O, clock, environment, log."""
