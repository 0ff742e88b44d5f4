"""Checks of responses that must hold whatever the client and the upstream sent."""

from __future__ import annotations

import re
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from werkzeug.test import TestResponse

from config.settings import Settings
from proxy.api.declaration import described
from proxy.api.openapi.document import openapi_document
from proxy.app import create_app
from proxy.errors import TYPE_FOR_STATUS
from tests.convert.stream_grammar import assert_legal

HANG_SECONDS = 60
"""After which an answer is said never to come."""
_DOCUMENT = openapi_document(described(create_app(Settings(openai_api_key="k")).url_map))
_REGISTRY: Registry[Any] = Registry().with_resource(
    "urn:api", DRAFT202012.create_resource(_DOCUMENT)
)
_EVENT = re.compile(rb"event: (\w+)\ndata: (.*)")


def _validator(component: str) -> Draft202012Validator:
    reference = {"$ref": f"urn:api#/components/schemas/{component}"}
    return Draft202012Validator(reference, registry=_REGISTRY)


_MESSAGE, _ERROR = _validator("Message"), _validator("Error")


def assert_message(response: TestResponse) -> dict[str, Any]:
    """A 200 with a whole message, which is returned."""
    assert (response.status_code, response.content_type) == (200, "application/json")
    message: dict[str, Any] = orjson.loads(response.data)
    _MESSAGE.validate(message)
    return message


def assert_stream(response: TestResponse) -> list[dict[str, Any]]:
    """A 200 with a legal stream that has come to its end; its events."""
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    body = response.data
    assert body.endswith(b"\n\n")
    events = []
    for block in body[:-2].split(b"\n\n"):
        found = _EVENT.fullmatch(block)
        assert found, block
        event = orjson.loads(found[2])
        assert event["type"] == found[1].decode()
        events.append(event)
    assert_legal(_without_later_pings(events))
    return events


def _without_later_pings(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pings may come at any time; the first belongs to the start."""
    return [event for at, event in enumerate(events) if at < 2 or event["type"] != "ping"]


def assert_error(response: TestResponse) -> str:
    """An error in Anthropic's shape, with the type of its status; its message.

    A 500 may be the upstream's own, never that of a bug.
    """
    assert response.status_code in TYPE_FOR_STATUS, response.data
    assert response.content_type == "application/json"
    body = orjson.loads(response.data)
    _ERROR.validate(body)
    assert (body["type"], body["error"]["type"]) == ("error", TYPE_FOR_STATUS[response.status_code])
    assert body["request_id"] == response.headers["request-id"]
    message: str = body["error"]["message"]
    assert message not in ("", "Internal server error")
    return message
