"""What a client and the log are told of an upstream that answers 401.

Rule: the refused key may be one that the client has never seen, so the message says whose it is and where
it is set. A native upstream's own error reaches the client unchanged.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from config.registry.values import Provider
from proxy.access.auth import ANTHROPIC_START
from proxy.api.candidates import anthropic_credential
from proxy.api.context import runtime
from proxy.errors import UpstreamError
from proxy.failures.key_scope import concerns_request

log = logging.getLogger(__name__)

WITHHELD = (
    f"A client's credential that begins with {ANTHROPIC_START} is sent to native upstreams only:"
    " send the key of this upstream, or set it here (OPENAI_API_KEY, or api_key in the registry)"
)
OWN_KEY = "The proxy's own key was refused, not the client's: its operator sets it by {place}"
TOLD_AGAIN = 60.0
"""Seconds until the log is told again of a provider's key."""


@contextmanager
def refused_key_named(provider: Provider) -> Iterator[None]:
    """Within the block, the error for a 401 of ``provider`` says which key was refused or not sent."""
    try:
        yield
    except UpstreamError as error:
        if error.status == 401:
            _name(provider, error)
        raise


def _name(provider: Provider, error: UpstreamError) -> None:
    if not provider.api_keys:
        if not provider.native and anthropic_credential() is not None:
            error.message = f"{_sentence(error)} {WITHHELD}"
        return
    if concerns_request(error, wait_stated=False):
        return
    place = _place(provider)
    if runtime().models.is_news(f"refused key {provider.name}", TOLD_AGAIN):
        log.warning("%s refuses the proxy's key (401): correct %s", provider.name, place)
    error.message = f"{_sentence(error)} {OWN_KEY.format(place=place)}"


def _sentence(error: UpstreamError) -> str:
    return f"{error.message.rstrip().removesuffix('.')}."


def _place(provider: Provider) -> str:
    registry = runtime().registry
    if provider.name == registry.default.name and not registry.default_is_registered:
        return "OPENAI_API_KEY"
    return "the provider's key in the registry file"
