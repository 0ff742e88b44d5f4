"""A request whose recording cannot be written is answered as any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.api.context import EXTENSION
from tests.api.conftest import KEY, Connect, message_request
from tests.upstream_stub import UpstreamStub, json_answer

DONE = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}


def test_a_directory_that_cannot_be_used_any_more_fails_no_request(
    connect: Connect, upstream: UpstreamStub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recordings = tmp_path / "recordings"
    client = connect(record=str(recordings))
    recordings.touch()
    for _ in range(2):
        upstream.answer(json_answer(DONE))
        assert client.post("/v1/messages", json=message_request(), headers=KEY).status_code == 200
        assert client.application.extensions[EXTENSION].recorder.writer.flush(30)
    assert client.post("/v1/messages", data=b"{", headers=KEY).status_code == 400
    assert caplog.messages == ["recordings are incomplete: file exists"]
