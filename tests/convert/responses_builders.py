"""Short builders for Responses requests and their items; the turns are those of ``request_builders``."""

from __future__ import annotations

from typing import Any

from proxy.convert.reasoning_state import origin_of, packed_state
from proxy.convert.request.converted import ConvertedRequest
from proxy.convert.request.responses.messages_to_responses import messages_to_responses
from proxy.providers.profiles.base import Profile
from tests.convert.chat_types import responses_problems
from tests.convert.request_builders import user

HOME = origin_of("https://api.openai.com/v1")
ELSEWHERE = origin_of("https://other.test/v1")
SECRET = "gAAAAB_opaque-content=="
PNG_PART = {
    "type": "input_image",
    "image_url": "data:image/png;base64,QQ==",
    "detail": "auto",
}
FILE_PART = {
    "type": "input_file",
    "filename": "document.pdf",
    "file_data": "data:application/pdf;base64,JVBERg==",
}
BREAKPOINT = {"prompt_cache_breakpoint": {"mode": "explicit"}}
NOT_OF_OPENAI = frozenset(
    {"top_k", "plugins", "chat_template_kwargs", "response_format", "reasoning"}
)
"""Fields of other upstreams; ``reasoning`` has other members at OpenRouter."""


def convert(
    *turns: dict[str, Any], flags: dict[str, Any] | None = None, **fields: Any
) -> ConvertedRequest:
    """Convert a request of ``turns`` (by default one user turn) for a profile with ``flags``.

    Every body is checked against the openai SDK's types, without the fields ``not_checked``.
    """
    limit, origin = fields.pop("limit", 100), fields.pop("origin", HOME)
    not_checked, refused = fields.pop("not_checked", ()), fields.pop("refused", frozenset())
    request = {"model": "claude-x", "max_tokens": 100, "messages": list(turns) or [user("hi")]}
    converted = messages_to_responses(
        request | fields,
        Profile(**(flags or {})),
        model="gpt-x",
        max_tokens=limit,
        origin=origin,
        refused=refused,
    )
    checked = {name: member for name, member in converted.body.items() if name not in not_checked}
    assert responses_problems(checked) == []
    return converted


def body(*turns: dict[str, Any], flags: dict[str, Any] | None = None, **fields: Any) -> Any:
    return convert(*turns, flags=flags, **fields).body


def items(*turns: dict[str, Any], flags: dict[str, Any] | None = None, **fields: Any) -> Any:
    return convert(*turns, flags=flags, **fields).body["input"]


def says(role: str, content: Any, **extra: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content, **extra}


def part(value: str, **extra: Any) -> dict[str, Any]:
    return {"type": "input_text", "text": value, **extra}


def calls(call_id: str = "t1", name: str = "look", arguments: str = "{}") -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def output(content: Any = "done", call_id: str = "t1") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": content}


def reasoning(item_id: str = "rs_1", encrypted: str = SECRET) -> dict[str, Any]:
    return {"type": "reasoning", "id": item_id, "summary": [], "encrypted_content": encrypted}


def state(item_id: str = "rs_1", encrypted: str = SECRET, origin: str = HOME) -> str:
    return packed_state(origin, item_id, encrypted)


def fields_beside_input(converted: ConvertedRequest) -> dict[str, Any]:
    """The body without what every body has."""
    usual = ("model", "input", "max_output_tokens", "store")
    return {name: member for name, member in converted.body.items() if name not in usual}
