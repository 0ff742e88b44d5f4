"""Billed tokens are recorded, also when the client left or the stream broke.

What the upstream told counts as told; what it did not live to tell is estimated, and marked so. Log,
metrics and statistics hold the same figures, to the token.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.live import LiveProxy, free_port, live_proxy
from tests.security.billed_answers import CASES, NOTHING
from tests.security.wire import request
from tests.upstream_stub import Recorded, Script, UpstreamStub

PAYERS = ("fixed", "passed")
UNSENT = {"deaf-chat": 499, "deaf-native": 499, "closed-chat": 502, "closed-native": 502}
"""Upstreams that never have the whole request, and how the log tells of it."""
SLOW_SECONDS = 2
"""For which slow upstreams are waited for."""
UNREAD_BYTES = 24_000_000
"""More than the buffers between two sockets hold."""
DEAF = sum(model.startswith("deaf") for model in UNSENT)
SETTLED = 1.0
"""What was sent with the last thing that a client saw is read too."""


@dataclass
class Upstream:
    """Plays the scripts of each request's case in turn; knows how many it has played."""

    played: Counter[str] = field(default_factory=Counter)

    def __call__(self, recorded: Recorded) -> Script:
        name = recorded.json["messages"][0]["content"].strip(".")
        at = self.played[name]
        self.played[name] += 1
        scripts = CASES[name.partition(": ")[2]].scripts
        # Whatever comes beyond them would be one attempt too many.
        return scripts[at] if at < len(scripts) else NOTHING


@dataclass(frozen=True)
class Books:
    """What the program says of all cases once they are over."""

    lines: dict[str, list[dict[str, Any]]]
    metrics: Counter[tuple[str, str]]
    """Tokens by model and kind."""
    answers: Counter[tuple[str, str]]
    """By model and whether they are ``counted`` or ``estimated``."""
    models: dict[str, dict[str, int]]
    """Of /v1/stats."""
    played: Counter[str]


def registry(origin: str, deaf: int) -> str:
    """A provider for each model of each case, so that none fails so often that it rests.

    Those for ``UNSENT`` are at the port ``deaf``, where nobody reads, and at one that is closed.
    """
    found = []
    for protocol in ("chat", "native"):
        for name, port in (("deaf", deaf), ("closed", free_port())):
            found.append(provider(f"{name}-{protocol}", f"http://127.0.0.1:{port}", protocol))
    for payer in PAYERS:
        for key, case in CASES.items():
            models = [model_name(f"{payer}: {key}", model) for model in case.models]
            for model, name in zip(case.models, models, strict=True):
                made = provider(name, origin, case.protocol)
                if payer == "fixed":
                    made["api_key"] = "sk-server"
                if model == "slow":
                    made["upstream_timeout_seconds"] = SLOW_SECONDS
                made["models"][0]["fallbacks"] = [other for other in models if other != name]
                found.append(made)
    return json.dumps({"providers": found})


def provider(name: str, origin: str, protocol: str) -> dict[str, Any]:
    """One with a model of its name."""
    direct = protocol == "native"
    url = origin if direct else f"{origin}/v1"
    return {"name": name, "base_url": url, "direct": direct, "models": [{"id": name}]}


def model_name(name: str, model: str) -> str:
    return f"{request_id(name)}-{model}"


def hold_connections(deaf: socket.socket, held: list[socket.socket]) -> None:
    """Accept connections at which nobody reads, as many as are to come."""
    for _ in range(DEAF):
        held.append(deaf.accept()[0])


def ask_unsent(proxy: LiveProxy, model: str, held: list[socket.socket]) -> None:
    """What never reaches an upstream in full; the client leaves where it has begun to."""
    content = "x" * (UNREAD_BYTES if model.startswith("deaf") else 400)
    body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": content}]}
    head = {"x_api_key": "sk-client", "x_request_id": model}
    raw = request("POST", "/v1/messages", json.dumps(body).encode(), **head)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as sock:
        sock.sendall(raw)
        if model.startswith("closed"):
            while sock.recv(65536):
                pass
            return
        wait_for(lambda: len(held) == DEAF, model)
        time.sleep(SETTLED)


def ask(proxy: LiveProxy, upstream: Upstream, name: str) -> None:
    case = CASES[name.partition(": ")[2]]
    body = {
        "model": model_name(name, case.models[0]),
        "max_tokens": 900,
        "stream": case.stream,
        "messages": [{"role": "user", "content": name.ljust(400, ".")}],
    }
    head = {"x_api_key": "sk-client", "x_request_id": request_id(name)}
    raw = request("POST", "/v1/messages", json.dumps(body).encode(), **head)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as sock:
        sock.sendall(raw)
        if case.until is None:
            with contextlib.suppress(ConnectionError):
                while sock.recv(65536):
                    pass
            return
        wait_for(lambda: upstream.played[name] == len(case.scripts), name)
        seen = b""
        while case.until not in seen:
            data = sock.recv(65536)
            assert data, f"{name}: ended after {seen!r}"
            seen += data
        time.sleep(SETTLED)


def request_id(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def wait_for(reached: Any, what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    """All cases at once, as in real life, and what is in the books then."""
    directory: Path = tmp_path_factory.mktemp("billing")
    upstream, log = Upstream(), directory / "log"
    stub = UpstreamStub(default=upstream)
    held: list[socket.socket] = []
    deaf = socket.create_server(("127.0.0.1", 0))
    (directory / "providers.json").write_text(registry(stub.origin, deaf.getsockname()[1]), "utf-8")
    environ = {
        "CLAUDE_PROXY_CONFIG": str(directory / "providers.json"),
        "CLAUDE_PROXY_LOG_FORMAT": "json",
        "CLAUDE_PROXY_LOG_FILE": str(log),
        "MAX_RETRIES": "1",
    }
    names = [f"{payer}: {case}" for payer in PAYERS for case in CASES]
    with live_proxy(environ) as proxy:
        together([(ask, (proxy, upstream, name)) for name in names])
        # Their bodies would hold up the others for longer than slow ones are waited for.
        threading.Thread(target=hold_connections, args=(deaf, held), daemon=True).start()
        together([(ask_unsent, (proxy, model, held)) for model in UNSENT])
        wait_for(
            lambda: len(lines(log)) == len(names) + len(UNSENT), "not every request has its line"
        )
        tokens, answers = counted(proxy)
        models = proxy.get("/v1/stats")[1]["models"]
        yield Books(lines(log), tokens, answers, models, upstream.played)
    stub.close()
    for connection in (*held, deaf):
        connection.close()


def together(calls: list[tuple[Callable[..., None], tuple[Any, ...]]]) -> None:
    """Make all ``calls`` at the same time."""
    threads = [threading.Thread(target=function, args=args) for function, args in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def lines(log: Path) -> dict[str, list[dict[str, Any]]]:
    """The access lines by request id."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in log.read_text("utf-8").splitlines():
        facts = json.loads(line)
        if facts.get("path") == "/v1/messages":
            found.setdefault(facts["x_request_id"], []).append(facts)
    return found


def counted(proxy: LiveProxy) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    tokens: Counter[tuple[str, str]] = Counter()
    answers: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "claude_proxy_tokens_total":
                tokens[sample.labels["model"], sample.labels["kind"]] += int(sample.value)
            elif sample.name == "claude_proxy_answers_total":
                answers[sample.labels["model"], sample.labels["usage"]] += int(sample.value)
    return tokens, answers


@pytest.mark.parametrize("payer", PAYERS)
@pytest.mark.parametrize("case", CASES)
def test_what_was_billed_is_in_the_log(books: Books, case: str, payer: str) -> None:
    name, expected = f"{payer}: {case}", CASES[case]
    (facts,) = books.lines[request_id(name)]
    assert facts["status"] == expected.status, facts
    assert books.played[name] == len(expected.scripts)
    told = tuple(facts.get(word) for word in ("input_tokens", "output_tokens", "estimated"))
    assert told == (expected.bill or (None, None, None)), facts


@pytest.mark.parametrize("payer", PAYERS)
@pytest.mark.parametrize("case", CASES)
def test_metrics_and_statistics_say_the_same(books: Books, case: str, payer: str) -> None:
    for model, bill in CASES[case].payers.items():
        name = model_name(f"{payer}: {case}", model)
        received, sent, estimated = bill or (0, 0, False)
        metrics, stats = books.metrics, books.models.get(name, {})
        assert (metrics[name, "input"], metrics[name, "output"]) == (received, sent), model
        assert (stats.get("input_tokens", 0), stats.get("output_tokens", 0)) == (received, sent)
        assert books.answers[name, "estimated"] == estimated
        assert books.answers[name, "counted"] == (bill is not None and not estimated)
        assert stats.get("estimated", 0) == estimated


@pytest.mark.parametrize("model", UNSENT)
def test_what_no_upstream_has_costs_nothing(books: Books, model: str) -> None:
    (facts,) = books.lines[model]
    assert facts["status"] == UNSENT[model]
    assert "input_tokens" not in facts
    assert books.answers[model, "estimated"] == 0
    assert model not in books.models
