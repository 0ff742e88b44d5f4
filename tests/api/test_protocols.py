"""A protocol is one object and a row in a table, and is chosen at each conversion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest
from flask.testing import FlaskClient

from proxy.convert.reply.chat_to_message import empty_message
from proxy.convert.request.converted import ConvertedRequest
from proxy.providers.profiles.base import Profile
from proxy.providers.routing import Route
from proxy.relay import protocols
from proxy.relay.call import Call
from proxy.relay.chat.protocol import ChatProtocol
from proxy.relay.protocol import UpstreamProtocol
from proxy.relay.protocols import PROTOCOLS
from proxy.relay.upstream_call import decoded
from tests.api.conftest import message_request
from tests.upstream_stub import UpstreamStub, json_answer

TOY = cast(Any, "toy")


class Toy(ChatProtocol):
    """Sends ``{"text"}`` to ``/v1/toy`` and reads ``{"reply"}``."""

    def url(self, route: Route) -> str:
        return f"{route.provider.base_url}/toy"

    def convert(
        self, request: Mapping[str, Any], profile: Profile, **options: Any
    ) -> ConvertedRequest:
        converted = super().convert(request, profile, **options)
        text = request["messages"][-1]["content"]
        return replace(converted, api=TOY, body={"text": text})

    def message(
        self, call: Call, converted: ConvertedRequest, body: bytes, content_type: str
    ) -> dict[str, Any]:
        reply = cast(dict[str, str], decoded(body))["reply"]
        message = empty_message(call.request["model"], stop_reason="end_turn")
        return message | {"content": [{"type": "text", "text": reply}]}


def test_healing_may_change_the_protocol_of_a_call(
    client: FlaskClient, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cast(dict[str, UpstreamProtocol], PROTOCOLS), "toy", Toy())
    monkeypatch.setattr(
        protocols,
        "protocol_for",
        lambda profile: PROTOCOLS["toy" if "temperature" in profile.unsupported else "chat"],
    )
    refusal = {"error": {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}}
    upstream.answer(json_answer(refusal, 400), json_answer({"reply": "Hello"}))
    upstream.answer(json_answer({"reply": "again"}))
    for reply in ("Hello", "again"):
        response = client.post("/v1/messages", json=message_request("Hi", temperature=0.5))
        assert response.get_json()["content"] == [{"type": "text", "text": reply}]
    paths = [request.target for request in upstream.requests]
    assert paths == ["/v1/chat/completions", "/v1/toy", "/v1/toy"]
    assert upstream.requests[1].json == {"text": "Hi"}
