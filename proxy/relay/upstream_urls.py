"""The URLs of upstream endpoints, cached because computing one takes 5 microseconds per request."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from config import urls
from config.registry.values import Provider
from proxy.providers.profiles import responses_path_for
from proxy.providers.routing import Route

CACHED_URLS = 256
"""Bounded, because clients choose the URLs of dynamic routes."""


class _Location(NamedTuple):
    """The fields of a provider that determine its URLs."""

    base_url: str
    azure_api_version: str


_chat_url = lru_cache(CACHED_URLS)(urls.chat_url)
_messages_url = lru_cache(CACHED_URLS)(urls.messages_url)


def chat_url(route: Route) -> str:
    """The Chat Completions endpoint of ``route``."""
    return _chat_url(_location(route.provider), route.base_path)


def responses_url(route: Route) -> str:
    """The Responses endpoint of ``route``."""
    return _responses_url(_location(route.provider))


def messages_url(provider: Provider) -> str:
    """The Messages endpoint of ``provider``, which must be native."""
    return _messages_url(_location(provider))


def _location(provider: Provider) -> _Location:
    return _Location(provider.base_url, provider.azure_api_version)


@lru_cache(CACHED_URLS)
def _responses_url(location: _Location) -> str:
    base = urlsplit(location.base_url)
    path = responses_path_for(base.netloc, base.path.rstrip("/").removesuffix(urls.CHAT))
    if path is not None:
        location = location._replace(base_url=urlunsplit(base._replace(path=path)))
    return urls.responses_url(location, path)
