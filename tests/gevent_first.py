"""Patches the standard library before any other plugin imports ssl, as the service itself does."""

from gevent import monkey

monkey.patch_all()
