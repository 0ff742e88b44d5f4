"""Checks of one model: each sends a request as a client does and judges the answer.

A check returns its note and raises ``Failed``, ``NotSupported`` or ``Skipped`` (``outcome``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from proxy.cli.red_square import RED
from proxy.cli.smoke import bodies
from proxy.cli.smoke.client import COUNT, Client, Refused, Reply
from proxy.cli.smoke.message_shape import text_of
from proxy.cli.smoke.outcome import Failed, NotSupported, Skipped

DROPPED = "x-claude-proxy-dropped"
ROUTE = "x-claude-proxy-route"
COUNTER = "x-token-counting"
FEWER, MORE = 10, 200
"""Words of the two texts whose tokens are counted."""
THINKING_KINDS: tuple[Mapping[str, Any], ...] = (
    {"type": "enabled", "budget_tokens": bodies.THINKING_TOKENS},
    {"type": "adaptive"},
)
"""Older models take only the first, newer ones only the second."""
THOUGHTS = frozenset({"thinking", "redacted_thinking"})


def connection(client: Client, model: str) -> str:
    """``/test-connection``: what the proxy itself says of the upstream."""
    if client.target.origin != client.target.url:
        raise Skipped("a dynamic route has no /test-connection")
    try:
        told = client.get(f"/test-connection?model={quote(model, safe='')}")
    except Refused as refusal:
        if refusal.status == 404 and not refusal.error.get("message", "").startswith("model"):
            raise Skipped("this server has no /test-connection") from refusal
        if refusal.body.get("status") == "failed":
            told = refusal.body
            words = f"{told.get('error_type')}: {told.get('message')} ({told.get('suggestion')})"
            raise Failed(words) from refusal
        raise
    if not isinstance(told, dict) or told.get("status") != "success":
        raise Failed("/test-connection does not say 'success'")
    return f"{told.get('provider')}/{told.get('model_used')}"


def message(client: Client, model: str) -> str:
    """A whole answer to a conversation with a system prompt."""
    reply = client.whole(bodies.conversation(model))
    text = _answer(reply)
    if text and bodies.NAME.lower() not in text.lower():
        return "the answer does not use the conversation"
    return (text and _route(reply)) or _no_text(reply)


def stream(client: Client, model: str) -> str:
    """A streamed answer whose events are in order."""
    reply = client.stream(bodies.hello(model))
    if not _answer(reply):
        return _no_text(reply)
    return f"{reply.events} events, the first content after {reply.first_seconds:.2f} s"


def _route(reply: Reply) -> str:
    return reply.headers.get(ROUTE, "").partition(";")[0]


def _answer(reply: Reply) -> str:
    """The text; raises ``Failed`` if there is nothing at all, for no reason."""
    text = text_of(reply.message)
    if not text.strip() and reply.message["stop_reason"] not in ("max_tokens", "refusal"):
        raise Failed(f"the answer has no text (stop_reason {reply.message['stop_reason']})")
    return text


def _no_text(reply: Reply) -> str:
    return f"no text: it ended with {reply.message['stop_reason']}"


def thinking(client: Client, model: str) -> str:
    """Thinking blocks, streamed, and a second turn with them in the history."""
    body, reply = _thought(client, model)
    kinds = [block["type"] for block in reply.message["content"]]
    if not THOUGHTS & set(kinds):
        raise NotSupported("the answer holds no thinking")
    if reply.message["stop_reason"] == "max_tokens":
        return "thinking, up to the output limit"
    follow = bodies.continued(body, reply.message["content"], "And 17 times 24?")
    try:
        client.stream(follow)
    except Refused as refusal:
        raise Failed(f"the next turn, with the thinking in its history: {refusal}") from refusal
    return "also in the history of a second turn"


def _thought(client: Client, model: str) -> tuple[bodies.Body, Reply]:
    first: Refused | None = None
    for kind in THINKING_KINDS:
        body = bodies.thinking(model, kind)
        try:
            return body, client.stream(body)
        except Refused as refusal:
            if refusal.status != 400:
                raise
            first = first or refusal
    raise NotSupported(f"refused: {first}")


def image(client: Client, model: str) -> str:
    """A picture whose colour the answer names."""
    try:
        reply = client.whole(bodies.image(model))
    except Refused as refusal:
        if refusal.status == 400 and refusal.shaped:
            raise NotSupported(f"refused: {refusal}") from refusal
        raise
    dropped = reply.headers.get(DROPPED, "")
    if "image" in dropped:
        raise NotSupported(f"the upstream takes no images: {dropped}")
    if not RED.search(text_of(reply.message)):
        raise NotSupported("the answer does not name the colour of the picture")
    return "the colour was seen"


def count(client: Client, model: str) -> str:
    """``count_tokens`` of a short and of a longer text."""
    (fewer, _), (more, headers) = (_counted(client, model, words) for words in (FEWER, MORE))
    if fewer >= more:
        raise Failed(f"{FEWER} words are counted as {fewer} tokens, {MORE} words as {more}")
    counter = headers.get(COUNTER)
    return f"{MORE} words are {more} tokens" + (f" ({counter})" if counter else "")


def _counted(client: Client, model: str, words: int) -> tuple[int, Mapping[str, str]]:
    told, headers = client.post(COUNT, bodies.counted(model, words))
    tokens = told.get("input_tokens") if isinstance(told, dict) else None
    if not isinstance(tokens, int) or tokens <= 0:
        raise Failed(f"count_tokens answers with input_tokens {tokens!r}")
    return tokens, headers
