"""Which headers pass a native upstream, by value."""

from __future__ import annotations

import pytest

from proxy.relay.native.headers import credential, request_headers, response_headers

VERSION = {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("sent", "passed"),
    [
        pytest.param([], VERSION, id="8 anthropic-version absent"),
        pytest.param(
            [("Anthropic-Version", "2026-10-21")],
            {"anthropic-version": "2026-10-21"},
            id="8 anthropic-version passes",
        ),
        pytest.param(
            [("anthropic-beta", "a-1, b-2")],
            {"anthropic-beta": "a-1, b-2"} | VERSION,
            id="8 anthropic-beta passes as it is",
        ),
        pytest.param(
            [("anthropic-beta", "a-1"), ("Anthropic-Beta", "b-2,c-3")],
            {"anthropic-beta": "a-1,b-2,c-3"} | VERSION,
            id="8 repeated anthropic-beta joined",
        ),
        pytest.param(
            [
                ("anthropic-user-profile-id", "p"),
                ("Anthropic-Workspace-Id", "w"),
                ("X-Stainless-Lang", "python"),
                ("user-agent", "claude-cli/2"),
                ("accept", "application/json"),
                ("content-type", "application/json; charset=utf-8"),
                ("idempotency-key", "i"),
            ],
            {
                "anthropic-user-profile-id": "p",
                "anthropic-workspace-id": "w",
                "x-stainless-lang": "python",
                "user-agent": "claude-cli/2",
                "accept": "application/json",
                "content-type": "application/json; charset=utf-8",
                "idempotency-key": "i",
            }
            | VERSION,
            id="8 named headers pass",
        ),
        pytest.param(
            [("x-app", "cli"), ("x-claude-code-session-id", "s")],
            {"x-app": "cli", "x-claude-code-session-id": "s"} | VERSION,
            id="8 a client's own names pass",
        ),
        pytest.param(
            [
                ("host", "h"),
                ("content-length", "9"),
                ("cookie", "c"),
                ("forwarded", "for=1"),
                ("x-forwarded-for", "1"),
                ("x-forwarded-proto", "https"),
                ("x-real-ip", "1"),
                ("via", "v"),
                ("accept-encoding", "br"),
                ("content-encoding", "gzip"),
                ("connection", "keep-alive"),
                ("keep-alive", "5"),
                ("te", "trailers"),
                ("trailer", "t"),
                ("transfer-encoding", "chunked"),
                ("upgrade", "h2c"),
                ("proxy-authorization", "p"),
                ("proxy-connection", "p"),
                ("expect", "100-continue"),
                ("authorization", "Bearer a"),
                ("x-api-key", "k"),
                ("x-whatever", "w"),
            ],
            VERSION,
            id="8 hop-by-hop, cookies, addresses, credentials stay here",
        ),
        pytest.param(
            [("connection", "close, X-App"), ("x-app", "cli")],
            VERSION,
            id="8 what connection names is hop-by-hop",
        ),
    ],
)
def test_request_headers(sent: list[tuple[str, str]], passed: dict[str, str]) -> None:
    assert request_headers(sent) == passed


@pytest.mark.parametrize(
    ("betas", "left"),
    [
        pytest.param("a-1,b-2, c-3", "a-1,c-3", id="8 deny list"),
        pytest.param("b-2", None, id="8 nothing left, no header"),
        pytest.param("b-22", "b-22", id="8 whole names only"),
    ],
)
def test_denied_betas(betas: str, left: str | None) -> None:
    headers = request_headers([("anthropic-beta", betas)], deny_betas=("b-2",))
    assert headers.get("anthropic-beta") == left


@pytest.mark.parametrize(
    ("key", "own", "sent", "shown"),
    [
        pytest.param(
            "s", True, {"authorization": "Bearer c"}, {"x-api-key": "s"}, id="8 fixed key"
        ),
        pytest.param("c", False, {"x-api-key": "c"}, {"x-api-key": "c"}, id="8 x-api-key kept"),
        pytest.param(
            "c",
            False,
            {"authorization": "Bearer c"},
            {"authorization": "Bearer c"},
            id="8 bearer kept",
        ),
        pytest.param(
            "c",
            False,
            {"x-api-key": "c", "authorization": "Bearer d"},
            {"x-api-key": "c"},
            id="8 one scheme, x-api-key wins",
        ),
        pytest.param(
            "d",
            False,
            {"x-api-key": "opens-this-proxy", "authorization": "Bearer d"},
            {"authorization": "Bearer d"},
            id="8 the key that opens the proxy stays",
        ),
        pytest.param(None, False, {"x-api-key": "opens-this-proxy"}, {}, id="8 no key to pass"),
    ],
)
def test_credential(
    key: str | None, own: bool, sent: dict[str, str], shown: dict[str, str]
) -> None:
    assert credential(key, sent, own=own) == shown


def test_response_headers() -> None:
    passed = {
        "request-id": "req_1",
        "anthropic-ratelimit-requests-remaining": "9",
        "anthropic-organization-id": "o",
        "retry-after": "3",
        "retry-after-ms": "3000",
        "x-should-retry": "true",
        "content-type": "text/event-stream; charset=utf-8",
    }
    stripped = {
        "Set-Cookie": "a=b",
        "Content-Encoding": "gzip",
        "Content-Length": "5",
        "Transfer-Encoding": "chunked",
        "Connection": "close",
        "Server": "s",
        "Date": "d",
        "Access-Control-Allow-Origin": "*",
        "anthropic-odd": "a\x00b",
    }
    answered = {name.title(): value for name, value in passed.items()} | stripped
    assert response_headers(answered) == passed
