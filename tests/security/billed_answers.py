"""Answers whose tokens are billed: what the upstream sends, when the client leaves, what is recorded.

Each case stands for both ways to pay: with the server's key, and with the client's own.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.upstream_stub import (
    Close,
    Reset,
    Script,
    Step,
    Wait,
    answer,
    chunk,
    completion,
    json_answer,
    sse,
    usage,
)

FOREVER = threading.Event()
STAY = Wait(FOREVER)
WORDS = "word " * 400
PROMPT_TOKENS = 100
"""Of each case's prompt by its bytes, which is what anything that broke off costs."""
COUNTED_TOKENS = 22
"""The same by the tokenizer, to which most of it is a row of dots."""
WRITTEN = len(WORDS) // 4
TOLD = {"input_tokens": 1000, "output_tokens": 77}
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "up", "content": []}
START = {"type": "message_start", "message": MESSAGE | {"usage": TOLD | {"output_tokens": 1}}}
UNTOLD = {"type": "message_start", "message": MESSAGE}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
DELTA = {
    "type": "content_block_delta",
    "index": 0,
    "delta": {"type": "text_delta", "text": WORDS},
}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": TOLD}
SILENT_END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
STOP = {"type": "message_stop"}
FAILED: Script = json_answer({"error": {"message": "down", "type": "server_error"}}, 500)
REFUSED: Script = json_answer({"error": {"message": "no", "type": "invalid_request_error"}}, 400)
WHOLE_BYTES = 1000
"""Of a whole answer that is cut: 200 of them are no words of the model's."""

Bill = tuple[int, int, bool]
"""Input tokens, output tokens, whether any of them is estimated."""


@dataclass(frozen=True)
class Case:
    """``scripts`` answer the attempts in turn; the client leaves once it has seen ``until`` behind
    the last of them, or stays (None). ``bill`` is None where nothing may be in the books."""

    protocol: str
    stream: bool
    scripts: tuple[Script, ...]
    bill: Bill | None
    until: bytes | None = b""
    status: int = 499
    models: tuple[str, ...] = ("answers",)
    """Those that are asked, each at a provider of its own; ``slow`` ones are not waited for long."""
    payer: str = ""
    """The model whose tokens they are, where that is not the last one."""

    @property
    def payers(self) -> dict[str, Bill | None]:
        """What each model is billed for."""
        payer = self.payer or self.models[-1]
        return {model: self.bill if model == payer else None for model in self.models}


def events(*items: object) -> Script:
    return sse(*items, done=False)


def written(*items: object) -> int:
    """Output tokens in native events by their bytes, less what frames a message and each delta."""
    sent = b"".join(f"data: {json.dumps(item)}\n\n".encode() for item in items)
    return (len(sent) - 500 - 115 * sent.count(b'"delta"')) // 4


def begun(*pieces: bytes, event_stream: bool = False) -> Script:
    """An answer of which so much came."""
    kind = "text/event-stream" if event_stream else "application/json"
    return answer(*pieces, STAY, content_type=kind, framing="chunked")


def cut(end: Step) -> Script:
    """A whole answer that ends inside."""
    body = b'{"choices": ' + b" " * WHOLE_BYTES
    return answer(body[:WHOLE_BYTES], end, framing="chunked")


NOTHING, LEFT = (STAY,), (PROMPT_TOKENS, 0, True)
PART = (PROMPT_TOKENS, (WHOLE_BYTES - 200) // 4, True)
CHAT_TEXT = (PROMPT_TOKENS, WRITTEN, True)
TOLD_BILL = (1000, 77, False)
ANSWERS: dict[str, Callable[[], Script]] = {
    "chat": lambda: json_answer(completion() | {"usage": usage(1000, 77)}),
    "native": lambda: json_answer(MESSAGE | {"usage": TOLD}),
}
UNTOLD_WHOLE = json.dumps(MESSAGE | {"content": [{"type": "text", "text": WORDS}]}).encode()


def _left(protocol: str) -> dict[str, Case]:
    """Clients that leave, by when; before and behind other attempts."""
    cases: dict[str, Case] = {}
    for stream in (False, True):
        how = "stream" if stream else "whole"
        head = begun(event_stream=stream)
        cases |= {
            f"{how}, before the head": Case(protocol, stream, (NOTHING,), LEFT),
            f"{how}, after the head": Case(protocol, stream, (head,), LEFT),
            f"{how}, after a retry": Case(protocol, stream, (FAILED, NOTHING), LEFT),
            f"{how}, after a failover": Case(
                protocol, stream, (FAILED, FAILED, NOTHING), LEFT, models=("fails", "answers")
            ),
            f"{how}, after a timeout": Case(
                protocol, stream, (NOTHING, NOTHING), LEFT, models=("slow", "answers")
            ),
            f"{how}, in a refusal": Case(
                protocol, stream, (answer(b"{", STAY, b"}", status=400),), None
            ),
        }
    cases["whole, mid body"] = Case(protocol, False, (cut(STAY),), PART)
    return {f"left {name}": case for name, case in cases.items()}


def _stayed(protocol: str) -> dict[str, Case]:
    """Clients that stay to the end, however it comes."""
    told = ANSWERS[protocol]

    def case(*scripts: Script, bill: Bill | None, status: int, **more: Any) -> Case:
        return Case(protocol, False, scripts, bill, None, status, **more)

    return {
        "whole, told": case(told(), bill=TOLD_BILL, status=200),
        "whole, told after a retry": case(FAILED, told(), bill=TOLD_BILL, status=200),
        "whole, told after a failover": case(
            FAILED, FAILED, told(), bill=TOLD_BILL, status=200, models=("fails", "answers")
        ),
        "whole, told after a timeout": case(
            NOTHING, told(), bill=TOLD_BILL, status=200, models=("slow", "answers")
        ),
        "whole, broken mid body": case(cut(Reset()), bill=PART, status=502),
        "whole, broken before the head": case((b"HTTP/1.1 ", Close()), bill=None, status=502),
        "whole, refused": case(REFUSED, bill=None, status=400),
        "whole, refused after a timeout": case(
            NOTHING, REFUSED, bill=LEFT, status=504, models=("slow", "answers"), payer="slow"
        ),
        "whole, failed before a timeout": case(
            FAILED, FAILED, NOTHING, bill=LEFT, status=500, models=("fails", "slow")
        ),
        "whole, not an answer": case(answer(b"x" * WHOLE_BYTES), bill=LEFT, status=502),
        "whole, timed out": case(
            NOTHING, FAILED, FAILED, bill=LEFT, status=504, models=("slow", "answers"), payer="slow"
        ),
    }


STREAMS = {
    "chat": {
        "left, untold": Case(
            "chat", True, (events(chunk(content=WORDS), STAY),), CHAT_TEXT, b"word word", 499
        ),
        "left, told": Case(
            "chat",
            True,
            (events(chunk(content=WORDS, usage=usage(1000, 77)), STAY),),
            TOLD_BILL,
            b"word word",
        ),
        "left, input told": Case(
            "chat",
            True,
            (events(chunk(content=WORDS, usage=usage(1000, 0)), STAY),),
            (1000, WRITTEN, True),
            b"word word",
        ),
        "broken, untold": Case(
            "chat", True, (events(chunk(content=WORDS), Reset()),), CHAT_TEXT, None, 200
        ),
        "broken, told": Case(
            "chat",
            True,
            (events(chunk(content=WORDS, usage=usage(1000, 77)), Reset()),),
            TOLD_BILL,
            None,
            200,
        ),
        "refused inside": Case(
            "chat", True, (events({"error": {"message": "no", "code": 400}}),), None, None, 400
        ),
    },
    "native": {
        "left, told": Case(
            "native", True, (events(START, BLOCK, DELTA, END, STAY),), TOLD_BILL, b"end_turn"
        ),
        "left, half told": Case(
            "native",
            True,
            (events(START, BLOCK, DELTA, STAY),),
            (1000, written(START, BLOCK, DELTA), True),
            b"word word",
        ),
        "left, untold": Case(
            "native",
            True,
            (events(UNTOLD, BLOCK, DELTA, STAY),),
            (PROMPT_TOKENS, written(UNTOLD, BLOCK, DELTA), True),
            b"word word",
        ),
        "broken, told": Case(
            "native", True, (events(START, BLOCK, DELTA, END, Reset()),), TOLD_BILL, None, 200
        ),
        "broken, half told": Case(
            "native",
            True,
            (events(START, BLOCK, DELTA, Reset()),),
            (1000, written(START, BLOCK, DELTA), True),
            None,
            200,
        ),
        "complete, untold": Case(
            "native",
            True,
            (events(UNTOLD, BLOCK, DELTA, SILENT_END, STOP),),
            (COUNTED_TOKENS, written(UNTOLD, BLOCK, DELTA, SILENT_END, STOP), True),
            None,
            200,
        ),
        "whole, untold": Case(
            "native",
            False,
            (answer(UNTOLD_WHOLE),),
            (COUNTED_TOKENS, (len(UNTOLD_WHOLE) - 200) // 4, True),
            None,
            200,
        ),
        "refused inside": Case(
            "native",
            True,
            (events({"type": "error", "error": {"type": "overloaded_error", "message": "no"}}),),
            None,
            None,
            200,
        ),
    },
}
CASES: dict[str, Case] = {
    f"{protocol} {name}": case
    for protocol in ("chat", "native")
    for name, case in (_left(protocol) | _stayed(protocol) | STREAMS[protocol]).items()
}
