"""The systems under test, each between the driver and the mock upstream.

Rule: a system is started with the options of a production user (log to a file, a key for clients,
all defaults) and one worker. Systems differ only in their port, their process tree and the form
of their requests.
"""

from __future__ import annotations

import os
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.places import ALL_CORES, BIN, BUILD, LOAD_CORES, TESTED_CORES, free_port, tool
from bench.processes import NotStarted, Process

AUTH_KEY = "bench-client-key"
UPSTREAM_KEY = "bench-upstream-key"
START_SECONDS = 60.0
NATIVE_MODEL = "native-model"
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Route:
    """How one kind of request is addressed."""

    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str = "bench-model"


@dataclass(slots=True)
class System:
    """A running system; ``routes`` by kind: ``chat`` is converted, ``native`` is passed on."""

    name: str
    port: int
    process: Process | None
    routes: Mapping[str, Route]

    def pids(self) -> list[int]:
        """The processes whose cost counts; none for the mock upstream itself."""
        return self.process.tree() if self.process else []


Starter = Callable[[int], System]
"""Starts a system in front of the mock upstream on a port; raises ``NotStarted``."""


@contextmanager
def mock_upstream() -> Iterator[int]:
    """The mock upstream's port."""
    process = Process([tool("mock_upstream"), "0"], BUILD / "run" / "mock", {}, LOAD_CORES)
    try:
        process.wait_until(lambda: process.log.read_bytes().endswith(b"\n"), START_SECONDS)
        yield int(process.log.read_text("ascii"))
    finally:
        process.stop()


def direct(upstream: int) -> System:
    """No proxy at all."""
    return System("direct", upstream, None, _CONVERTS_NOTHING)


_CONVERTS_NOTHING = {"chat": Route("/v1/chat/completions"), "native": Route("/v1/messages")}

_NGINX = """
daemon off; worker_processes 1; pid nginx.pid; error_log error.log; {user}
events {{ worker_connections 8192; }}
http {{
  access_log off; client_max_body_size 64m; client_body_buffer_size 2m;
  keepalive_requests 100000000; tcp_nodelay on;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4;
  scgi_temp_path t5;
  upstream mock {{ server 127.0.0.1:{upstream}; keepalive 1200; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_read_timeout 600s;
    }}
  }}
}}
"""


def nginx(upstream: int) -> System:
    """A plain reverse proxy, one worker: the physical limit."""
    port, directory = free_port(), BUILD / "run" / "nginx"
    directory.mkdir(parents=True, exist_ok=True)
    user = "user root;" if os.geteuid() == 0 else ""
    text = _NGINX.format(port=port, upstream=upstream, user=user)
    (directory / "nginx.conf").write_text(text, "utf-8")
    process = Process(["nginx", "-p", directory, "-c", "nginx.conf"], directory, {})
    # Compared with ours where the path names the upstream.
    routes = {**_CONVERTS_NOTHING, "dynamic": _CONVERTS_NOTHING["chat"]}
    return started(System("nginx", port, process, routes), lambda: listens(port))


_REGISTRY = """
providers:
  - {{name: native, base_url: "http://127.0.0.1:{upstream}", api_key: {key}, direct: true,
     models: [{{id: {model}, remote_id: bench-model}}]}}
"""


def ours(upstream: int, *, workers: int = 1, name: str = "ours", programs: Path = BIN) -> System:
    """claude-proxy as installed in ``programs``, started as an operator starts it."""
    port, directory = free_port(), BUILD / "run" / name
    directory.mkdir(parents=True, exist_ok=True)
    registry = _REGISTRY.format(upstream=upstream, key=UPSTREAM_KEY, model=NATIVE_MODEL)
    (directory / "providers.yaml").write_text(registry, "utf-8")
    (directory / "proxy.log").unlink(missing_ok=True)
    environ = {
        "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream}/v1",
        "OPENAI_API_KEY": UPSTREAM_KEY,
        "CLAUDE_PROXY_AUTH_KEY": AUTH_KEY,
        "CLAUDE_PROXY_CONFIG": str(directory / "providers.yaml"),
        "CLAUDE_PROXY_ALLOWED_HOSTS": "127.0.0.1",
        "CLAUDE_PROXY_HOST": "127.0.0.1",
        "CLAUDE_PROXY_PORT": str(port),
        "CLAUDE_PROXY_WORKERS": str(workers),
        "CLAUDE_PROXY_LOG_FILE": str(directory / "proxy.log"),
        # One worker has to take a thousand streams at once.
        "CLAUDE_PROXY_WORKER_CONNECTIONS": "1500",
        "CLAUDE_PROXY_MAX_CONCURRENCY": "1400",
    }
    cores = TESTED_CORES if workers == 1 else ALL_CORES
    process = Process([programs / "claude-proxy"], directory, environ, cores)
    keyed = {**CLIENT_HEADERS, "x-api-key": AUTH_KEY}
    routes = {
        "chat": Route("/v1/messages", keyed),
        "native": Route("/v1/messages", keyed, NATIVE_MODEL),
        "dynamic": Route(
            f"/http/127.0.0.1:{upstream}/v1/messages",
            {**keyed, "authorization": f"Bearer {UPSTREAM_KEY}"},
        ),
        "count": Route("/v1/messages/count_tokens", keyed),
    }
    return started(System(name, port, process, routes), lambda: answers(port, "/health"))


CLIENT_HEADERS = {
    "accept": "application/json",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14",
    "user-agent": "claude-cli/2.1.197 (external, cli)",
    "x-app": "cli",
    "x-stainless-lang": "js",
    "x-stainless-retry-count": "0",
}
"""The headers of a coding agent, besides its key."""


def started(system: System, ready: Callable[[], bool]) -> System:
    assert system.process is not None
    try:
        system.process.wait_until(ready, START_SECONDS)
    except NotStarted:
        system.process.stop()
        raise
    return system


def listens(port: int) -> bool:
    """Whether connections to the port are accepted."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def answers(port: int, path: str) -> bool:
    """Whether a GET of the path is answered with 200."""
    try:
        with _DIRECT.open(f"http://127.0.0.1:{port}{path}", timeout=2) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False
