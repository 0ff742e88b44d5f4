"""The input tokens of a Responses request as its upstream counts them.

Rule: only ``/responses/input_tokens`` counts; a call that generates would bill at least
``Profile.min_output`` tokens.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from proxy.convert.request.converted import ConvertedRequest
from proxy.relay.call import Call
from proxy.relay.count_limits import COUNT_BYTES, COUNT_SECONDS
from proxy.relay.protocol import call_headers
from proxy.relay.upstream_call import decoded, encoded, fetch

COUNT_PATH = "/input_tokens"
COUNTED = (
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "text",
)
"""The fields of a request that the endpoint accepts."""


def count_input(call: Call, converted: ConvertedRequest, url: str) -> int | None:
    """The upstream's count for ``converted``; None if it has no such endpoint or returns no count.

    ``url`` is the upstream's Responses endpoint. Raises ``UpstreamError``, ``UpstreamTimeout`` or
    ``ClientGone``.
    """
    if call.profile().count_endpoint != "responses":
        return None
    body = {name: converted.body[name] for name in COUNTED if name in converted.body}
    headers = call_headers(call, converted, stream=False)
    sent = call.upstream_call(count_url(url), headers, encoded(body))
    sent = replace(sent, first_byte_seconds=min(sent.first_byte_seconds, COUNT_SECONDS))
    answer, _ = fetch(sent, "count", COUNT_BYTES)
    payload = decoded(answer)
    count = payload.get("input_tokens") if isinstance(payload, dict) else None
    return count if type(count) is int and count > 0 else None


def count_url(responses_url: str) -> str:
    """The endpoint that counts, of the upstream whose Responses endpoint is ``responses_url``."""
    parts = urlsplit(responses_url)
    return urlunsplit(parts._replace(path=parts.path + COUNT_PATH))
