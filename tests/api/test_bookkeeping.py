"""A bug between the last byte of an answer and its bookkeeping: nothing of the request stays behind."""

from __future__ import annotations

import gc
import warnings
from typing import NoReturn

import pytest
from flask.testing import FlaskClient

from proxy.api import lifecycle
from proxy.api.context import EXTENSION
from proxy.relay.stream import StreamedResponse
from tests.api.conftest import KEY, message_request
from tests.upstream_stub import UpstreamStub, text_stream


class PlantedError(Exception):
    """A bug."""


def fail(*_: object, **__: object) -> NoReturn:
    raise PlantedError


def left_behind(client: FlaskClient) -> tuple[int, int]:
    """The exchanges that are swept, and the requests that are in progress."""
    shared = client.application.extensions[EXTENSION]
    in_progress = shared.metrics.registry.get_sample_value("claude_proxy_requests_in_progress")
    return len(shared.watch), int(in_progress or 0)


@pytest.mark.parametrize("place", ["_report_outcome", "_record"])
def test_the_end_of_a_stream(
    place: str, client: FlaskClient, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.default = text_stream("Hello")
    monkeypatch.setattr(StreamedResponse, place, fail)
    answer = client.post("/v1/messages", json=message_request(stream=True), headers=KEY)
    assert b"message_stop" in answer.data
    with pytest.raises(PlantedError):
        answer.close()
    assert left_behind(client) == (0, 0)
    # The body was not closed, so that its socket is freed with it.
    del answer
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()


def test_after_the_view(
    client: FlaskClient, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.default = text_stream("Hello")
    monkeypatch.setattr(lifecycle, "add_limit_headers", fail)
    answer = client.post("/v1/messages", json=message_request(stream=True), headers=KEY)
    answer.close()
    assert left_behind(client) == (0, 0)
