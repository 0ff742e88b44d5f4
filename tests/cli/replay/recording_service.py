"""A service that records, in front of scripted upstreams, and its recordings.

Rule: a recording is read when its last event is written.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.live import LiveProxy, live_proxy
from tests.security.wire import Answer, answers, exchange, request
from tests.upstream_stub import UpstreamStub
from tests.waiting import until

SERVER_KEY = "canary5001serverkey"
SECOND_KEY = "canary5002secondkey"
HEADER_KEY = "canary5003headerkey"
FRONT_KEY = "canary5004frontkey"
NATIVE_KEY = "sk-ant-canary5005nativekey"
KEYS = (SERVER_KEY, SECOND_KEY, HEADER_KEY, FRONT_KEY, NATIVE_KEY)
NOBODY = "http://localhost:9/v1"

REGISTRY = """
providers:
  - name: first
    base_url: {origin}/v1
    api_key: {first}
    extra_headers: {{x-team-key: {header}, x-team: plain}}
    models:
      - id: main
        aliases: [claude-sonnet-5]
        remote_id: remote-main
        fallbacks: [other]
        extra_body: {{seed: 7}}
        profile: {{thinking_style: effort}}
      - id: alone
  - name: keyed
    base_url: {origin}/keyed/v1
    api_keys: [{first}, {second}]
    models:
      - id: two-keys
  - name: second
    base_url: {origin}/second/v1
    api_key: {second}
    models:
      - id: other
        max_tokens: 500
  - name: own
    base_url: {origin}
    direct: true
    api_key: {native}
    models:
      - id: claude-native
        remote_id: claude-remote
  - name: modern
    base_url: {origin}/modern/v1
    api: responses
    api_key: {second}
    profile: {{thinking_style: effort}}
    models:
      - id: modern
  - name: down
    base_url: {nobody}
    api_key: {second}
    models:
      - id: unreachable
"""


@dataclass(frozen=True)
class Service:
    """The running service, its upstream and the directory of its recordings."""

    proxy: LiveProxy
    upstream: UpstreamStub
    directory: Path

    def ask(self, body: object, path: str = "/v1/messages", **headers: str) -> Answer:
        """The answer to a POST of ``body`` (bytes: as they are), with a key of the service."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send(request("POST", path, data, **{"x_api_key": FRONT_KEY, **headers}))

    def send(self, raw: bytes) -> Answer:
        return answers(exchange(self.proxy.port, raw))[0]

    def recording_of(self, answer: Answer) -> Path:
        """The complete recording of the exchange with ``answer``."""
        return self.complete(answer.headers["x-request-id"][0])

    def complete(self, request_id: str) -> Path:
        """The recording whose name ends with ``request_id``."""

        def find() -> Path | None:
            found = [path for path in self.names() if path.stem.endswith(f"-{request_id}")]
            return found[0] if found and is_complete(found[0]) else None

        found = until(find, f"no complete recording of {request_id}")
        assert found is not None
        return found

    def names(self) -> list[Path]:
        """All recordings, the oldest first."""
        return sorted(self.directory.glob("*.jsonl"))

    def leave(self, body: object, until_received: bytes) -> Path:
        """Send ``body`` and leave when ``until_received`` has arrived; the recording of that."""
        before = set(self.names())
        raw = request("POST", "/v1/messages", json.dumps(body).encode(), x_api_key=FRONT_KEY)
        with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=20) as sock:
            sock.sendall(raw)
            received = b""
            while until_received not in received:
                data = sock.recv(65536)
                assert data, received
                received += data
        new = until(lambda: set(self.names()) - before, "no recording of who left").pop()
        until(lambda: is_complete(new), "the recording of who left has no end")
        return new


def is_complete(path: Path) -> bool:
    """Whether the last event is written."""
    return b'{"event":"done"' in path.read_bytes()


def events(path: Path, kind: str | None = None) -> list[dict[str, Any]]:
    """The events of a recording, or those of ``kind``."""
    found = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [event for event in found if kind in (None, event["event"])]


@contextmanager
def recording_service(directory: Path, environ: Mapping[str, str]) -> Iterator[Service]:
    """A service with a registry of six kinds of upstream."""
    upstream = UpstreamStub()
    registry = directory / "registry.yaml"
    registry.write_text(
        REGISTRY.format(
            origin=upstream.origin,
            first=SERVER_KEY,
            second=SECOND_KEY,
            header=HEADER_KEY,
            native=NATIVE_KEY,
            nobody=NOBODY,
        ),
        "utf-8",
    )
    recordings = directory / "recordings"
    settings = {
        "CLAUDE_PROXY_CONFIG": str(registry),
        "CLAUDE_PROXY_AUTH_KEY": FRONT_KEY,
        "CLAUDE_PROXY_RECORD": str(recordings),
        "CLAUDE_PROXY_ALLOWED_HOSTS": f"127.0.0.1:{upstream.port}",
    }
    try:
        with live_proxy(settings | dict(environ)) as proxy:
            yield Service(proxy, upstream, recordings)
    finally:
        upstream.close()
