"""Recordings of exchanges: their format, masking and files (docs/observability.md "A bug report")."""
