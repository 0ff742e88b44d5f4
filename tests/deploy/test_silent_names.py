"""Names whose name servers are silent hold up nobody but their own clients, with the real resolver."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from time import monotonic

import gevent
import pytest

from tests.deploy.partial_dns import can_serve, partial_dns
from tests.live import LiveProxy, live_proxy
from tests.upstream_stub import UpstreamStub, completion, json_answer
from tests.waiting import until

CONNECT_SECONDS = 3
SLACK_SECONDS = 4.0
"""For a busy machine; without bounds lookups take ten seconds and wait for each other."""
BODY = {"max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}

pytestmark = [
    pytest.mark.skipif(not can_serve(), reason="a name server of its own needs root"),
    pytest.mark.long,
]


def ask(proxy: LiveProxy, path: str, model: str) -> tuple[int, str, float]:
    """Status, kind of error and seconds of one request on a connection of its own."""
    began = monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=150)
    headers = {"x-api-key": "k", "content-type": "application/json", "connection": "close"}
    connection.request("POST", path, json.dumps(BODY | {"model": model}), headers)
    answer = connection.getresponse()
    kind = json.loads(answer.read()).get("error", {}).get("type", "")
    connection.close()
    return answer.status, kind, monotonic() - began


@pytest.mark.parametrize("workers", [1, 2])
def test_a_provider_without_dns_delays_no_other(
    upstream: UpstreamStub, tmp_path: Path, workers: int
) -> None:
    upstream.default = json_answer(completion("Hello"))
    registry = tmp_path / "providers.yaml"
    registry.write_text(
        "providers:\n"
        + "".join(
            f"  - name: {name}\n    base_url: http://{name}.test:{upstream.port}/v1\n"
            f"    api_key: k\n    models:\n      - id: {name}-model\n"
            for name in ("healthy", "silent")
        ),
        "utf-8",
    )
    environ = {
        "CLAUDE_PROXY_CONFIG": str(registry),
        "CLAUDE_PROXY_CONNECT_TIMEOUT": str(CONNECT_SECONDS),
    }
    with (
        partial_dns(tmp_path) as dns,
        live_proxy(environ, workers=workers, command=dns.command) as proxy,
    ):
        path = "/v1/messages"
        held = [gevent.spawn(ask, proxy, path, "silent-model") for _ in range(30)]
        until(lambda: "silent.test" in dns.asked, "the silent name is not looked up")
        healthy = [ask(proxy, path, "healthy-model") for _ in range(10)]
        gevent.joinall(held)
    judge(healthy, [each.get() for each in held])


@pytest.mark.parametrize("workers", [1, 2])
def test_names_of_clients_without_dns_delay_no_other(
    upstream: UpstreamStub, tmp_path: Path, workers: int
) -> None:
    upstream.default = json_answer(completion("Hello"))
    environ = {
        "OPENAI_BASE_URL": f"http://configured.example:{upstream.port}/v1",
        "OPENAI_API_KEY": "k",
        "CLAUDE_PROXY_ALLOWED_HOSTS": ".test,127.0.0.1",
        "CLAUDE_PROXY_CONNECT_TIMEOUT": str(CONNECT_SECONDS),
    }
    with (
        partial_dns(tmp_path) as dns,
        live_proxy(environ, workers=workers, command=dns.command) as proxy,
    ):
        held = [
            gevent.spawn(ask, proxy, f"/http/silent{number % 12}.test/v1/messages", "m")
            for number in range(36)
        ]
        until(lambda: any("silent" in name for name in dns.asked), "nothing is looked up")
        dynamic = f"/http/healthy.other.test:{upstream.port}/v1/messages"
        paths = (dynamic, "/v1/messages")
        healthy = [ask(proxy, path, "m") for _ in range(5) for path in paths]
        gevent.joinall(held)
    judge(healthy, [each.get() for each in held])


def test_redis_and_a_collector_without_dns_delay_no_upstream(
    upstream: UpstreamStub, tmp_path: Path
) -> None:
    upstream.default = json_answer(completion("Hello"))
    environ = {
        "OPENAI_BASE_URL": f"http://healthy.test:{upstream.port}/v1",
        "OPENAI_API_KEY": "k",
        "CLAUDE_PROXY_REDIS_URL": "redis://silent-redis.test:6379",
        "CLAUDE_PROXY_RATE_LIMIT_RPM": "1000",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://silent-collector.test:4318",
    }
    with partial_dns(tmp_path) as dns, live_proxy(environ, command=dns.command) as proxy:
        asked = [gevent.spawn(ask, proxy, "/v1/messages", "m") for _ in range(30)]
        until(lambda: "silent-redis.test" in dns.asked, "Redis is not looked up")
        gevent.joinall(asked)
        later = [ask(proxy, "/v1/messages", "m") for _ in range(5)]
    judge(later, [])
    judge([each.get() for each in asked], [])


def judge(healthy: list[tuple[int, str, float]], held: list[tuple[int, str, float]]) -> None:
    assert {status for status, _, _ in healthy} == {200}
    assert max(seconds for _, _, seconds in healthy) < SLACK_SECONDS
    assert {(status, kind) for status, kind, _ in held} <= {(504, "timeout_error")}
    assert max((seconds for _, _, seconds in held), default=0.0) < CONNECT_SECONDS + SLACK_SECONDS
