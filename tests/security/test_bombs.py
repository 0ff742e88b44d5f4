"""Shows that no single request costs a worker much more than its size (SECURITY.md).

Measured at the real program with one worker: its highest resident memory above that before the
request, and the longest turn on its event loop in CPU time.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.settings import Settings
from tests.live import LiveProxy, live_proxy
from tests.security.turns import FILE, WORKER, longest_turn
from tests.security.wire import Answer, answers, exchange
from tests.upstream_stub import UpstreamStub, completion, json_answer
from tests.waiting import until

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="/proc/PID/clear_refs: Linux only"),
]

MAX_BODY = Settings().max_body_bytes
MOST_MEMORY = 10 * MAX_BODY
MOST_KEPT = 100_000_000
"""Bytes that a worker may keep after all requests before, since the memory of small objects has holes."""
MOST_SECONDS = 0.1
"""Of a turn, apart from the parser: ``orjson.loads`` is one call that cannot be interrupted."""
PARSER_SECONDS = 0.5
"""Of a turn that parses up to two million values, or writes them as JSON."""

PLAIN = {
    "model": "claude-sonnet-5",
    "max_tokens": 5,
    "messages": [{"role": "user", "content": "x"}],
}
TEXT = {"type": "text", "text": "x"}
SCHEMA = {"type": "object"}


def asked(**members: object) -> bytes:
    return json.dumps(PLAIN | members, separators=(",", ":"), ensure_ascii=False).encode()


def with_raw(name: str, raw: bytes) -> bytes:
    """A request with the member ``name``, whose value is the JSON ``raw``."""
    return asked()[:-1] + b',"%b":%b}' % (name.encode(), raw)


def listed(item: bytes, count: int) -> bytes:
    return b"[" + b",".join([item] * count) + b"]"


def said(content: object) -> list[dict[str, object]]:
    return [{"role": "user", "content": content}]


def call(given: object) -> list[dict[str, object]]:
    used = {"type": "tool_use", "id": "a", "name": "t", "input": given}
    told = {"type": "tool_result", "tool_use_id": "a", "content": "x"}
    return [*said("x"), {"role": "assistant", "content": [used]}, *said([told])]


def calls(count: int) -> list[dict[str, object]]:
    used = [{"type": "tool_use", "id": f"a{n}", "name": "t", "input": {}} for n in range(count)]
    told = [{"type": "tool_result", "tool_use_id": f"a{n}", "content": "x"} for n in range(count)]
    return [*said("x"), {"role": "assistant", "content": used}, *said(told)]


def turns(count: int) -> list[dict[str, object]]:
    return [{"role": ("user", "assistant")[n % 2], "content": "x"} for n in range(count)]


def tool(schema: object) -> list[dict[str, object]]:
    return [{"name": "t", "input_schema": schema}]


def image(size: int) -> dict[str, object]:
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n".ljust(size, b"\0")).decode()
    return {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": data},
    }


def document() -> dict[str, object]:
    return {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "x"},
    }


@dataclass(frozen=True)
class Bomb:
    """A request and what becomes of it."""

    body: Callable[[], bytes]
    status: int = 200
    words: str = ""
    """In the message of the refusal."""
    coding: str = ""
    seconds: float = MOST_SECONDS
    path: str = "/v1/messages"
    refused: bool = False
    """Whether the upstream refuses the first attempt, so that the request is converted once more."""


VALUES = "more than 2000000 values"
RATIO = "more than 100 times as large as its gzip form"
BLOCKS = "a message should have at most 10000 blocks"


def _random_text() -> bytes:
    return asked(messages=said(random.Random(1).randbytes(15_000_000).hex()))


BOMBS: dict[str, Bomb] = {
    # Small values in a member that is not known, as the review found them.
    "gzip of empty lists": Bomb(
        lambda: gzip.compress(with_raw("u", listed(b"[]", 10_000_000)), 9), 413, RATIO, "gzip"
    ),
    "empty lists": Bomb(lambda: with_raw("u", listed(b"[]", 10_000_000)), 400, VALUES),
    "as many empty lists as allowed": Bomb(
        lambda: with_raw("u", listed(b"[]", 1_999_980)), seconds=PARSER_SECONDS
    ),
    "as many objects as allowed": Bomb(
        lambda: with_raw("u", listed(b'{"a":' * 100 + b"1" + b"}" * 100, 9_900)),
        seconds=PARSER_SECONDS,
    ),
    "as many names as allowed": Bomb(
        lambda: with_raw("u", b"{" + b",".join(b'"%d":1.5' % n for n in range(999_990)) + b"}"),
        seconds=PARSER_SECONDS,
    ),
    "empty texts": Bomb(lambda: with_raw("u", listed(b'""', 1_999_980)), seconds=PARSER_SECONDS),
    "wide texts": Bomb(
        lambda: with_raw("u", listed('"😀234567"'.encode(), 1_999_980)), seconds=PARSER_SECONDS
    ),
    "more empty texts": Bomb(lambda: with_raw("u", listed(b'""', 2_000_001)), 400, VALUES),
    "one name again and again": Bomb(
        lambda: with_raw("u", b"{" + b",".join([b'"a":1'] * 5_000_000) + b"}"), 400, VALUES
    ),
    "a long name": Bomb(lambda: with_raw("u" * 30_000_000, b"1")),
    "a long number": Bomb(lambda: with_raw("u", b"1" * 30_000_000), 400, "not valid JSON"),
    "many long numbers": Bomb(
        lambda: with_raw("u", listed(b"1." + b"1" * 300, 100_000)), seconds=PARSER_SECONDS
    ),
    "nested too deeply": Bomb(lambda: with_raw("u", b"[" * 15_000_000), 400, VALUES),
    # Lists that are converted.
    "tools": Bomb(
        lambda: with_raw("tools", listed(b'{"name":"t","input_schema":{}}', 600_000)), 400, VALUES
    ),
    "fewer tools": Bomb(
        lambda: with_raw("tools", listed(b'{"name":"t","input_schema":{}}', 300_000)),
        400,
        "tools: List should have at most 2048 items",
        seconds=PARSER_SECONDS,
    ),
    "messages": Bomb(
        lambda: asked(messages=turns(100_001)),
        400,
        "messages: List should have at most 100000 items",
        seconds=PARSER_SECONDS,
    ),
    "as many messages as allowed": Bomb(
        lambda: asked(messages=turns(99_999)), seconds=PARSER_SECONDS
    ),
    "messages of one role": Bomb(
        lambda: asked(messages=said("x") * 100_000), seconds=PARSER_SECONDS
    ),
    "blocks": Bomb(lambda: asked(messages=said([TEXT] * 10_001)), 400, BLOCKS),
    "many messages of blocks": Bomb(
        lambda: asked(messages=said([TEXT] * 8_000) * 45), seconds=PARSER_SECONDS
    ),
    "a stream for many messages of blocks": Bomb(
        lambda: asked(messages=said([TEXT] * 8_000) * 45, stream=True), seconds=PARSER_SECONDS
    ),
    "images": Bomb(lambda: asked(messages=said([image(9)] * 8_000) * 20), seconds=PARSER_SECONDS),
    "documents": Bomb(
        lambda: asked(messages=said([document()] * 8_000) * 20), seconds=PARSER_SECONDS
    ),
    "calls": Bomb(lambda: asked(messages=calls(9_999), tools=tool(SCHEMA))),
    "blocks of a result": Bomb(
        lambda: asked(
            messages=[
                *call({})[:2],
                *said([{"type": "tool_result", "tool_use_id": "a", "content": [TEXT] * 10_000}]),
            ],
            tools=tool(SCHEMA),
        ),
        400,
        BLOCKS,
    ),
    "a schema": Bomb(
        lambda: asked(
            tools=tool(
                {**SCHEMA, "properties": {f"p{n}": {"type": "null"} for n in range(490_000)}}
            )
        ),
        seconds=PARSER_SECONDS,
    ),
    "an input": Bomb(
        lambda: asked(messages=call({"a": [[]] * 1_900_000}), tools=tool(SCHEMA)),
        seconds=PARSER_SECONDS,
    ),
    "an input that is a text": Bomb(
        lambda: asked(
            messages=call('{"a":' + listed(b"[]", 10_000_000).decode() + "}"), tools=tool(SCHEMA)
        ),
        400,
        "tool_use.input: Input should be a valid dictionary",
    ),
    "stop sequences": Bomb(
        lambda: asked(stop_sequences=[f"s{n}" for n in range(1_000_000)]), seconds=PARSER_SECONDS
    ),
    # A few large values.
    "a text of commas": Bomb(lambda: asked(messages=said("a, [b: {" * 3_900_000))),
    "a text with one wide character": Bomb(lambda: asked(messages=said("😀" + "abc " * 8_000_000))),
    "texts with one wide character": Bomb(
        lambda: asked(messages=said([{"type": "text", "text": "😀" + "abc " * 2_600_000}] * 3))
    ),
    "an instruction with one wide character": Bomb(lambda: asked(system="😀" + "abc " * 8_000_000)),
    "a refused text with one wide character": Bomb(
        lambda: asked(messages=said("😀" + "abc " * 7_700_000), temperature=0.5), refused=True
    ),
    "refused texts with one wide character": Bomb(
        lambda: asked(
            messages=said([{"type": "text", "text": "😀" + "abc " * 2_600_000}] * 3),
            temperature=0.5,
        ),
        refused=True,
    ),
    "a count of a wide text": Bomb(
        lambda: asked(messages=said("😀" + "abc " * 7_900_000)), path="/v1/messages/count_tokens"
    ),
    "a count of values": Bomb(
        lambda: asked(messages=said([TEXT] * 8_000) * 45),
        path="/v1/messages/count_tokens",
        seconds=PARSER_SECONDS,
    ),
    "a dry run of values": Bomb(
        lambda: asked(messages=call({"a": [[]] * 1_900_000}), tools=tool(SCHEMA)),
        path="/v1/messages/test_conversion",
        seconds=PARSER_SECONDS,
    ),
    "a text of escapes": Bomb(lambda: asked(messages=said('\n"' * 7_000_000))),
    "an image": Bomb(lambda: asked(messages=said([image(22_000_000)]))),
    "a user": Bomb(lambda: asked(metadata={"user_id": "x" * 30_000_000})),
    "gzip of a text": Bomb(lambda: gzip.compress(_random_text(), 1), coding="gzip"),
    "gzip twice": Bomb(
        lambda: gzip.compress(gzip.compress(asked())), 415, "'gzip, gzip'", "gzip, gzip"
    ),
    "gzip in two headers": Bomb(
        lambda: gzip.compress(gzip.compress(asked())),
        415,
        "'gzip,gzip'",
        "gzip\r\nContent-Encoding: gzip",
    ),
}


@dataclass(frozen=True)
class Watched:
    """The running program and where its worker notes long turns."""

    proxy: LiveProxy
    upstream: UpstreamStub
    turns: Path
    at_rest: int
    """Resident memory of the worker before the first request, in bytes."""

    def ask(self, bomb: Bomb, raw: bytes) -> tuple[Answer, int, float]:
        """The answer, the worker's highest memory above that before it, and its longest turn."""
        (pid,) = self.proxy.worker_pids()
        # An answer is read a little before the worker has freed its request.
        until(
            lambda: memory_of(pid, "VmRSS") - self.at_rest <= MOST_KEPT,
            "the memory of the request before is kept",
        )
        before = memory_of(pid, "VmRSS")
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        longest_turn(self.turns)
        if bomb.refused:
            self.upstream.answer(json_answer({"error": REFUSAL}, 400))
        (seen,) = answers(exchange(self.proxy.port, raw, 120))
        return seen, memory_of(pid, "VmHWM") - before, longest_turn(self.turns)


REFUSAL = {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}


def memory_of(pid: int, name: str) -> int:
    """``VmRSS``, or ``VmHWM``, the highest since the last reset, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"the kernel tells no {name}")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    turns = tmp_path_factory.mktemp("turns") / "turns"
    stub = UpstreamStub(default=json_answer(completion()))
    environ = {"OPENAI_BASE_URL": stub.base_url, "OPENAI_API_KEY": "sk-server", FILE: str(turns)}
    with live_proxy(environ, options=("--worker-class", WORKER)) as proxy:
        (pid,) = proxy.worker_pids()
        yield Watched(proxy, stub, turns, memory_of(pid, "VmRSS"))
    stub.close()


def raw_request(body: bytes, coding: str = "", path: str = "/v1/messages") -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: proxy",
        "x-api-key: k",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    if coding:
        lines.append(f"Content-Encoding: {coding}")
    return "\r\n".join([*lines, "", ""]).encode() + body


TRIES = 3
"""What disturbs a measurement makes it longer."""


@pytest.mark.parametrize("name", BOMBS)
def test_no_request_costs_much(watched: Watched, name: str) -> None:
    bomb = BOMBS[name]
    raw = raw_request(bomb.body(), bomb.coding, bomb.path)
    for _ in range(TRIES):
        seen, memory, seconds = watched.ask(bomb, raw)
        assert seen.status == bomb.status, seen.body[:300]
        if bomb.status != 200:
            assert bomb.words in json.loads(seen.body)["error"]["message"]
        assert memory <= MOST_MEMORY
        if seconds <= bomb.seconds:
            break
    assert seconds <= bomb.seconds


def test_a_body_in_chunks_of_one_byte_leaves_the_loop_to_others(watched: Watched) -> None:
    body = asked(messages=said("x" * 400_000))
    head = raw_request(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    raw = head + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    seen, memory, seconds = watched.ask(Bomb(bytes), raw)
    assert seen.status == 200
    assert memory <= MOST_MEMORY
    assert seconds <= MOST_SECONDS
