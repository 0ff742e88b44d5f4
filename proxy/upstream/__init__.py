"""Calls to the upstream: the only package that imports requests and urllib3."""
