"""/metrics and /v1/stats of the running program: several workers, kills and reloads."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.command import started
from tests.live import NAMED_MODELS, LiveProxy, NotStarted, free_port, live_proxy
from tests.paths import ROOT
from tests.redis_server import redis_server
from tests.upstream_stub import (
    Recorded,
    Script,
    UpstreamStub,
    Wait,
    chunk,
    completion,
    json_answer,
    sse,
    text_stream,
)
from tests.waiting import until

PATH = "/v1/messages"
Samples = dict[tuple[str, ...], float]


def served(recorded: Recorded) -> Script:
    return text_stream("Hello") if recorded.json.get("stream") else json_answer(completion())


@pytest.fixture
def upstream() -> Iterator[UpstreamStub]:
    stub = UpstreamStub(default=served)
    yield stub
    stub.close()


@contextmanager
def proxy_for(
    upstream: UpstreamStub, environ: Mapping[str, str] | None = None, **options: Any
) -> Iterator[LiveProxy]:
    settings = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "k", **(environ or {})}
    with live_proxy(settings, **{"workers": 2, **options}) as proxy:
        yield proxy


def ask(proxy: LiveProxy, *, stream: bool = False, key: str = "") -> int:
    """Status of one request on a connection of its own; 0 where the connection broke."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
    message = {"role": "user", "content": "Hi"}
    body = {"model": "claude-x", "max_tokens": 9, "stream": stream, "messages": [message]}
    try:
        headers = {"content-type": "application/json", "x-api-key": key}
        connection.request("POST", PATH, json.dumps(body), headers)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
    return response.status


def exposition(proxy: LiveProxy) -> str:
    """What /metrics says; asked again where the worker that was asked is killed meanwhile."""
    for _ in range(5):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return _exposition(proxy)
    return _exposition(proxy)


def _exposition(proxy: LiveProxy) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
    try:
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    assert response.status == 200
    return text


def samples(proxy: LiveProxy, name: str, *labels: str) -> Samples:
    """The samples called ``name``, summed by the values of ``labels``."""
    found: Samples = {}
    for family in text_string_to_metric_families(exposition(proxy)):
        for sample in family.samples:
            if sample.name == f"claude_proxy_{name}":
                key = tuple(sample.labels[label] for label in labels)
                found[key] = found.get(key, 0) + sample.value
    return found


def messages(proxy: LiveProxy) -> float:
    """Messages requests that were answered with 200."""
    return samples(proxy, "requests_total", "route", "status").get((PATH, "200"), 0)


def total(proxy: LiveProxy, name: str) -> float:
    return sum(samples(proxy, name).values())


def ended(pid: int) -> bool:
    """Whether that process is over, whoever has still to ask how."""
    try:
        return not Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True


def replaced(proxy: LiveProxy, old: set[int]) -> bool:
    """Whether none of two workers is one of ``old``."""
    pids = proxy.worker_pids()
    return len(pids) == 2 and not old & set(pids)


def directory(proxy: LiveProxy) -> Path:
    """Where the workers count, as the kernel knows it."""
    for line in Path(f"/proc/{proxy.worker_pids()[0]}/maps").read_text().splitlines():
        if line.endswith(".db"):
            return Path(line.split(maxsplit=5)[5]).parent
    raise AssertionError("the worker maps no file of metrics")


def test_totals_of_two_workers_are_exact(upstream: UpstreamStub) -> None:
    with proxy_for(upstream) as proxy:
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda n: ask(proxy, stream=n % 2 == 0), range(60)))

        def both_have_counted() -> bool:
            if len({path.name for path in directory(proxy).glob("counter_*.db")}) == 2:
                return True
            statuses.append(ask(proxy))
            return False

        until(both_have_counted, "one worker gets no request")
        asked = len(statuses)
        assert statuses == [200] * asked
        until(lambda: messages(proxy) == asked, "not every request is counted")
        assert samples(proxy, "tokens_total", "kind")[("input",)] == 10 * asked
        assert samples(proxy, "tokens_total", "kind")[("output",)] == 5 * asked
        assert total(proxy, "time_to_first_event_seconds_count") == 30
        until(lambda: total(proxy, "workers") == 2, "a worker does not serve")
        assert total(proxy, "streams_open") == 0
        status, stats = proxy.get("/v1/stats")
        assert status == 200
        assert stats["scope"] == "this machine"
        assert stats["workers"] == 2
        assert stats["models"]["gpt-4o"]["requests"] == asked
        assert stats["models"]["gpt-4o"]["input_tokens"] == 10 * asked
        assert "GET /metrics" not in proxy.log()


def test_streams_are_open_until_their_end(upstream: UpstreamStub) -> None:
    go_on = threading.Event()
    upstream.answer(*[sse(chunk(content="a"), Wait(go_on), chunk("stop"))] * 4)
    with proxy_for(upstream) as proxy, ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, proxy, stream=True) for _ in range(4)]
        try:
            until(lambda: total(proxy, "streams_open") == 4, "the streams are not seen")
            assert proxy.get("/v1/stats")[1]["streams_open"] == 4
        finally:
            go_on.set()
        assert [one.result() for one in asked] == [200] * 4
        until(lambda: total(proxy, "streams_open") == 0, "the streams are still open")


def test_a_killed_worker_takes_its_streams_with_it_and_nothing_else(upstream: UpstreamStub) -> None:
    never = threading.Event()
    with proxy_for(upstream) as proxy, ThreadPoolExecutor(8) as pool:
        answered = list(pool.map(lambda _: ask(proxy), range(40)))
        assert answered == [200] * 40
        until(lambda: messages(proxy) == 40, "not every request is counted")
        upstream.answer(*[sse(chunk(content="a"), Wait(never))] * 6)
        hanging = [pool.submit(ask, proxy, stream=True) for _ in range(6)]
        until(lambda: total(proxy, "streams_open") == 6, "the streams are not seen")
        seen = [messages(proxy)]
        # Both, so that the streams' worker is among them; the second when the first is replaced.
        for pid in proxy.worker_pids():
            os.kill(pid, signal.SIGKILL)
            until(lambda: replaced(proxy, {pid}), "the worker is not replaced")  # noqa: B023
            until(lambda: total(proxy, "workers") == 2, "the new worker does not serve")
            seen.append(messages(proxy))
        assert [one.result() for one in hanging] == [0] * 6
        assert seen == [40, 40, 40]
        until(lambda: total(proxy, "streams_open") == 0, "dead streams are still counted")
        assert [ask(proxy) for _ in range(10)] == [200] * 10
        until(lambda: messages(proxy) == 50, "not every request is counted")


@pytest.mark.long
def test_a_kill_under_load_loses_no_answered_request(upstream: UpstreamStub) -> None:
    stop = threading.Event()
    seen: list[float] = []

    def load(proxy: LiveProxy) -> list[int]:
        statuses = []
        while not stop.is_set():
            statuses.append(ask(proxy))
        return statuses

    with proxy_for(upstream) as proxy, ThreadPoolExecutor(4) as pool:
        loads = [pool.submit(load, proxy) for _ in range(4)]
        try:
            until(lambda: messages(proxy) >= 50, "no load")
            victim = proxy.worker_pids()[0]
            os.kill(victim, signal.SIGKILL)
            for _ in range(30):
                seen.append(messages(proxy))
                time.sleep(0.02)
        finally:
            stop.set()
        answered = sum(one.result().count(200) for one in loads)
        # A whole answer is counted before it is written; a worker may die between the two.
        until(lambda: messages(proxy) >= answered, "an answered request is not counted")
        assert messages(proxy) <= answered + 4
        assert seen == sorted(seen)
        assert victim not in proxy.worker_pids()


def test_reloads_keep_the_counts_and_add_no_files(upstream: UpstreamStub) -> None:
    with proxy_for(upstream) as proxy:
        assert [ask(proxy) for _ in range(10)] == [200] * 10
        place, counts = directory(proxy), []
        for _ in range(5):
            old = set(proxy.worker_pids())
            proxy.process.send_signal(signal.SIGHUP)
            until(lambda: replaced(proxy, old), "the workers are not replaced")  # noqa: B023
            until(lambda: total(proxy, "workers") == 2, "old workers are still counted")
            assert ask(proxy) == 200
            counts.append(messages(proxy))
        assert counts == [11, 12, 13, 14, 15]
        # Old and new workers run side by side for a moment: two places each.
        assert len(list(place.glob("counter_*.db"))) <= 4
        assert len(list(place.glob("gauge_livesum_*.db"))) == 2


def test_preloaded_workers_count_into_the_same_files(upstream: UpstreamStub) -> None:
    with proxy_for(upstream, options=("--preload",)) as proxy:
        assert [ask(proxy) for _ in range(10)] == [200] * 10
        until(lambda: messages(proxy) == 10, "not every request is counted")
        until(lambda: total(proxy, "workers") == 2, "a worker does not serve")


def test_the_directory_is_private_and_goes_with_the_master(upstream: UpstreamStub) -> None:
    with proxy_for(upstream) as proxy:
        place = directory(proxy)
        assert place.stat().st_mode & 0o777 == 0o700
        proxy.process.send_signal(signal.SIGTERM)
        proxy.process.wait(60)
        assert not place.exists()


@pytest.mark.long
def test_what_a_killed_master_left_is_removed_by_the_next(upstream: UpstreamStub) -> None:
    with proxy_for(upstream) as proxy:
        left = directory(proxy)
        workers = proxy.worker_pids()
        long_ago = time.time() - 3600
        os.utime(left, (long_ago, long_ago))
        with proxy_for(upstream):
            assert left.exists()
        proxy.process.kill()
        proxy.process.wait()
        until(lambda: not any(map(runs, workers)), "the workers do not end")
    os.utime(left, (long_ago, long_ago))
    with proxy_for(upstream):
        assert not left.exists()


def runs(pid: int) -> bool:
    """Whether there is such a process, a dead one that nobody waited for left out."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.long
def test_the_operators_directory_is_emptied_and_kept(
    upstream: UpstreamStub, tmp_path: Path
) -> None:
    chosen = tmp_path / "made" / "metrics"
    environ = {"PROMETHEUS_MULTIPROC_DIR": str(chosen)}
    for _ in range(2):
        with proxy_for(upstream, environ) as proxy:
            assert ask(proxy) == 200
            until(lambda: messages(proxy) == 1, "counts of the last run are still there")
            assert directory(proxy) == chosen
    assert list(chosen.glob("counter_*.db"))


@pytest.mark.long
def test_two_services_do_not_count_in_one_directory(upstream: UpstreamStub, tmp_path: Path) -> None:
    environ = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")}
    with proxy_for(upstream, environ) as proxy:
        assert ask(proxy) == 200
        with (
            pytest.raises(NotStarted, match=r"is in use by another running service: name a "),
            proxy_for(upstream, environ),
        ):
            pass
        until(lambda: messages(proxy) == 1, "the other one took the count away")
        until(lambda: total(proxy, "workers") == 2, "not every worker has begun")
        workers = proxy.worker_pids()
        # Its workers may live on for a while and do not stand in the way.
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        proxy.process.kill()
        proxy.process.wait()
        try:
            with proxy_for(upstream, environ) as successor:
                assert ask(successor) == 200
        finally:
            for pid in workers:
                os.kill(pid, signal.SIGKILL)


def children(pid: int) -> list[int]:
    """The processes that ``pid`` started: a master has workers."""
    started_pids = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    return [int(child) for child in started_pids.split()]


@pytest.mark.long
def test_a_directory_stays_locked_when_another_master_takes_over(tmp_path: Path) -> None:
    environ = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")}
    address = ("--host", "127.0.0.1", "--port", str(free_port()), "--workers", "1")
    with started(tmp_path, *address, environ=environ) as service:
        service.wait_for("Listening on")
        process = service.process
        old = LiveProxy(process, 0, service.output_path)
        workers = old.worker_pids()
        process.send_signal(signal.SIGUSR2)
        until(lambda: service.output.count("Listening on") == 2, "no new master")
        [successor] = [pid for pid in old.worker_pids() if pid not in workers and children(pid)]
        process.terminate()
        process.wait(60)
        try:
            with (
                pytest.raises(NotStarted, match=r"is in use by another running service"),
                live_proxy(environ),
            ):
                pass
        finally:
            os.kill(successor, signal.SIGTERM)
    until(lambda: ended(successor), "it does not end")


@pytest.mark.parametrize("program", ["command", "gunicorn"])
@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        pytest.param("file/below", "cannot write to PROMETHEUS_MULTIPROC_DIR=", id="a file"),
        pytest.param("mine", "holds other files than metrics (thesis.txt)", id="other files"),
    ],
)
@pytest.mark.long(except_every=4)
def test_a_directory_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, path: str, complaint: str, program: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    commands = {
        "command": ["-m", "proxy.cli", "--port", "0"],
        "gunicorn": ["-m", "gunicorn", "-c", str(ROOT / "deploy/gunicorn.conf.py"), "wsgi:app"],
    }
    done = subprocess.run(
        [sys.executable, *commands[program]],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "CLAUDE_PROXY_PORT": "0",
            "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / path),
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 3
    assert complaint in done.stderr
    assert "name a directory" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_promtool_finds_nothing_to_complain_of(upstream: UpstreamStub) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: make programs")
    with proxy_for(upstream) as proxy:
        ask(proxy)
        ask(proxy, stream=True)
        text = exposition(proxy)
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.long
def test_two_machines_count_requests_by_the_place_of_the_clients_key(
    upstream: UpstreamStub,
) -> None:
    keys = ["front-key-of-alice", "front-key-of-bob"]
    with redis_server() as server:
        environ = {
            "CLAUDE_PROXY_REDIS_URL": server.url,
            "CLAUDE_PROXY_AUTH_KEY": ",".join(keys),
        }
        with proxy_for(upstream, environ) as one, proxy_for(upstream, environ) as two:
            with ThreadPoolExecutor(8) as pool:
                asked = [(one, keys[0])] * 5 + [(two, keys[0])] * 4 + [(two, keys[1])] * 7
                assert set(pool.map(lambda each: ask(each[0], key=each[1]), asked)) == {200}
            assert ask(one, key="front-key-of-nobody") == 401

            def shared() -> bool:
                stats = one.get("/v1/stats", headers={"x-api-key": keys[1]})[1]
                clients = stats["clients"]
                # Those who look are counted too.
                return bool(clients.get("key 1") == 9 and clients.get("key 2", 0) >= 7)

            until(shared, "the clients are not summed")


def test_two_machines_share_their_counts(upstream: UpstreamStub) -> None:
    with redis_server() as server:
        environ = {"CLAUDE_PROXY_REDIS_URL": server.url}
        with proxy_for(upstream, environ) as one, proxy_for(upstream, environ, workers=1) as two:
            assert [ask(one) for _ in range(6)] + [ask(two) for _ in range(4)] == [200] * 10

            def shared() -> bool:
                stats = two.get("/v1/stats")[1]
                assert stats["scope"] == "all machines"
                return bool(stats["models"].get("gpt-4o", {}).get("requests") == 10)

            until(shared, "the counts are not summed")
            assert two.get("/v1/stats")[1]["workers"] == 1
            # What was counted last is sent at the end.
            assert ask(one) == 200
            one.process.send_signal(signal.SIGTERM)
            one.process.wait(60)
            assert two.get("/v1/stats")[1]["models"]["gpt-4o"]["requests"] == 11
            server.stop()
            assert ask(two) == 200
            stats = two.get("/v1/stats")[1]
            assert stats["scope"] == "this machine"
            assert stats["note"].startswith("Redis does not answer")
            assert stats["models"]["gpt-4o"]["requests"] == 5
            assert two.logged("usage counts are kept").count("usage counts are kept") == 1


@pytest.mark.long
def test_another_gunicorn_configuration_counts_into_the_operators_directory(
    upstream: UpstreamStub, tmp_path: Path
) -> None:
    port, log_path = free_port(), tmp_path / "log"
    (tmp_path / "metrics").mkdir()
    options = ["-k", "gevent", "-w", "2", "-b", f"127.0.0.1:{port}", "--no-control-socket"]
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, "wsgi:app"],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "PYTHONPATH": str(ROOT),
                "OPENAI_BASE_URL": upstream.base_url,
                "OPENAI_API_KEY": "k",
                **NAMED_MODELS,
                "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    proxy = LiveProxy(process, port, log_path)
    try:
        until(lambda: ask(proxy) == 200, "no answer")
        before = messages(proxy)
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(lambda _: ask(proxy), range(20))) == [200] * 20
        until(lambda: messages(proxy) == before + 20, "not every request is counted")
        assert proxy.get("/v1/stats")[1]["scope"] == "this machine"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
