"""Calls to the upstream: the only package that imports requests, urllib3 and sseclient."""
