"""Stops and reloads of the real program under load: what each client saw, counted."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import run
from tests.deploy.nginx import needs_nginx, nginx_in_front
from tests.deploy.watched_clients import Crowd, Seen, WatchedClient, message, raw_request
from tests.live import LiveProxy, live_proxy
from tests.upstream_stub import (
    Recorded,
    Script,
    Sleep,
    UpstreamStub,
    answer,
    completion,
    json_answer,
    text_stream,
)
from tests.waiting import until

GRACEFUL = 6
END = GRACEFUL - 3
"""Seconds from the signal to the last events."""
SLACK = 2.0
"""How much later than planned anything may be on a busy machine."""


def native_event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | members)}\n\n".encode()


NATIVE_START = native_event("message_start", message={"usage": {"input_tokens": 3}})
NATIVE_DELTA = native_event(
    "content_block_delta", index=0, delta={"type": "text_delta", "text": "x"}
)


def scripted(recorded: Recorded) -> Script:
    """What the upstream does is said by the prompt."""
    text = json.dumps(recorded.json["messages"])
    if recorded.target.endswith("/v1/messages"):
        steps = [step for _ in range(200) for step in (NATIVE_DELTA, Sleep(0.1))]
        return answer(NATIVE_START, *steps, content_type="text/event-stream", framing="chunked")
    if "silent" in text:
        return (Sleep(20),)
    if "short" in text:
        return text_stream(*[step for _ in range(10) for step in ("x", Sleep(0.1))])
    if "at once" in text:
        return json_answer(completion())
    return text_stream(*[step for _ in range(200) for step in ("x", Sleep(0.1))])


@pytest.fixture
def upstream(upstream: UpstreamStub) -> UpstreamStub:
    upstream.default = scripted
    return upstream


def settings(upstream: UpstreamStub, **changes: object) -> dict[str, str]:
    environ = {
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": "sk-1",
        "CLAUDE_PROXY_GRACEFUL_TIMEOUT": str(GRACEFUL),
    }
    return environ | {f"CLAUDE_PROXY_{name}": str(value) for name, value in changes.items()}


@pytest.fixture
def proxy(upstream: UpstreamStub) -> Iterator[LiveProxy]:
    with live_proxy(settings(upstream), workers=2) as running:
        yield running


def streams(proxy: LiveProxy, upstream: UpstreamStub, **counts: int) -> Crowd:
    """Clients whose requests have all reached the upstream, so many of each prompt."""
    before = len(upstream.requests)
    crowd = Crowd(
        proxy.port, [message(text) for text, count in counts.items() for _ in range(count)]
    )
    assert upstream.wait_for_requests(before + sum(counts.values()), 60)
    time.sleep(0.3)
    return crowd


def ended(proxy: LiveProxy, since: float, seconds: float) -> None:
    """The master has ended with 0, at most ``seconds`` after ``since``."""
    assert proxy.process.wait(GRACEFUL + 5) == 0, proxy.log()
    assert time.monotonic() - since < seconds


def send(proxy: LiveProxy, number: signal.Signals) -> float:
    proxy.process.send_signal(number)
    return time.monotonic()


def test_a_stop_lets_streams_run_and_then_ends_them_by_an_event(
    proxy: LiveProxy, upstream: UpstreamStub
) -> None:
    crowd = streams(proxy, upstream, endless=10, short=10)
    since = send(proxy, signal.SIGTERM)
    assert crowd.wait() == {"overloaded": 10, "whole": 10}
    assert time.monotonic() - since > END - 0.1
    ended(proxy, since, GRACEFUL)
    cut_off = next(seen for seen in crowd.all if seen.ending == "overloaded")
    assert cut_off.events[-1]["error"]["message"] == (
        "the server is restarting and ended this request before it was complete; try again"
    )
    assert cut_off.headers["request-id"] == cut_off.events[-1]["request_id"]
    log = proxy.log()
    assert log.count("error=overloaded_error: the server is restarting") == 10
    assert log.count("POST /v1/messages 200") == 20
    assert "Traceback" not in log


def test_whole_answers_counts_and_half_read_bodies_get_a_529(
    proxy: LiveProxy, upstream: UpstreamStub
) -> None:
    whole, half = WatchedClient(proxy.port), WatchedClient(proxy.port)
    whole.send(raw_request(message("silent", stream=False)))
    half.send(raw_request(message("never"))[:-5])
    assert upstream.wait_for_requests(1)
    since = send(proxy, signal.SIGTERM)
    answers = [whole.read(), half.read()]
    assert [seen.ending for seen in answers] == ["529 overloaded_error"] * 2
    assert [seen.headers["retry-after"] for seen in answers] == ["1", "1"]
    assert [seen.headers["connection"] for seen in answers] == ["close", "close"]
    whole.close()
    half.close()
    ended(proxy, since, GRACEFUL)


def test_a_native_stream_ends_by_an_event_too(upstream: UpstreamStub, tmp_path: Path) -> None:
    provider = {
        "name": "native",
        "base_url": upstream.origin,
        "api_key": "sk-1",
        "direct": True,
        "models": [{"id": "claude-sonnet-5"}],
    }
    registry = tmp_path / "providers.json"
    registry.write_text(json.dumps({"providers": [provider]}))
    with live_proxy(settings(upstream, CONFIG=registry)) as proxy:
        crowd = streams(proxy, upstream, endless=5)
        since = send(proxy, signal.SIGTERM)
        assert crowd.wait() == {"overloaded": 5}
        ended(proxy, since, GRACEFUL)


def test_an_idle_server_stops_at_once(proxy: LiveProxy) -> None:
    ended(proxy, send(proxy, signal.SIGTERM), 2.0)


def test_a_kept_connection_is_served_once_more_and_told_to_close(
    proxy: LiveProxy, upstream: UpstreamStub
) -> None:
    kept = WatchedClient(proxy.port)
    kept.send(raw_request(message("at once", stream=False)))
    first = kept.read()
    since = send(proxy, signal.SIGTERM)
    time.sleep(1.0)
    kept.send(raw_request(message("at once", stream=False)))
    second = kept.read()
    assert (first.ending, first.headers["connection"]) == ("whole", "keep-alive")
    assert (second.ending, second.headers["connection"]) == ("whole", "close")
    kept.close()
    ended(proxy, since, 3.0)


def test_requests_are_served_during_the_delay_while_the_server_is_not_ready(
    upstream: UpstreamStub,
) -> None:
    with live_proxy(settings(upstream, GRACEFUL_TIMEOUT=8, DRAIN_DELAY=3), workers=2) as proxy:
        assert proxy.get("/readyz") == (200, {"status": "ready"})
        crowd = streams(proxy, upstream, endless=4)
        since = send(proxy, signal.SIGTERM)
        time.sleep(0.3)
        seen = Counter[object]()
        while time.monotonic() - since < 2.0:
            seen["ready", proxy.get("/readyz")[0]] += 1
            seen["alive", proxy.get("/health")[0]] += 1
            client = WatchedClient(proxy.port)
            client.send(raw_request(message("at once", stream=False)))
            seen[client.read().ending] += 1
            client.close()
        assert set(seen) == {("ready", 503), ("alive", 200), "whole"}
        assert min(seen.values()) > 3
        late = streams(proxy, upstream, endless=2)
        time.sleep(max(0.0, since + 3.0 + SLACK - time.monotonic()))
        with pytest.raises(ConnectionRefusedError):
            WatchedClient(proxy.port)
        assert crowd.wait() + late.wait() == {"overloaded": 6}
        ended(proxy, since, 8)


def test_clients_that_come_while_the_listener_closes_are_served_or_refused(
    upstream: UpstreamStub,
) -> None:
    endings: Counter[str] = Counter()
    stop = threading.Event()

    def hammer(port: int) -> None:
        while not stop.is_set():
            crowd = Crowd(port, [message("at once", stream=False)])
            endings.update(crowd.wait())
            endings["refused"] += crowd.refused

    with live_proxy(settings(upstream), workers=2) as proxy:
        threads = [threading.Thread(target=hammer, args=(proxy.port,)) for _ in range(30)]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        since = send(proxy, signal.SIGTERM)
        ended(proxy, since, GRACEFUL)
        stop.set()
        for thread in threads:
            thread.join()
    assert set(endings) == {"whole", "refused"}


def test_a_reload_under_200_streams_loses_none(proxy: LiveProxy, upstream: UpstreamStub) -> None:
    crowd = streams(proxy, upstream, endless=150, short=50)
    old = proxy.worker_pids()
    since = send(proxy, signal.SIGHUP)
    until(lambda: len(set(proxy.worker_pids()) - set(old)) == 2, "no new workers")
    seen = set()
    while time.monotonic() - since < END:
        seen |= {proxy.get("/readyz")[0], proxy.get("/health")[0]}
    assert seen == {200}
    assert crowd.wait() == {"overloaded": 150, "whole": 50}
    until(lambda: not set(proxy.worker_pids()) & set(old), "the old workers are still there")
    assert len(proxy.worker_pids()) == 2
    assert "Traceback" not in proxy.log()


@pytest.mark.parametrize(
    ("first", "quick"),
    [
        pytest.param(None, signal.SIGQUIT, id="while serving"),
        pytest.param(signal.SIGTERM, signal.SIGINT, id="during a stop"),
        pytest.param(signal.SIGHUP, signal.SIGINT, id="SIGINT during a reload"),
        pytest.param(signal.SIGHUP, signal.SIGQUIT, id="SIGQUIT during a reload"),
    ],
)
@pytest.mark.long(except_every=2)
def test_a_quick_stop_gives_streams_their_event(
    proxy: LiveProxy, upstream: UpstreamStub, first: signal.Signals | None, quick: signal.Signals
) -> None:
    crowd = streams(proxy, upstream, endless=10)
    if first is not None:
        send(proxy, first)
        time.sleep(1.0)
    since = send(proxy, quick)
    assert crowd.wait() == {"overloaded": 10}
    ended(proxy, since, 1.0 + SLACK)


@pytest.mark.long
def test_ctrl_c_reaches_master_and_workers_at_once(
    proxy: LiveProxy, upstream: UpstreamStub
) -> None:
    crowd = streams(proxy, upstream, endless=10)
    workers = proxy.worker_pids()
    since = send(proxy, signal.SIGINT)
    for pid in workers:
        os.kill(pid, signal.SIGINT)
    assert crowd.wait() == {"overloaded": 10}
    ended(proxy, since, 1.0 + SLACK)


@pytest.mark.long
def test_further_signals_change_nothing_about_a_stop(
    proxy: LiveProxy, upstream: UpstreamStub
) -> None:
    crowd = streams(proxy, upstream, endless=5, short=5)
    workers = proxy.worker_pids()
    since = send(proxy, signal.SIGTERM)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM):
        time.sleep(0.1)
        send(proxy, number)
        for pid in workers:
            os.kill(pid, number)
    assert crowd.wait() == {"overloaded": 5, "whole": 5}
    assert time.monotonic() - since > END - 0.1
    ended(proxy, since, GRACEFUL)


@pytest.mark.long
def test_a_stop_during_a_reload_waits_for_nothing_more(
    proxy: LiveProxy, upstream: UpstreamStub
) -> None:
    crowd = streams(proxy, upstream, endless=5)
    send(proxy, signal.SIGHUP)
    time.sleep(1.0)
    more = streams(proxy, upstream, short=5)
    since = send(proxy, signal.SIGTERM)
    assert crowd.wait() + more.wait() == {"overloaded": 5, "whole": 5}
    ended(proxy, since, END + SLACK)


@pytest.mark.long
def test_reloads_in_a_row_leave_the_number_of_workers(
    proxy: LiveProxy, upstream: UpstreamStub
) -> None:
    crowd = streams(proxy, upstream, endless=5)
    for _ in range(3):
        send(proxy, signal.SIGHUP)
        time.sleep(0.05)
    assert crowd.wait() == {"overloaded": 5}
    until(lambda: len(proxy.worker_pids()) == 2, "surplus workers stay")
    assert "Traceback" not in proxy.log()


@pytest.mark.long
def test_without_its_master_a_worker_finishes_what_runs(
    upstream: UpstreamStub,
) -> None:
    with live_proxy(settings(upstream), workers=2) as proxy:
        crowd = streams(proxy, upstream, endless=5, short=5)
        workers = proxy.worker_pids()
        proxy.process.kill()
        proxy.process.wait()
        assert crowd.wait() == {"overloaded": 5, "whole": 5}
        until(lambda: not any(map(alive, workers)), "workers without a master stay")
        assert proxy.logged("the master process died", 2).count("the master process died") == 2


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.long
def test_a_client_that_does_not_read_does_not_hold_the_stop(
    upstream: UpstreamStub,
) -> None:
    block = "x" * 500_000
    upstream.default = text_stream(*[block for _ in range(100)])
    with live_proxy(settings(upstream)) as proxy:
        deaf = WatchedClient(proxy.port)
        deaf.send(raw_request(message()))
        assert upstream.wait_for_requests(1)
        time.sleep(1.0)
        since = send(proxy, signal.SIGTERM)
        ended(proxy, since, GRACEFUL)
        deaf.close()
        # It was counted all the same.
        assert proxy.log().count("POST /v1/messages 499") == 1


@needs_nginx
@pytest.mark.long
def test_a_rolling_update_of_two_processes_behind_nginx_loses_none(
    upstream: UpstreamStub,
) -> None:
    with (
        live_proxy(settings(upstream), workers=1) as first,
        live_proxy(settings(upstream), workers=1) as second,
        nginx_in_front(first.port, second.port) as nginx,
    ):
        crowd = Crowd(nginx.port, [message("endless")] * 150 + [message("short")] * 50)
        assert upstream.wait_for_requests(200, 60)
        time.sleep(0.3)
        stop = threading.Event()
        meanwhile: list[Seen] = []

        def ask() -> None:
            while not stop.is_set():
                client = WatchedClient(nginx.port)
                client.send(raw_request(message("at once", stream=False)))
                meanwhile.append(client.read())
                client.close()

        asking = [threading.Thread(target=ask) for _ in range(4)]
        for thread in asking:
            thread.start()
        since = send(first, signal.SIGTERM)
        ended(first, since, GRACEFUL)
        stop.set()
        for thread in asking:
            thread.join()
        assert Counter(seen.ending for seen in meanwhile) == {"whole": len(meanwhile)}
        assert len(meanwhile) > 20
        send(second, signal.SIGTERM)
        endings = crowd.wait()
    assert set(endings) == {"overloaded", "whole"}
    assert endings["whole"] >= 50
    assert endings.total() == 200


def test_a_delay_that_leaves_no_time_is_refused(tmp_path: Path) -> None:
    environ = {"CLAUDE_PROXY_DRAIN_DELAY": "20", "CLAUDE_PROXY_GRACEFUL_TIMEOUT": "24"}
    done = run(tmp_path, environ=environ)
    assert done.returncode == 1
    assert done.stderr == (
        "claude-proxy: bad configuration: CLAUDE_PROXY_DRAIN_DELAY=20 must be at most 19, five "
        "seconds less than CLAUDE_PROXY_GRACEFUL_TIMEOUT=24\n"
    )
