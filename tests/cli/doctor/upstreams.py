"""Kinds of upstreams, as ``UpstreamStub.default`` plays them: each answers by what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proxy.cli.doctor.judges import COMMAND, TOOL
from tests.upstream_stub import (
    Recorded,
    Script,
    chunk,
    completion,
    json_answer,
    sse,
    tool_call,
    usage_chunk,
)

Body = Mapping[str, Any]
Rule = Callable[[Body], str | None]
"""Why a body is refused, or None."""
TIP = '{"city": "Paris"}'


def message_for(body: Body, *, thinks: str = "", sees: bool = True) -> dict[str, Any]:
    """What an obedient model answers; ``thinks`` is put before its text."""
    if "tools" in body:
        return {"content": None, "tool_calls": _calls(body)}
    return {"content": thinks + _text(body, sees=sees)}


def _calls(body: Body) -> list[dict[str, Any]]:
    prompt = body["messages"][-1]["content"]
    alone = "Rome" not in prompt or body.get("parallel_tool_calls") is False
    calls = [tool_call(number, TIP, id=f"c{number}", name=TOOL) for number in range(2)]
    return calls[:1] if alone else calls


def _text(body: Body, *, sees: bool) -> str:
    prompt = body["messages"][-1]["content"]
    if isinstance(prompt, list):
        return "Red." if sees else "I cannot see it."
    if body["messages"][0]["role"] == "developer":
        return COMMAND
    if "response_format" in body:
        return '{"ok": true}'
    if "to 20" in prompt:
        return "1 2 3 4 5 6 " if "stop" in body else "1 2 3 4 5 6 7 8"
    return "ready"


def upstream(
    *refusals: Rule,
    think: str = "",
    sees: bool = True,
    status: int = 400,
    stream_usage: bool = True,
    ignores_choice: bool = False,
    ignores_named_choice: bool = False,
    members: Mapping[str, object] | None = None,
) -> Callable[[Recorded], Script]:
    """An upstream that refuses what any of ``refusals`` names and obeys everything else.

    ``members`` are added to each message that is not a tool call.
    """

    def play(recorded: Recorded) -> Script:
        body = recorded.json
        for refusal in refusals:
            reason = refusal(body)
            if reason is not None:
                error = {"message": reason, "type": "invalid_request_error"}
                return json_answer({"error": error}, status=status)
        choice = body.get("tool_choice")
        if choice and (ignores_choice or (ignores_named_choice and isinstance(choice, dict))):
            return json_answer(completion("Hello"))
        message = message_for(body, thinks=think, sees=sees)
        if "tool_calls" not in message:
            message |= members or {}
        finish = "length" if body.get(_limit_field(body)) == 32 else "stop"
        if not body.get("stream"):
            return json_answer(completion(finish=finish, **message))
        pieces: list[object] = [chunk(role="assistant"), chunk(**message), chunk(finish)]
        if stream_usage and body.get("stream_options"):
            pieces.append(usage_chunk())
        return sse(*pieces)

    return play


def _limit_field(body: Body) -> str:
    return "max_tokens" if "max_tokens" in body else "max_completion_tokens"


def refuses_member(name: str, reason: str) -> Rule:
    """Refuses bodies that hold ``name``."""
    return lambda body: reason if name in body else None


def refuses_images(body: Body) -> str | None:
    if isinstance(body["messages"][-1]["content"], list):
        return "unknown variant `image_url`, expected `text`"
    return None


def refuses_developer(body: Body) -> str | None:
    if body["messages"][0]["role"] == "developer":
        return "developer is not one of ['system', 'assistant', 'user', 'tool']"
    return None


def refuses_schema(body: Body) -> str | None:
    if body.get("response_format", {}).get("type") == "json_schema":
        return "This response_format type is unavailable now"
    return None


def refuses_named_choice(body: Body) -> str | None:
    if isinstance(body.get("tool_choice"), dict):
        return "tool_choice: only auto, none and required are known"
    return None


def refuses_whole(body: Body) -> str | None:
    return None if body.get("stream") else "This model only support stream mode"
