"""A request with ``thread`` is refused with the code after which SDKs send the whole history."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import message_request
from tests.upstream_stub import UpstreamStub

CREATE = {"type": "create"}
CONTINUE = {"type": "continue", "previous_message_id": "msg_1"}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens", "/messages"])
@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"thread": CREATE}, id="create"),
        pytest.param({"thread": CREATE, "stream": True}, id="streamed"),
        pytest.param({"thread": CREATE, "compaction": {"type": "summarize"}}, id="a compaction"),
        pytest.param({"thread": CONTINUE}, id="continue"),
        pytest.param({"thread": CONTINUE, "messages": [user(RESULT)]}, id="a result alone"),
        pytest.param(
            {"thread": CONTINUE, "messages": [user(RESULT, {"type": "text", "text": "t"})]},
            id="a result beside text",
        ),
        pytest.param(
            {
                "thread": CONTINUE,
                "messages": [{"role": "assistant", "content": [CALL]}, user(RESULT), user(RESULT)],
            },
            id="results of more than one turn",
        ),
        pytest.param({"thread": {"type": "later"}}, id="a kind yet unknown"),
        pytest.param({"thread": "x"}, id="no object"),
        pytest.param({"thread": CREATE, "mcp_servers": [{"type": "url"}]}, id="before others"),
    ],
)
def test_the_code(
    client: FlaskClient, upstream: UpstreamStub, path: str, members: dict[str, Any]
) -> None:
    response = client.post(path, json=message_request(**members))
    assert response.status_code == 400
    assert response.json is not None
    assert response.json["error"] == {
        "type": "invalid_request_error",
        "message": "thread: not supported by this upstream",
        "details": {"error_code": "thread_unsupported_request"},
    }
    assert upstream.requests == []


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"mcp_servers": [{"type": "url"}]}, id="mcp_servers"),
        pytest.param({"compaction": {}}, id="compaction"),
        pytest.param({"max_tokens": -1}, id="a wrong field"),
        pytest.param({"thread": CREATE, "max_tokens": "x"}, id="a wrong field of a thread"),
        pytest.param({"messages": [user(RESULT)]}, id="a result alone without a thread"),
    ],
)
def test_other_refusals_have_no_details(client: FlaskClient, members: dict[str, Any]) -> None:
    response = client.post("/v1/messages", json=message_request(**members))
    assert response.status_code == 400
    assert response.json is not None
    assert response.json["error"].keys() == {"type", "message"}
