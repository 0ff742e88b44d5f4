"""Estimated input tokens of requests whose upstream reports no usage or is not chosen yet.

Rule: counted as the equivalent Chat Completions request, for every upstream; a request that cannot be
converted is counted by its bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.concurrency import LONG_BYTES, run_off_loop
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.errors import InvalidRequest
from proxy.providers.profiles.base import Profile
from proxy.relay.upstream_call import encoded
from proxy.schemas import load_count_request
from proxy.tokens import cheap_estimate, count_chat_tokens
from proxy.tokens.estimate import BYTES_PER_TOKEN


def body_estimate(body: bytes) -> int:
    """Cheap estimate of the input tokens of a Messages request that was not validated."""
    try:
        return request_estimate(load_count_request(body))
    except InvalidRequest:
        return len(body) // BYTES_PER_TOKEN


def request_estimate(request: Mapping[str, Any]) -> int:
    """Cheap estimate of the input tokens of a validated Messages request."""
    try:
        return cheap_estimate(_converted(request))
    except InvalidRequest:
        # Only a native upstream accepts such a request.
        return len(encoded(request)) // BYTES_PER_TOKEN


class NativeEstimate:
    """Input tokens of the Messages request in ``body`` if a native upstream reports no usage.

    ``encoding`` is a name from ``encoding_for``. Long requests are read and counted in a thread.
    """

    def __init__(self, body: bytes, encoding: str) -> None:
        self._body = body
        self._encoding = encoding

    def cheap(self) -> int:
        """Cheap estimate of the input tokens, for an answer that broke off."""
        chat = self._read()
        return len(self._body) // BYTES_PER_TOKEN if chat is None else cheap_estimate(chat)

    def count(self) -> int:
        """Count of the input tokens, for a complete answer that does not report them."""
        chat = self._read()
        try:
            if chat is not None:
                return count_chat_tokens(chat, self._encoding, native=True).tokens
        except InvalidRequest:
            # A schema is nested too deeply to be counted.
            pass
        return len(self._body) // BYTES_PER_TOKEN

    def _read(self) -> Mapping[str, Any] | None:
        if len(self._body) < LONG_BYTES:
            return _chat(self._body)
        return run_off_loop(_chat, self._body)


def _chat(body: bytes) -> Mapping[str, Any] | None:
    """The Chat Completions body; None for a request that only a native upstream accepts."""
    try:
        return _converted(load_count_request(body))
    except InvalidRequest:
        return None


def _converted(request: Mapping[str, Any]) -> Mapping[str, Any]:
    # PDFs are counted by their pages: reading them takes seconds, and this may run on the loop.
    return message_request_to_chat(request, Profile(pdf="file"), model="", max_tokens=None).body
