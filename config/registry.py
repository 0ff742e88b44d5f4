"""The upstreams that this proxy can send to.

Rule: a provider is a value; whether it has a key of its own decides its mode (docs/features.md
"Modes and authentication"). The environment describes one provider.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import MappingProxyType
from urllib.parse import urlsplit

from config.settings import Settings

# Second-level labels that many registrants share, as in example.co.uk.
_CREDENTIAL_HEADER = re.compile("auth|cookie|key|secret|token")
_SHARED_LABELS = frozenset({"ac", "co", "com", "edu", "gov", "net", "org"})


@dataclass(frozen=True, slots=True)
class Provider:
    """One upstream: where it is and how it is called."""

    name: str
    base_url: str
    api_key: str | None = field(default=None, repr=False)
    """The server's own key; None passes the client's key through."""
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Lower-case names, so that one given here replaces ours instead of standing beside it."""
    azure_api_version: str = "2024-10-21"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Its key and the credentials among its headers: nobody but the provider may see them."""
        held = [
            value.rpartition(" ")[2]
            for name, value in self.extra_headers.items()
            if _CREDENTIAL_HEADER.search(name)
        ]
        return tuple(held) if self.api_key is None else (self.api_key, *held)


def environment_provider(settings: Settings) -> Provider:
    """The provider that OPENAI_BASE_URL and OPENAI_API_KEY describe."""
    return Provider(
        name=provider_name(settings.openai_base_url),
        base_url=settings.openai_base_url,
        api_key=settings.openai_api_key,
        extra_headers=MappingProxyType(
            {name.lower(): value for name, value in settings.custom_headers}
        ),
        azure_api_version=settings.azure_api_version,
    )


def mode(providers: Iterable[Provider]) -> str:
    """``fixed`` when every provider has its own key, ``passthrough`` when none has, or ``mixed``."""
    own_key = {provider.api_key is not None for provider in providers}
    if len(own_key) > 1:
        return "mixed"
    return "fixed" if own_key == {True} else "passthrough"


def provider_name(base_url: str) -> str:
    """The host's second-level label: ``https://api.openai.com/v1`` is ``openai``."""
    host = urlsplit(base_url).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        labels = host.rstrip(".").split(".")
    else:
        return host
    if len(labels) > 2 and labels[-2] in _SHARED_LABELS:
        return labels[-3]
    return labels[-2] if len(labels) > 1 else labels[0]
