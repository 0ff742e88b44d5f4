"""Hostile clients and upstreams, and everything that must not get out."""
