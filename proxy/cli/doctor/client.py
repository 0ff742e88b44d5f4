"""Sends the doctor's probes to an upstream: one request, one answer, in bounded time.

Rule: the credential is used only in the request; every failure is an ``UpstreamError`` whose message
contains no key. Headers are those of the service; where it passes the client's ``User-Agent`` on, the
doctor sends Claude Code's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import gevent

from proxy.cli.doctor.answers import Answer
from proxy.cli.doctor.forms import form_of
from proxy.errors import UpstreamError, UpstreamTimeout
from proxy.ids import new_request_id
from proxy.providers.profiles.base import Profile
from proxy.providers.routing import Route
from proxy.relay.cancellation import Exchange
from proxy.relay.native.headers import DEFAULT_VERSION, credential
from proxy.relay.protocol import upstream_headers
from proxy.relay.upstream_call import UpstreamCall, decoded, encoded, fetch
from proxy.relay.upstream_urls import messages_url
from proxy.telemetry.request_record import RequestRecord
from proxy.upstream.event_decoder import ChunkDecoder, sniff
from proxy.upstream.session import UpstreamClient

PROBE_SECONDS = 60.0
"""Longest wait for one answer, to its last byte."""
MAX_ANSWER_BYTES = 4 * 1024 * 1024
CLIENT_AGENT = "claude-cli/2.1.197 (external, cli)"
"""The ``User-Agent`` of Claude Code, where the service would send its client's."""
SHORTEST_SECRET = 8
"""Characters of an extra header's value that may be a key."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProbeClient:
    """Sends probes to the upstream of a route."""

    route: Route
    client: UpstreamClient
    key: str | None = field(repr=False)
    seconds: float = PROBE_SECONDS

    def ask(self, body: Mapping[str, Any], profile: Profile) -> Answer:
        """The upstream's answer to a body in the protocol of ``profile``, which says whose agent is sent.

        Raises ``UpstreamError`` for a refusal or a broken answer, ``UpstreamTimeout`` after
        ``seconds``.
        """
        return self._bounded(lambda: self._ask(body, profile))

    def ask_native(self) -> None:
        """Ask a native upstream for a short message; raises what ``ask`` raises."""
        body = {
            "model": self.route.model,
            "max_tokens": 16,
            "messages": [{"role": "user", "content": "Hello"}],
        }
        self._bounded(lambda: self._ask_native(body))

    def _bounded(self, call: Callable[[], T]) -> T:
        limit = gevent.Timeout(self.seconds)
        try:
            with limit:
                return call()
        except gevent.Timeout as timeout:
            if timeout is not limit:
                raise
            raise UpstreamTimeout(f"no answer within {self.seconds:g} s") from timeout

    def _ask(self, body: Mapping[str, Any], profile: Profile) -> Answer:
        route, stream = self.route, body.get("stream") is True
        headers = upstream_headers(
            route.provider,
            self.key,
            new_request_id(),
            stream=stream,
            client_agent=CLIENT_AGENT if profile.user_agent == "client" else "",
        )
        form = form_of(profile)
        data, content_type = self._fetch(form.url(route), headers, body)
        kind = sniff(data, content_type)
        if kind == "sse":
            decoder = ChunkDecoder()
            return form.read_chunks([*decoder.feed(data), *decoder.finish()], self._secrets)
        if kind == "json":
            return form.read_whole(decoded(data), self._secrets)
        raise UpstreamError("the upstream's answer is neither JSON nor an event stream")

    def _ask_native(self, body: Mapping[str, Any]) -> None:
        provider = self.route.provider
        headers = {"anthropic-version": DEFAULT_VERSION, **credential(self.key, {}, own=True)}
        headers |= upstream_headers(provider, None, new_request_id(), client_agent=CLIENT_AGENT)
        self._fetch(messages_url(provider), headers, body)

    def _fetch(
        self, url: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> tuple[bytes, str]:
        record = RequestRecord(new_request_id(), "", "POST", url)
        record.upstream_model = self.route.model
        call = UpstreamCall(
            method="POST",
            url=url,
            headers=headers,
            body=encoded(body),
            client=self.client,
            exchange=Exchange(),
            record=record,
            first_byte_seconds=self.seconds,
            silence_seconds=self.seconds,
            secrets=self._secrets,
        )
        return fetch(call, limit=MAX_ANSWER_BYTES)

    @property
    def _secrets(self) -> tuple[str, ...]:
        """Values that are masked in an upstream's error message."""
        values = self.route.provider.extra_headers.values()
        likely = [value for value in values if len(value) >= SHORTEST_SECRET]
        return (*likely, *([self.key] if self.key else []))
