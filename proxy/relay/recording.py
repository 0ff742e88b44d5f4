"""Records one exchange: the client's request, each upstream call, and what the client got.

Rule: the request's greenlets only collect; the writer's thread masks, encodes and writes. Nothing here
changes what is sent or raises what was not raised without it.
"""

from __future__ import annotations

import secrets as random_source
import time
from collections.abc import Iterable
from time import monotonic
from typing import Any

from config.registry.values import Registry
from config.settings import Settings
from proxy import __version__
from proxy.errors import ClientGone, ProxyError, UpstreamError
from proxy.ids import SeededIds
from proxy.providers.routing import Route
from proxy.relay.call import Call
from proxy.relay.cancellation import Exchange
from proxy.relay.recorded_setup import recorded_registry, recorded_route, recorded_settings
from proxy.relay.upstream_call import UpstreamCall
from proxy.telemetry.recording.directory import RecordingDirectory, file_name
from proxy.telemetry.recording.file import FILE_BYTES, RecordingFile
from proxy.telemetry.recording.format import FORMAT, VERSION
from proxy.telemetry.recording.masking import Secrets, credentials_in, credentials_in_query
from proxy.telemetry.recording.writer import RecordingWriter
from proxy.telemetry.uncaught import Logged
from proxy.upstream.session import UpstreamResponse
from proxy.upstream.tapped import TappedResponse, header_pairs

Pairs = Iterable[tuple[str, str]]
_GUARD = Logged()
"""A bug of the recording is logged and does not fail the request."""


class Recorder:
    """What the recordings of a worker share."""

    def __init__(self, directory: str, settings: Settings, registry: Registry) -> None:
        self.writer = RecordingWriter(RecordingDirectory(directory))
        own = settings.auth_keys
        self.secrets = Secrets(configured_secrets(settings, registry), own)
        self._registry = registry
        self._setup = {"settings": recorded_settings(settings), "auth": bool(own)}
        self._part = recorded_registry(registry)

    def setup(self, method: str) -> dict[str, Any]:
        """The configuration for an exchange with a request of ``method``; a GET lists models."""
        whole = method == "GET"
        part = recorded_registry(self._registry, whole=True) if whole else self._part
        return {**self._setup, "registry": part}

    def close(self) -> None:
        """Write what is queued; to be called when the worker ends."""
        self.writer.close()


class Recording:
    """One exchange. Its file begins with the first upstream call or with the answer."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._started = time.time()
        self._since = monotonic()
        self.ids = SeededIds(random_source.token_hex(16))
        self._file: RecordingFile | None = None
        self._request: dict[str, Any] = {}
        self._body: list[bytes] = []
        self._body_bytes = 0
        """Length of the client's body so far, as it is sent."""
        self._calls = 0
        self._incomplete = False
        self._limit = 0
        """What was exceeded, in bytes, if something was too long for the file."""
        self._gone = False
        """Whether a call was ended because the client left."""
        self.skipped = False
        """True for a request that is not recorded, such as a probe."""

    def request(self, method: str, target: str, headers: list[tuple[str, str]]) -> None:
        """The client's request, before its body is read."""
        self._request = {"method": method, "target": target, "headers": headers}

    def body_piece(self, data: bytes) -> None:
        """A part of the client's body, as it was sent."""
        if not self.skipped and self._file is None:
            self._body_bytes += len(data)
            if self._body_bytes <= FILE_BYTES:
                self._body.append(data)
            else:
                # It will not fit into the file; the service holds it once already.
                self._body.clear()

    def admit(self, request_id: str) -> None:
        """The request has the id ``request_id`` and may call upstreams."""
        self._request["request_id"] = request_id

    def begin_call(self, call: Call) -> None:
        """A route was chosen: record it, its fallbacks and what is known of their upstreams."""
        with _GUARD:
            known = [
                secret
                for each in call.candidates
                for secret in _keys_of(each.target, each.keys.keys)
            ]
            self._begin(known)
            self._put("route", **recorded_route(call))

    def send(self, call: UpstreamCall, purpose: str) -> UpstreamResponse:
        """Send ``call`` as it is sent without a recording."""
        self._calls += 1
        number = self._calls
        with _GUARD:
            self._begin(call.secrets)
            self._put("call", call=number, purpose=purpose, **_sent(call))
        try:
            response = call.exchange.run(
                call.client.send, call.method, call.url, call.headers, call.body
            )
        except ProxyError as error:
            self._put("failure", call=number, **_failure(error))
            raise
        self._put(
            "head", call=number, status=response.status, headers=header_pairs(response.headers)
        )
        return TappedResponse(response, _Reads(self, number, call.exchange))

    def pause(self, exchange: Exchange, seconds: float) -> None:
        """Wait before the next attempt."""
        exchange.pause(seconds)

    def answer(self, status: str, headers: Pairs) -> None:
        """The head of the answer. A request that was refused before its body was read is not recorded."""
        code = int(status.partition(" ")[0])
        if self._file is None and code >= 400 and not self._body_bytes:
            self.skipped = True
        with _GUARD:
            self._begin()
            self._put("answer", status=code, headers=list(headers))

    def sent(self, data: bytes) -> None:
        """A piece of the answer, as it is written to the client."""
        self._put("sent", data=data)

    def done(self, outcome: str) -> None:
        """The exchange is over: ``complete``, ``client left`` or ``aborted``."""
        self._put("done", outcome="client left" if self._gone else outcome)

    def _begin(self, secrets: Iterable[str] = ()) -> None:
        """Add ``secrets``; at the first call, write the beginning of the file."""
        if self.skipped or "request_id" not in self._request:
            return
        if self._file is not None:
            self._file.secrets.add(*secrets)
            return
        masked = self._recorder.secrets.copy()
        headers = self._request["headers"]
        masked.add(
            *credentials_in(headers), *credentials_in_query(self._request["target"]), *secrets
        )
        self._file = RecordingFile(file_name(self._started, self._request["request_id"]), masked)
        started = {"started": self._started, "seed": self.ids.seed}
        self._put("recording", format=FORMAT, version=VERSION, program=__version__, **started)
        self._put("setup", **self._recorder.setup(self._request["method"]))
        encoding = next((value for name, value in headers if name == "content-encoding"), None)
        body = {} if encoding is None else {"encoding": encoding.strip().lower()}
        whole = self._body_bytes <= FILE_BYTES
        data = {"data": b"".join(self._body)} if whole else {}
        self._put("request", **self._request, **body, **data)
        if not whole:
            self._limit, self._incomplete = FILE_BYTES, True
        self._body.clear()

    def _put(self, kind: str, /, **members: Any) -> None:
        file = self._file
        if file is None or self.skipped:
            return
        self._gone = self._gone or members.get("reason") == "gone"
        event = {"event": kind, "t": round(monotonic() - self._since, 6), **members}
        put = self._recorder.writer.put
        if self._incomplete:
            # Nothing but the end follows: without what was lost the rest cannot be replayed.
            if kind == "done":
                put(file, {"event": "truncated", "t": event["t"], "limit": self._limit})
                put(file, event)
            return
        if len(event.get("data") or b"") > FILE_BYTES:
            self._limit, self._incomplete = FILE_BYTES, True
        else:
            self._incomplete = not put(file, event)


class _Reads:
    """Records the reads of one response."""

    def __init__(self, recording: Recording, number: int, exchange: Exchange) -> None:
        self._recording = recording
        self._number = number
        self._exchange = exchange

    def piece(self, data: bytes) -> None:
        self._recording._put("piece", call=self._number, data=data)

    def end(self, *, cut: bool) -> None:
        self._recording._put("end", call=self._number, **({"cut": True} if cut else {}))

    def failed(self, error: UpstreamError) -> None:
        self._recording._put("failure", call=self._number, **_failure(error))

    def closed(self) -> None:
        exchange = self._exchange
        if exchange.gone:
            reason, message = "gone", ""
        elif exchange.drained:
            reason, message = "drain", ""
        else:
            due = exchange.deadlines.due(monotonic())
            reason = due.value if due is not None and due.value in ("limit", "total") else "early"
            message = "" if due is None or reason == "early" else exchange.error_after(due).message
        self._recording._put("closed", call=self._number, reason=reason, message=message)


def _sent(call: UpstreamCall) -> dict[str, Any]:
    return {
        "provider": call.record.provider,
        "model": call.record.upstream_model,
        "method": call.method,
        "url": call.url,
        "headers": list(call.headers.items()),
        **({} if call.body is None else {"data": call.body}),
    }


def _failure(error: ProxyError) -> dict[str, Any]:
    failure: dict[str, Any] = {
        **({"reason": "gone"} if isinstance(error, ClientGone) else {}),
        "kind": type(error).__name__,
        "status": error.status,
        "message": str(error.message),
        "headers": list(error.headers.items()),
    }
    if isinstance(error, UpstreamError):
        failure["upstream_status"] = error.upstream_status
        failure["unanswered"] = error.unanswered
    return failure


def _keys_of(route: Route, keys: Iterable[str | None]) -> list[str]:
    return [*filter(None, keys), *route.provider.secrets]


def configured_secrets(settings: Settings, registry: Registry) -> list[str]:
    """Every credential of the configuration."""
    found = [*settings.auth_keys]
    urls = [settings.redis_url, settings.https_proxy, settings.http_proxy, settings.sentry_dsn]
    for provider in registry.providers:
        found += provider.secrets
        found += credentials_in(provider.extra_headers.items())
        urls += [provider.proxy, provider.base_url]
    found += [settings.openai_api_key or "", *(value for _, value in settings.otel_headers)]
    for url in filter(None, urls):
        found += credentials_in_query(url)
    return found
