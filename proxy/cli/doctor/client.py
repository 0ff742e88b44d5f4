"""The way to an upstream for probes: one request, one answer, in bounded time.

Rule: nothing of the credential leaves this module but in the request; whatever fails is an
``UpstreamError`` whose words hold no key.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import gevent

from proxy.cli.doctor.answers import Answer, answer_from_chunks, answer_from_completion
from proxy.errors import UpstreamError, UpstreamTimeout
from proxy.failures.classify import failure_from_answer
from proxy.ids import new_request_id
from proxy.providers.routing import Route
from proxy.relay.call import decoded, encoded, upstream_headers
from proxy.relay.native.headers import DEFAULT_VERSION, credential
from proxy.upstream.event_decoder import ChunkDecoder, sniff
from proxy.upstream.session import UpstreamClient, UpstreamResponse

PROBE_SECONDS = 60.0
"""Longest wait for one answer, to its last byte."""
MAX_ANSWER_BYTES = 4 * 1024 * 1024
SHORTEST_SECRET = 8
"""Characters of an extra header's value that may be a key."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Line:
    """Sends probes along a route."""

    route: Route
    client: UpstreamClient
    key: str | None = field(repr=False)
    seconds: float = PROBE_SECONDS

    def ask(self, body: Mapping[str, Any]) -> Answer:
        """The upstream's answer to a Chat Completions body.

        Raises ``UpstreamError`` for a refusal or a broken answer, ``UpstreamTimeout`` after
        ``seconds``.
        """
        return self._bounded(lambda: self._ask(body))

    def greet_native(self) -> None:
        """Ask a native upstream for a few words; raises what ``ask`` raises."""
        body = {
            "model": self.route.model,
            "max_tokens": 16,
            "messages": [{"role": "user", "content": "Hello"}],
        }
        self._bounded(lambda: self._greet(body))

    def _bounded(self, call: Callable[[], T]) -> T:
        limit = gevent.Timeout(self.seconds)
        try:
            with limit:
                return call()
        except gevent.Timeout as timeout:
            if timeout is not limit:
                raise
            raise UpstreamTimeout(f"no answer within {self.seconds:g} s") from timeout

    def _ask(self, body: Mapping[str, Any]) -> Answer:
        provider = self.route.provider
        headers = upstream_headers(
            provider, self.key, new_request_id(), stream=body.get("stream") is True
        )
        response = self.client.post(self.route.chat_url, headers, encoded(body))
        try:
            return self._read(response)
        finally:
            response.close()

    def _greet(self, body: Mapping[str, Any]) -> None:
        headers = {"anthropic-version": DEFAULT_VERSION, **credential(self.key, {}, own=True)}
        headers |= upstream_headers(self.route.provider, None, new_request_id())
        response = self.client.post(self.route.messages_url, headers, encoded(body))
        try:
            self._whole(response)
        finally:
            response.close()

    def _whole(self, response: UpstreamResponse) -> bytes:
        data = response.read_all(MAX_ANSWER_BYTES)
        if not 200 <= response.status < 300:
            raise failure_from_answer(
                response.status,
                decoded(data),
                headers=response.headers,
                model=self.route.model,
                now=time.time(),
                secrets=self._secrets,
            )
        return data

    def _read(self, response: UpstreamResponse) -> Answer:
        data = self._whole(response)
        kind = sniff(data, response.headers.get("content-type"))
        if kind == "sse":
            decoder = ChunkDecoder()
            return answer_from_chunks([*decoder.feed(data), *decoder.finish()], self._secrets)
        if kind == "json":
            return answer_from_completion(decoded(data), self._secrets)
        raise UpstreamError("the upstream's answer is neither JSON nor an event stream")

    @property
    def _secrets(self) -> tuple[str, ...]:
        """What must not be repeated from an upstream's words."""
        values = self.route.provider.extra_headers.values()
        likely = [value for value in values if len(value) >= SHORTEST_SECRET]
        return (*likely, *([self.key] if self.key else []))
