"""Logs, metrics, traces and statistics of finished requests."""
