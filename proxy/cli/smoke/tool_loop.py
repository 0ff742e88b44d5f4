"""The check of tools: calls, their results, the answer, as an agent runs them; all streamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.cli.smoke import bodies
from proxy.cli.smoke.client import Client, Refused, Reply
from proxy.cli.smoke.message_shape import calls_of, text_of
from proxy.cli.smoke.outcome import Failed, NotSupported

MOST_ROUNDS = 5
NO_CALL = (
    "no call arrived, also with tool_choice any: the model makes none, or its server's parser of "
    "tool calls is off"
)


def tools(client: Client, model: str) -> str:
    """Two tools are offered, called and answered.

    A model that calls none, also when it must, or that never stops calling, is not supported.
    """
    body, reply = _first_calls(client, model)
    called: list[str] = []
    identities: set[str] = set()
    for _ in range(MOST_ROUNDS):
        calls = calls_of(reply.message)
        if not calls:
            return _note(called, reply)
        _check(calls, identities, reply)
        called += [call["name"] for call in calls]
        body = bodies.continued(body, reply.message["content"], _results(calls))
        # Forced again, no model could answer.
        body["tool_choice"] = {"type": "auto"}
        try:
            reply = client.stream(body)
        except Refused as refusal:
            raise Failed(f"the turn with the tools' results: {refusal}") from refusal
    raise NotSupported(f"the model called tools in each of {MOST_ROUNDS} turns and did not answer")


def _first_calls(client: Client, model: str) -> tuple[bodies.Body, Reply]:
    body = bodies.tools(model, "auto")
    reply = client.stream(body)
    if calls_of(reply.message):
        return body, reply
    body = bodies.tools(model, "any")
    try:
        reply = client.stream(body)
    except Refused as refusal:
        if refusal.status == 400:
            raise NotSupported(f"no call, and refused when it was forced: {refusal}") from refusal
        raise
    if not calls_of(reply.message):
        raise NotSupported(NO_CALL)
    return body, reply


def _check(calls: Sequence[Mapping[str, Any]], identities: set[str], reply: Reply) -> None:
    """Raise ``Failed`` for a call that an agent cannot run."""
    for call in calls:
        name, identity = call["name"], call["id"]
        if name not in bodies.RESULTS:
            raise Failed(f"the tool {name!r} was called, which was not offered")
        if identity in identities:
            raise Failed(f"the id {identity!r} was used for a call of an earlier turn")
        identities.add(identity)
        if reply.message["stop_reason"] == "max_tokens":
            raise NotSupported(f"the output limit cut the call of {name}")
        if not isinstance(call["input"].get("city"), str):
            raise Failed(f"the call of {name} has no 'city', which its schema requires")


def _results(calls: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "type": "tool_result",
            "tool_use_id": call["id"],
            "content": bodies.RESULTS[call["name"]],
        }
        for call in calls
    ]


def _note(called: Sequence[str], reply: Reply) -> str:
    names = " and ".join(dict.fromkeys(called))
    if not text_of(reply.message).strip():
        if reply.message["stop_reason"] == "max_tokens":
            raise NotSupported(f"{names} called; the output limit cut the answer")
        raise Failed(f"{names} called, but there is no answer to the results")
    return f"{names} called, results answered"
