"""What an upstream bills is in the books, also when the client left or the stream broke.

What the upstream told counts as told; what it did not live to tell is estimated, and marked so.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live import LiveProxy, live_proxy
from tests.security.wire import exchange, request
from tests.upstream_stub import Reset, Script, UpstreamStub, Wait, chunk, sse, usage

FOREVER = threading.Event()
WORDS = "word " * 400
BILL = {"input_tokens": 1000, "output_tokens": 1}
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "up", "content": []}
START = {"type": "message_start", "message": MESSAGE | {"usage": BILL}}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
TEXT = {"type": "text_delta", "text": WORDS}
DELTA = {"type": "content_block_delta", "index": 0, "delta": TEXT}
TOLD = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn"},
    "usage": {"output_tokens": 77},
}


def chat(*items: object) -> Script:
    return sse(*items, done=False)


def told(text: str) -> dict[str, Any]:
    """A chunk that tells the usage so far, as some upstreams send with each."""
    return chunk(content=text, usage=usage(1000, 77))


LEFT, BROKEN = Wait(FOREVER), Reset()
CASES = {
    # Model, what the upstream sends, and (input, output, estimated): exact, or at least.
    "chat, left, untold": ("chat", chat(chunk(content=WORDS), LEFT), None),
    "chat, broken, untold": ("chat", chat(chunk(content=WORDS), BROKEN), None),
    "chat, left, told": ("chat", chat(told(WORDS), LEFT), (1000, 77, False)),
    "chat, broken, told": ("chat", chat(told(WORDS), BROKEN), (1000, 77, False)),
    "native, left, told": ("native", chat(START, BLOCK, DELTA, TOLD, LEFT), (1000, 77, False)),
    "native, broken, told": ("native", chat(START, BLOCK, DELTA, TOLD, BROKEN), (1000, 77, False)),
    "native, left, half told": ("native", chat(START, BLOCK, DELTA, LEFT), (1000, None, True)),
    "native, broken, half told": ("native", chat(START, BLOCK, DELTA, BROKEN), (1000, None, True)),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamStub]:
    stub = UpstreamStub()
    yield stub
    stub.close()


@pytest.fixture(scope="module")
def proxy(upstream: UpstreamStub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveProxy]:
    path: Path = tmp_path_factory.mktemp("billing") / "providers.yaml"
    path.write_text(
        f"providers:\n  - name: c\n    base_url: {upstream.base_url}\n    api_key: sk-1\n"
        "    models:\n      - id: chat\n"
        f"  - name: n\n    base_url: {upstream.origin}\n    api_key: sk-2\n    direct: true\n"
        "    models:\n      - id: native\n",
        "utf-8",
    )
    with live_proxy({"CLAUDE_PROXY_CONFIG": str(path)}) as running:
        yield running


def billed(proxy: LiveProxy) -> tuple[int, int, int]:
    """Input, output and estimated answers so far."""
    total = proxy.get("/v1/stats")[1]["total"]
    told = {
        name: int(total.get(name, 0)) for name in ("input_tokens", "output_tokens", "estimated")
    }
    return told["input_tokens"], told["output_tokens"], told["estimated"]


@pytest.mark.parametrize("case", CASES)
def test_what_was_billed_is_counted(proxy: LiveProxy, upstream: UpstreamStub, case: str) -> None:
    model, script, expected = CASES[case]
    before = billed(proxy)
    upstream.answer(script)
    first = {"role": "user", "content": "hello"}
    body = {"model": model, "max_tokens": 900, "stream": True, "messages": [first]}
    raw = request("POST", "/v1/messages", json.dumps(body).encode(), x_api_key="k")
    if "left" in case:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as sock:
            sock.sendall(raw)
            seen = b""
            while b"word word" not in seen:
                seen += sock.recv(65536)
            # What was sent with it is read too.
            time.sleep(0.2)
    else:
        exchange(proxy.port, raw)
    deadline = time.monotonic() + 10
    while (after := billed(proxy)) == before and time.monotonic() < deadline:
        time.sleep(0.05)
    found = tuple(now - then for now, then in zip(after, before, strict=True))
    if expected is None:
        assert found[0] > 0
        assert 300 < found[1] < 900
        assert found[2] == 1
    elif expected[1] is None:
        assert found[0] == expected[0]
        assert 300 < found[1] < 900
        assert found[2] == 1
    else:
        assert found == (expected[0], expected[1], 0)
