"""Logs, metrics, traces, statistics and accounting of requests."""
