"""Input made to cost more than its size: patterns, keys, repetitions, bombs.

Work is counted (calls, bytes of memory) where that can be done; of patterns and texts, whose work
nobody can count, the growth is measured.
"""

from __future__ import annotations

import gzip
import importlib
import json
import pkgutil
import re
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import config
import proxy as package
from config.settings import Settings
from proxy.app import create_app
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.failures.classify import failure_from_answer
from proxy.failures.history_steps import Row
from proxy.failures.schema_refusals import SchemaRefusal
from proxy.providers.profiles.base import Profile
from proxy.relay.native.event_scan import EventScan
from proxy.relay.native.mended import Mend
from tests.live import LiveProxy, live_proxy
from tests.security.growth import NOTICEABLE, TIMES, grows_too_fast, seconds, work
from tests.security.wire import answers, exchange, request
from tests.upstream_stub import UpstreamStub, completion, json_answer

JSON = {"content-type": "application/json", "x-api-key": "k"}
LENGTH = 20_000
SECONDS = 2.0
"""A pattern that reads LENGTH characters in linear time takes milliseconds; one that takes longer
than this is not tried with more."""
FEW, MANY = 200, 800
GROWTH = 1.5 * MANY / FEW
"""Work that grows with the square would grow by 16."""
PIECES = (
    " ",
    "a",
    "0",
    "-",
    "_",
    "*",
    "\t",
    "\n",
    "\r\n",
    "/",
    "=",
    "<",
    ":",
    ".",
    "'",
    '"',
    "a ",
    "é",
)


ROWS_OF_TABLES = (Row, SchemaRefusal)
"""Their words are compiled when a refusal is read."""


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Every compiled pattern of the program, by module and name."""
    for parent in (package, config):
        for found in pkgutil.walk_packages(parent.__path__, f"{parent.__name__}."):
            if found.name.endswith("__main__"):
                continue
            module = importlib.import_module(found.name)
            for name, value in vars(module).items():
                yield from _in(f"{found.name}.{name}", value)


def _in(name: str, value: object) -> Iterator[tuple[str, re.Pattern[Any]]]:
    if isinstance(value, re.Pattern):
        yield name, value
    elif isinstance(value, ROWS_OF_TABLES):
        yield f"{name}.words", re.compile(value.words)
    elif isinstance(value, Mend):
        yield f"{name}.refused", value.refused
    elif isinstance(value, tuple | list | frozenset) and len(value) < 200:
        for number, each in enumerate(value):
            yield from _in(f"{name}[{number}]", each)
    elif isinstance(value, dict) and len(value) < 200:
        for key, each in value.items():
            yield from _in(f"{name}[{key}]", key)
            yield from _in(f"{name}[{key}]", each)


PATTERNS = {pattern: name for name, pattern in patterns()}
_SOURCES = "\n".join(
    path.read_text("utf-8")
    for parent in (package, config)
    for path in Path(parent.__path__[0]).rglob("*.py")
)


def searches(name: str) -> set[str]:
    """How the program applies the pattern called ``name``: from any place, or as a whole."""
    called = re.escape(name.rpartition(".")[2])
    used = set(re.findall(rf"\b{called}\.(search|match|fullmatch|sub|split|find\w+)\b", _SOURCES))
    # One out of a table is applied under another name.
    found = {way if way in ("match", "fullmatch") else "search" for way in used}
    return found or {"search"}


def seeds(source: str) -> list[str]:
    """Pieces of text that a pattern waits for, and such as it may stumble over."""
    words = [word for word in re.findall(r"[A-Za-z]{2,}|[^\w\s\\]", source) if word]
    pairs = [f"{word} " for word in words] + [f"{word}a" for word in words]
    return list(dict.fromkeys([*words, *pairs, *PIECES, " ".join(words), "".join(words)]))


def test_patterns_are_found() -> None:
    assert len(PATTERNS) > 30


@pytest.mark.parametrize("pattern", PATTERNS, ids=PATTERNS.get)
@pytest.mark.long(except_every=4)
def test_no_pattern_can_be_blown_up(pattern: re.Pattern[Any]) -> None:
    raw = isinstance(pattern.pattern, bytes)
    source = pattern.pattern.decode("latin-1") if raw else pattern.pattern
    ways = searches(PATTERNS[pattern])
    for seed in seeds(source):
        for text in (seed * (LENGTH // len(seed)), f"x{seed * (LENGTH // len(seed))}\x00"):
            subject = text.encode() if raw else text
            for way in ways:
                few = partial(getattr(pattern, way), subject)
                taken = seconds(few)
                assert taken < SECONDS, (way, seed)
                if taken > NOTICEABLE / 2:
                    many = partial(getattr(pattern, way), _longer(subject, len(seed)))
                    assert not grows_too_fast(few, many), (way, seed)


def _longer(subject: Any, seed: int) -> Any:
    """``subject`` TIMES as long; its first and last character, maybe none of the seed, stay there."""
    middle = subject[seed:-seed]
    return subject[:seed] + middle * TIMES + subject[-seed:]


@pytest.mark.parametrize(("bad", "seed"), [("a*b", "a" * 6000), (r" +$", " " * 2000)])
def test_a_pattern_that_takes_the_square_is_seen(bad: str, seed: str) -> None:
    few, many = f"{seed}z", f"{seed * TIMES}z"
    pattern = re.compile(bad)
    assert grows_too_fast(partial(pattern.search, few), partial(pattern.search, many))


def message(role: str, content: object) -> dict[str, Any]:
    return {"role": role, "content": content}


def _calls(count: int) -> dict[str, Any]:
    ids = [f"toolu_{number}" for number in range(count)]
    asked = [{"type": "tool_use", "id": id, "name": "t", "input": {}} for id in ids]
    told = [{"type": "tool_result", "tool_use_id": id, "content": "x"} for id in ids]
    tool = {"name": "t", "input_schema": {"type": "object"}}
    turns = [message("user", "x"), message("assistant", asked), message("user", told)]
    return {"messages": turns, "tools": [tool]}


def _tools(count: int) -> dict[str, Any]:
    schema = {"type": "object"}
    tools = [{"name": f"t{number}", "input_schema": schema} for number in range(count)]
    return {"messages": [message("user", "x")], "tools": tools}


def _turns(count: int) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {"messages": [message(roles[n % 2], f"turn {n}") for n in range(2 * count + 1)]}


def _texts(count: int) -> dict[str, Any]:
    return {"messages": [message("user", [{"type": "text", "text": "x"}] * count)]}


def _same_turns(count: int) -> dict[str, Any]:
    return {"messages": [message("user", "x")] * count}


def _members(count: int) -> dict[str, Any]:
    return {"messages": [message("user", "x")]} | {f"m{number}": 1 for number in range(count)}


def _properties(count: int) -> dict[str, Any]:
    schema = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(count)}}
    tools = [{"name": "t", "input_schema": schema}]
    return {"messages": [message("user", "x")], "tools": tools}


def _billing_lines(count: int) -> dict[str, Any]:
    lines = "x-anthropic-billing-header: x\r\n" * 100 * count
    return {"system": lines, "messages": [message("user", "x")]}


def _mistakes(count: int) -> dict[str, Any]:
    return {"messages": [message("nobody", 1)] * count}


SHAPES: dict[str, Callable[[int], dict[str, Any]]] = {
    "calls": _calls,
    "tools": _tools,
    "turns": _turns,
    "texts": _texts,
    "turns of one role": _same_turns,
    "members": _members,
    "properties": _properties,
    "mistakes": _mistakes,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.long(except_every=3)
def test_work_grows_with_the_size_and_no_faster(shape: str) -> None:
    client = create_app(Settings(openai_api_key="sk-server")).test_client()
    head = {"model": "claude-sonnet-5", "max_tokens": 5}
    done = []
    for count in (FEW, FEW, MANY):
        raw = json.dumps(head | SHAPES[shape](count))
        # The dry run does all that a request does, and calls nobody.
        ask = partial(client.post, "/v1/messages/test_conversion", data=raw, headers=JSON)
        done.append(work(ask))
    first, few, many = done
    assert many < GROWTH * max(few, 2000)
    assert first


def test_a_refusal_of_any_length_is_read_in_little_work() -> None:
    def read(size: int) -> Callable[[], object]:
        words = "model maximum context length tokens max_tokens unsupported parameter " * size
        return lambda: failure_from_answer(400, {"error": {"message": words}})

    assert work(read(4000)) < 2 * work(read(1000)) + 1000


def test_lines_that_are_left_out_are_not_copied_again_and_again() -> None:
    """A megabyte of the line that Claude Code puts first."""

    def convert(count: int) -> Callable[[], object]:
        request = _billing_lines(count)
        return lambda: message_request_to_chat(request, Profile(), model="m", max_tokens=None)

    assert not grows_too_fast(convert(100), convert(100 * TIMES))


def test_an_event_without_end_is_not_searched_again_and_again() -> None:
    """From a native upstream, in small reads: full of words that might tell of an error."""

    def scan(count: int) -> Callable[[], object]:
        data = b'data: {"type":"content_block_start"}\n\ndata: ' + b'"error"' * count

        def feed() -> None:
            events = EventScan(None)
            for at in range(0, len(data), 300):
                events.feed(data[at : at + 300])

        return feed

    assert not grows_too_fast(scan(4000), scan(4000 * TIMES))


@pytest.fixture(scope="module")
def running() -> Iterator[LiveProxy]:
    stub = UpstreamStub(default=json_answer(completion()))
    environ = {"OPENAI_BASE_URL": stub.base_url, "OPENAI_API_KEY": "sk-server"}
    with live_proxy(environ) as proxy:
        yield proxy
    stub.close()


def peak_mb(proxy: LiveProxy) -> float:
    (pid,) = proxy.worker_pids()
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the kernel tells no peak")


BOMBS = {
    "gzip": gzip.compress(b" " * 400_000_000, 9),
    "deflate": zlib.compress(b"[" * 400_000_000, 9),
}


@pytest.mark.parametrize("coding", BOMBS)
def test_a_bomb_costs_no_more_than_the_limit(running: LiveProxy, coding: str) -> None:
    """400 MB of which at most MAX_BODY_BYTES, 32 MiB, may ever exist, in two copies."""
    raw = request("POST", "/v1/messages", BOMBS[coding], content_encoding=coding)
    before = peak_mb(running)
    (seen,) = answers(exchange(running.port, raw))
    assert seen.status == 413
    assert peak_mb(running) - before < 100


def test_keys_that_collide_in_an_unseeded_table_cost_nothing(running: LiveProxy) -> None:
    """The program's strings are hashed with a seed of its own, so nobody can choose collisions."""
    for pid in (running.process.pid, *running.worker_pids()):
        environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        assert [each for each in environ if each.startswith(b"PYTHONHASHSEED=")] == []
    asked = {"model": "claude-sonnet-5", "max_tokens": 5, "messages": [message("user", "x")]}
    deep = json.dumps(asked | {"metadata": {"user_id": "u"} | {str(n): n for n in range(50_000)}})
    (seen,) = answers(exchange(running.port, request("POST", "/v1/messages", deep.encode())))
    assert seen.status in (200, 400)
