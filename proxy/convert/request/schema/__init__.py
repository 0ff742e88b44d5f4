"""JSON Schemas of tools and answers in the dialect that an upstream accepts (docs/protocol.md 1.8)."""
