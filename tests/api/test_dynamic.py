"""Dynamic routes (docs/features.md "Dynamic routing"), in front of a stub that clients name."""

from __future__ import annotations

import socket
import string
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from proxy.upstream import name_lookup
from tests.api.conftest import Connect, message_request
from tests.api.hostile_targets import HOSTS, OTHERS, PATHS, REFUSED
from tests.api.name_service import Names, send, trap
from tests.fuzz.contacted_addresses import contacted_addresses
from tests.fuzz.foreign_greenlets import ForeignGreenlets
from tests.upstream_stub import (
    Close,
    Recorded,
    Script,
    UpstreamStub,
    completion,
    json_answer,
    server_tls,
    text_stream,
)

OWN = {"authorization": "Bearer own-key"}
GEMINI = "generativelanguage.googleapis.com"


def listing(_: Recorded) -> Script:
    return json_answer({"object": "list", "data": [{"id": "m1", "object": "model"}]})


@pytest.fixture
def allowed(connect: Connect, upstream: UpstreamStub) -> FlaskClient:
    """A client of a proxy that allows the stub under its name and its address."""
    hosts = (f"localhost:{upstream.port}", f"127.0.0.1:{upstream.port}")
    return connect(allowed_hosts=hosts, openai_base_url="http://127.0.0.1:9/v1")


def body_without_model() -> dict[str, object]:
    body = message_request()
    del body["model"]
    return body


@pytest.mark.parametrize(
    ("path", "target", "model"),
    [
        pytest.param("/v1/messages", "/v1/chat/completions", None, id="table 1"),
        pytest.param(
            "/openai/v1/models/M/v1/messages", "/openai/v1/chat/completions", "M", id="table 3"
        ),
        pytest.param(
            "/openai/v1/models/maker/M/v1/messages",
            "/openai/v1/chat/completions",
            "maker/M",
            id="table 3: M may hold a slash",
        ),
        pytest.param(
            "/openai/v1/models/v1/messages", "/openai/v1/chat/completions", None, id="no model"
        ),
        pytest.param(
            "/compatible-mode/v1/messages",
            "/compatible-mode/v1/chat/completions",
            None,
            id="table 5",
        ),
        pytest.param(
            "/api/v3/models/M/v1/messages", "/api/v3/chat/completions", "M", id="no second /v1"
        ),
        pytest.param(
            "/v1/messages?beta=true&api-version=a%2Fb",
            "/v1/chat/completions?beta=true&api-version=a%2Fb",
            None,
            id="the query string is passed",
        ),
        pytest.param("/v1/messages/", "/v1/chat/completions", None, id="a trailing slash"),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost"])
def test_messages_reach_the_url_that_the_path_names(
    allowed: FlaskClient,
    upstream: UpstreamStub,
    host: str,
    path: str,
    target: str,
    model: str | None,
) -> None:
    upstream.answer(json_answer(completion("Hello")))
    body = message_request(model="claude-opus-5")
    answer = send(allowed, f"/http/{host}:{upstream.port}{path}", json=body, headers=OWN)
    assert (answer.status_code, answer.get_json()["content"][0]["text"]) == (200, "Hello")
    [request] = upstream.requests
    assert (request.method, request.target) == ("POST", target)
    assert request.headers["host"] == f"{host.lower()}:{upstream.port}"
    assert request.headers["authorization"] == "Bearer own-key"
    assert request.json["model"] == (model or "claude-opus-5")
    assert answer.get_json()["model"] == (model or "claude-opus-5")
    assert answer.headers["x-claude-proxy-route"].endswith(
        f"{host.lower()}:{upstream.port}/{model or 'claude-opus-5'};reason=path"
    )


def test_a_stream(allowed: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(text_stream("Hel", "lo"))
    path = f"/http/localhost:{upstream.port}/v1/messages"
    answer = send(allowed, path, json=message_request(stream=True), headers=OWN)
    assert answer.status_code == 200
    assert b"event: message_stop" in answer.data


@pytest.mark.parametrize(
    ("path", "target"),
    [
        pytest.param("/v1/models", "/v1/models", id="table 2"),
        pytest.param("/openai/v1/models/v1/models", "/openai/v1/models", id="table 4"),
        pytest.param("/v1/models?limit=5", "/v1/models?limit=5", id="the query string is passed"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_models(
    allowed: FlaskClient, upstream: UpstreamStub, method: str, path: str, target: str
) -> None:
    upstream.default = listing
    headers = {**OWN, "user-agent": "claude-cli/2.1.0", "anthropic-version": "2023-06-01"}
    answer = send(allowed, f"/http/localhost:{upstream.port}{path}", method, headers=headers)
    assert answer.status_code == 200
    assert [(r.method, r.target) for r in upstream.requests] == [("GET", target)]
    if method == "GET":
        assert [entry["id"] for entry in answer.get_json()["data"]] == ["m1"]


def test_the_lists_of_two_hosts_are_not_mixed_up(
    allowed: FlaskClient, upstream: UpstreamStub
) -> None:
    upstream.default = listing
    for host in ("localhost", "127.0.0.1"):
        send(allowed, f"/http/{host}:{upstream.port}/v1/models", "GET", headers=OWN)
    assert len(upstream.requests) == 2


def test_geminis_profile(connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls, authority = server_tls(tmp_path, GEMINI)
    stub = UpstreamStub(tls=tls)
    names = Names({GEMINI: [["127.0.0.1"]]})
    monkeypatch.setattr(name_lookup, "getaddrinfo", names)
    stub.answer(json_answer(completion("Hello")))
    client = connect(allowed_hosts=(GEMINI,), ca_bundle=authority)
    path = f"/https/{GEMINI}:{stub.port}/v1beta/models/gemini-2.5-pro/v1/messages"
    answer = send(client, path, json=body_without_model(), headers=OWN)
    stub.close()
    assert answer.status_code == 200
    [request] = stub.requests
    assert request.target == "/v1beta/openai/chat/completions"
    assert request.json["model"] == "gemini-2.5-pro"
    assert request.headers["host"] == f"{GEMINI}:{stub.port}"
    assert names.asked == [GEMINI]


def test_a_certificate_for_another_name_is_not_accepted(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, authority = server_tls(tmp_path, "other.test")
    stub = UpstreamStub(tls=tls)
    monkeypatch.setattr(name_lookup, "getaddrinfo", Names({"a.test": [["127.0.0.1"]]}))
    client = connect(allowed_hosts=("a.test",), ca_bundle=authority)
    answer = send(
        client, f"/https/a.test:{stub.port}/v1/messages", json=message_request(), headers=OWN
    )
    stub.close()
    assert answer.status_code == 502
    assert stub.requests == []


def test_tokens_are_counted_here(allowed: FlaskClient, upstream: UpstreamStub) -> None:
    path = f"/http/localhost:{upstream.port}/v1/models/gpt-4o/v1/messages/count_tokens"
    body = body_without_model()
    del body["max_tokens"]
    answer = send(allowed, path, json=body, headers=OWN)
    assert answer.status_code == 200
    assert answer.get_json()["input_tokens"] > 0
    assert upstream.connections == []


def test_the_model_in_the_path_wins(allowed: FlaskClient, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion("Hello")))
    path = f"/http/localhost:{upstream.port}/v1/models/a%3Ab/v1/messages"
    answer = send(allowed, path, json=message_request(model="other"), headers=OWN)
    assert upstream.requests[0].json["model"] == answer.get_json()["model"] == "a:b"


def test_without_a_model_anywhere(allowed: FlaskClient, upstream: UpstreamStub) -> None:
    path = f"/http/localhost:{upstream.port}/v1/messages"
    answer = send(allowed, path, json=body_without_model(), headers=OWN)
    assert answer.status_code == 400
    assert answer.get_json()["error"]["message"].startswith("model:")


def test_a_body_that_is_no_json(allowed: FlaskClient, upstream: UpstreamStub) -> None:
    path = f"/http/localhost:{upstream.port}/v1/models/m/v1/messages"
    answer = send(allowed, path, data=b"{", headers=OWN)
    assert (answer.status_code, answer.get_json()["error"]["type"]) == (
        400,
        "invalid_request_error",
    )
    assert upstream.connections == []


@pytest.mark.parametrize(
    ("auth_keys", "headers", "sent", "status"),
    [
        pytest.param((), OWN, "own-key", 200, id="Authorization"),
        pytest.param((), {"x-api-key": "own"}, "own", 200, id="else x-api-key"),
        pytest.param((), {"x-api-key": "x", **OWN}, "own-key", 200, id="Authorization wins"),
        pytest.param((), {}, None, 401, id="none: refused"),
        pytest.param(("auth",), {}, None, 401, id="auth key: missing"),
        pytest.param(
            ("auth",),
            {"authorization": "Bearer auth"},
            None,
            401,
            id="auth key: not as Authorization",
        ),
        pytest.param(("auth",), {"x-api-key": "no", **OWN}, None, 401, id="auth key: wrong"),
        pytest.param(
            ("auth",), {"x-api-key": "auth", **OWN}, "own-key", 200, id="auth key: never forwarded"
        ),
        pytest.param(
            ("auth",), {"x-api-key": "auth"}, None, 200, id="auth key: nothing to forward"
        ),
        pytest.param(
            ("auth", "two"),
            {"x-api-key": "auth", "authorization": "Bearer two"},
            None,
            200,
            id="auth key: no other one is forwarded either",
        ),
    ],
)
def test_credentials(
    connect: Connect,
    upstream: UpstreamStub,
    auth_keys: tuple[str, ...],
    headers: dict[str, str],
    sent: str | None,
    status: int,
) -> None:
    upstream.default = json_answer(completion("Hello"))
    client = connect(
        allowed_hosts=("localhost",), auth_keys=auth_keys, custom_headers=(("X-Team", "secret"),)
    )
    path = f"/http/localhost:{upstream.port}/v1/messages"
    answer = send(client, path, json=message_request(), headers=headers)
    assert answer.status_code == status
    if status == 401:
        assert answer.get_json()["error"]["type"] == "authentication_error"
        assert upstream.connections == []
        return
    [request] = upstream.requests
    assert request.headers.get("authorization") == (None if sent is None else f"Bearer {sent}")
    assert {"x-api-key", "api-key", "x-team"}.isdisjoint(request.headers)
    assert "sk-server" not in str(request.headers)


def test_the_auth_key_is_checked_before_the_host(connect: Connect) -> None:
    client = connect(allowed_hosts=("localhost",), auth_keys=("auth",))
    answer = send(client, "/https/evil.test/v1/messages", json=message_request())
    assert answer.status_code == 401


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_never_followed(
    connect: Connect, upstream: UpstreamStub, status: int
) -> None:
    with trap() as trapped:
        location = {"location": f"http://127.0.0.1:{trapped.port}/"}
        upstream.answer(json_answer({}, status=status, headers=location))
        client = connect(allowed_hosts=("127.0.0.1",))
        path = f"/http/127.0.0.1:{upstream.port}/v1/messages"
        answer = send(client, path, json=message_request(), headers=OWN)
        assert (answer.status_code, trapped.touched) == (502, 0)
    assert answer.headers["x-should-retry"] == "false"


def test_no_forward_proxy_is_used(connect: Connect, upstream: UpstreamStub) -> None:
    upstream.answer(json_answer(completion("Hello")))
    with trap() as trapped:
        client = connect(
            allowed_hosts=("127.0.0.1",),
            http_proxy=f"http://127.0.0.1:{trapped.port}",
            no_proxy=None,
        )
        path = f"/http/127.0.0.1:{upstream.port}/v1/messages"
        answer = send(client, path, json=message_request(), headers=OWN)
        assert (answer.status_code, trapped.touched) == (200, 0)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/messages", "POST, OPTIONS"),
        ("DELETE", "/v1/messages/count_tokens", "POST, OPTIONS"),
        ("POST", "/v1/models", "GET, HEAD, OPTIONS"),
    ],
)
def test_other_methods(
    allowed: FlaskClient, upstream: UpstreamStub, method: str, path: str, allow: str
) -> None:
    raw = f"/http/localhost:{upstream.port}{path}"
    answer = send(allowed, raw, method, headers=OWN)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    assert send(allowed, raw, "OPTIONS").status_code == 204
    assert upstream.connections == []


def test_it_is_off_until_hosts_are_allowed(client: FlaskClient, upstream: UpstreamStub) -> None:
    path = f"/http/127.0.0.1:{upstream.port}/v1/messages"
    answer = send(client, path, json=message_request(), headers=OWN)
    assert (answer.status_code, answer.get_json()["error"]["type"]) == (403, "permission_error")
    assert upstream.connections == []


def test_a_password_in_the_path_is_not_logged(
    allowed: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "proxy.access")
    response = allowed.get("/https/user:p%40ssword@localhost/v1/models")
    assert response.status_code == 403
    assert "GET /https/***@localhost/v1/models 403" in caplog.text
    assert "ssword" not in caplog.text


def test_without_a_raw_target_there_are_no_dynamic_routes(allowed: FlaskClient) -> None:
    answer = allowed.post(
        "/https/localhost/v1/messages", environ_overrides={"RAW_URI": "", "REQUEST_URI": ""}
    )
    assert answer.status_code == 404


def test_there_are_enough_tricks() -> None:
    assert len(set(HOSTS)) + len(set(PATHS)) + len(set(OTHERS)) >= 200


@pytest.fixture
def foreign_greenlets() -> ForeignGreenlets:
    return ForeignGreenlets()


def test_tricks_are_refused_and_nothing_is_asked_or_connected_to(
    foreign_greenlets: ForeignGreenlets,
    connect: Connect,
    upstream: UpstreamStub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = Names({})
    monkeypatch.setattr(
        name_lookup, "getaddrinfo", foreign_greenlets.spared(name_lookup.getaddrinfo, names)
    )
    client = connect(allowed_hosts=("qiniu.com", ".qiniu.com", f"127.0.0.1:{upstream.port}"))
    with (
        trap() as trapped,
        trap("127.0.0.2", upstream.port) as neighbour,
        contacted_addresses(foreign_greenlets) as seen,
    ):
        passed = []
        for status, tricks in ((403, REFUSED), (404, OTHERS)):
            for trick in tricks:
                raw = trick.replace("TRAP", str(trapped.port)).replace("UP", str(upstream.port))
                answer = send(client, raw, json=message_request(), headers=OWN)
                kind = "permission_error" if status == 403 else "not_found_error"
                if answer.status_code != status or answer.get_json()["error"]["type"] != kind:
                    passed.append((raw, answer.status_code))
        assert passed == []
        assert (trapped.touched, neighbour.touched) == (0, 0)
    assert upstream.connections == []
    assert (names.asked, seen.connected, seen.named) == ([], [], [])


def test_a_trap_notices_who_connects() -> None:
    with trap() as trapped:
        socket.create_connection(("127.0.0.1", trapped.port)).close()
        assert trapped.touched == 1


PRIVATE = """
    127.0.0.3 10.0.0.1 172.16.0.1 192.168.0.1 169.254.169.254 0.0.0.0 100.64.0.1 100.100.100.200
    224.0.0.1 240.0.0.1 255.255.255.255 192.0.0.192 168.63.129.16 ::1 :: fe80::1 fe80::1%eth0
    fd00:ec2::254 ff02::1 fec0::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::7f00:1 64:ff9b::7f00:1
    2002:7f00:1:: 198.18.0.1 198.19.255.255 100.127.255.255 ::ffff:0:7f00:1 64:ff9b:1::7f00:1
    2001:0:7f00:1:: fd20:ce::254
"""


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("address", PRIVATE.split())
@pytest.mark.parametrize(
    "first", [[], ["127.0.0.1"], ["8.8.8.8"]], ids=["alone", "listed", "public"]
)
def test_names_that_resolve_to_private_addresses(
    connect: Connect,
    upstream: UpstreamStub,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    address: str,
    first: list[str],
) -> None:
    names = Names({"x.qiniu.com": [[*first, address]]})
    monkeypatch.setattr(name_lookup, "getaddrinfo", names)
    client = connect(allowed_hosts=("qiniu.com", ".qiniu.com", f"127.0.0.1:{upstream.port}"))
    path = f"/{scheme}/x.qiniu.com:{upstream.port}/v1/messages"
    answer = send(client, path, json=message_request(), headers=OWN)
    assert (answer.status_code, answer.get_json()["error"]["type"]) == (403, "permission_error")
    assert upstream.connections == []
    assert names.asked == ["x.qiniu.com"]


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param(("x.qiniu.com",), id="the name itself"),
        pytest.param((".qiniu.com", "127.0.0.1"), id="the address"),
    ],
)
def test_private_addresses_that_are_listed(
    connect: Connect,
    upstream: UpstreamStub,
    monkeypatch: pytest.MonkeyPatch,
    entries: tuple[str, ...],
) -> None:
    upstream.answer(json_answer(completion("Hello")))
    monkeypatch.setattr(name_lookup, "getaddrinfo", Names({"x.qiniu.com": [["127.0.0.1"]]}))
    client = connect(allowed_hosts=entries)
    path = f"/http/x.qiniu.com:{upstream.port}/v1/messages"
    assert send(client, path, json=message_request(), headers=OWN).status_code == 200


def test_an_answer_that_changes_between_check_and_connect(
    connect: Connect, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names({"x.qiniu.com": [["127.0.0.1"], ["127.0.0.2"]]})
    monkeypatch.setattr(name_lookup, "getaddrinfo", names)
    monkeypatch.setattr(name_lookup, "ANSWER_SECONDS", 0.0)
    upstream.default = (*json_answer(completion("Hello"), framing="close"), Close())
    client = connect(allowed_hosts=(".qiniu.com", "127.0.0.1"))
    path = f"/http/x.qiniu.com:{upstream.port}/v1/messages"
    with trap("127.0.0.2", upstream.port) as trapped:
        first = send(client, path, json=message_request(), headers=OWN)
        # Asked once: the address that was checked is the one that was connected to.
        assert (first.status_code, names.asked) == (200, ["x.qiniu.com"])
        second = send(client, path, json=message_request(), headers=OWN)
        assert (second.status_code, len(names.asked)) == (403, 2)
        assert trapped.touched == 0
    assert len(upstream.connections) == 1


def test_the_next_address_is_tried_where_one_is_dead(
    connect: Connect, upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.answer(json_answer(completion("Hello")))
    monkeypatch.setattr(name_lookup, "getaddrinfo", Names({"x.test": [["127.0.0.9", "127.0.0.1"]]}))
    client = connect(allowed_hosts=("x.test",))
    path = f"/http/x.test:{upstream.port}/v1/messages"
    answer = send(client, path, json=message_request(), headers=OWN)
    assert answer.status_code == 200
    assert upstream.requests[0].headers["host"] == f"x.test:{upstream.port}"


def test_a_name_that_does_not_exist(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_lookup, "getaddrinfo", Names({}))
    client = connect(allowed_hosts=("x.test",))
    answer = send(client, "/https/x.test/v1/messages", json=message_request(), headers=OWN)
    assert answer.status_code == 502
    assert "its name could not be resolved" in answer.get_json()["error"]["message"]


@pytest.fixture
def wild(
    foreign_greenlets: ForeignGreenlets, connect: Connect, upstream: UpstreamStub
) -> FlaskClient:
    upstream.default = json_answer(completion("Hello"))
    # Short, because the stub does not answer a TLS handshake.
    hosts = (".wild.test", f"127.0.0.1:{upstream.port}")
    return connect(allowed_hosts=hosts, connect_timeout=0.2)


_CHARACTERS = string.ascii_lowercase + string.digits + ".:@%/\\[]#?;-_ \t\r\n\x00\u3002\uff0f"
_ODD = st.text(_CHARACTERS, max_size=3)
_HOSTS = st.one_of(
    st.text(_CHARACTERS, max_size=24),
    st.sampled_from(["sub.wild.test", "wild.test", "127.0.0.1", "[::1]", "2130706433", "127.1"]),
    st.ip_addresses().map(lambda ip: f"[{ip}]" if ip.version == 6 else str(ip)),
    st.builds(
        "{}{}{}".format, _ODD, st.sampled_from(["x.wild.test", "127.0.0.1", "127.0.0.1:UP"]), _ODD
    ),
)
_TAILS = st.one_of(
    st.just("/v1/messages"), st.text(_CHARACTERS, max_size=12).map(lambda t: f"/{t}/v1/messages")
)


@hypothesis_settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    scheme=st.sampled_from(["http", "https"]),
    host=_HOSTS,
    port=st.sampled_from(["", ":80", ":UP"]),
    tail=_TAILS,
)
def test_nothing_but_an_allowed_host_is_contacted(
    wild: FlaskClient,
    upstream: UpstreamStub,
    foreign_greenlets: ForeignGreenlets,
    scheme: str,
    host: str,
    port: str,
    tail: str,
) -> None:
    names = Names({}, otherwise=["10.0.0.1"])
    raw = f"/{scheme}/{host}{port}{tail}".replace("UP", str(upstream.port))
    with pytest.MonkeyPatch.context() as patch, contacted_addresses(foreign_greenlets) as seen:
        patch.setattr(
            name_lookup, "getaddrinfo", foreign_greenlets.spared(name_lookup.getaddrinfo, names)
        )
        # Buffered, so that it is closed: an open answer keeps its slot.
        answer = send(wild, raw, json=message_request(), headers=OWN, buffered=True)
    assert all(name.endswith(".wild.test") for name in names.asked)
    if raw.startswith(f"/{scheme}/127.0.0.1:{upstream.port}/"):
        assert set(seen.connected) <= {("127.0.0.1", upstream.port)}
    else:
        assert (seen.connected, answer.status_code in (403, 404)) == ([], True)
