"""Who may call, and which credential goes upstream (docs/features.md "Modes and authentication")."""

from __future__ import annotations

import pytest

from proxy.access.auth import anthropic_key, check_client, client_keys, upstream_key
from proxy.errors import AuthenticationFailed
from proxy.ids import correlation_id, new_request_id


@pytest.mark.parametrize(
    ("headers", "keys"),
    [
        pytest.param({}, (), id="no header"),
        pytest.param({"x-api-key": "k1"}, ("k1",), id="x-api-key"),
        pytest.param({"authorization": "Bearer k2"}, ("k2",), id="bearer"),
        pytest.param({"authorization": "bearer  k2 "}, ("k2",), id="scheme in any case, blanks"),
        pytest.param({"x-api-key": "Bearer k1"}, ("k1",), id="x-api-key that says Bearer"),
        pytest.param({"authorization": "Basic dTpw"}, (), id="other schemes are no key"),
        pytest.param(
            {"authorization": "Bearer k2", "x-api-key": "k1"}, ("k1", "k2"), id="x-api-key wins"
        ),
        pytest.param({"x-api-key": "  "}, (), id="blank is absent"),
        pytest.param({"x-api-key": "Bearer "}, (), id="Bearer without a key is absent"),
    ],
)
def test_client_keys(headers: dict[str, str], keys: tuple[str, ...]) -> None:
    assert client_keys(headers) == keys


@pytest.mark.parametrize("key", ["a\r\nx-evil: 1", "kéy", "a b", "a\tb", "k\x00", "k\x7f"])
def test_a_key_that_could_inject_a_header_is_refused(key: str) -> None:
    with pytest.raises(AuthenticationFailed, match="x-api-key: not a valid key"):
        client_keys({"x-api-key": key})


@pytest.mark.parametrize(
    ("headers", "auth_keys", "message"),
    [
        pytest.param({}, (), None, id="no key in force: open"),
        pytest.param({"x-api-key": "k1"}, ("k1",), None, id="right key"),
        pytest.param({"authorization": "Bearer k2"}, ("k1", "k2"), None, id="one of several"),
        pytest.param(
            {"x-api-key": "own", "authorization": "Bearer k1"}, ("k1",), None, id="either passes"
        ),
        pytest.param({}, ("k1",), "x-api-key header is required", id="5 missing key"),
        pytest.param({"x-api-key": "k"}, ("k1",), "invalid x-api-key", id="5 wrong key"),
        pytest.param({"x-api-key": "k1 "}, ("k1",), None, id="surrounding blanks do not count"),
    ],
)
def test_check_client(
    headers: dict[str, str], auth_keys: tuple[str, ...], message: str | None
) -> None:
    if message is None:
        check_client(headers, auth_keys)
        return
    with pytest.raises(AuthenticationFailed) as caught:
        check_client(headers, auth_keys)
    assert (caught.value.message, caught.value.status) == (message, 401)
    assert caught.value.headers == {"x-should-retry": "false"}


@pytest.mark.parametrize(
    ("headers", "provider_key", "auth_keys", "sent"),
    [
        pytest.param({"x-api-key": "own"}, "server", (), "server", id="fixed: the server's"),
        pytest.param({}, "server", (), "server", id="fixed: a client needs none"),
        pytest.param({"x-api-key": "own"}, None, (), "own", id="passthrough"),
        pytest.param(
            {"x-api-key": "a", "authorization": "Bearer b"}, None, (), "a", id="x-api-key wins"
        ),
        pytest.param(
            {"x-api-key": "auth", "authorization": "Bearer own"},
            None,
            ("auth",),
            "own",
            id="the auth key never goes upstream",
        ),
        pytest.param({"x-api-key": "auth"}, None, ("auth",), None, id="only the auth key: none"),
    ],
)
def test_upstream_key(
    headers: dict[str, str],
    provider_key: str | None,
    auth_keys: tuple[str, ...],
    sent: str | None,
) -> None:
    assert upstream_key(headers, provider_key=provider_key, auth_keys=auth_keys) == sent


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        pytest.param({"x-api-key": "a", "authorization": "Bearer b"}, "b", id="both"),
        pytest.param({"x-api-key": "a"}, "a", id="else x-api-key"),
        pytest.param({"x-api-key": "auth", "authorization": "Bearer b"}, "b", id="auth key"),
        pytest.param({"x-api-key": "a", "authorization": "Bearer auth"}, "a", id="as a bearer"),
        pytest.param({"x-api-key": "auth"}, None, id="only the auth key: none"),
    ],
)
def test_on_dynamic_routes_authorization_wins(headers: dict[str, str], sent: str | None) -> None:
    key = upstream_key(headers, provider_key=None, auth_keys=("auth",), dynamic=True)
    assert key == sent


OAT = "sk-ant-oat01-x"
API = "sk-ant-api03-y"


@pytest.mark.parametrize(
    ("headers", "auth_keys", "chat", "native"),
    [
        pytest.param({"x-api-key": API}, (), None, API, id="an API key"),
        pytest.param({"authorization": f"Bearer {OAT}"}, (), None, OAT, id="a token as Bearer"),
        pytest.param({"x-api-key": f"Bearer {OAT}"}, (), None, OAT, id="Bearer in x-api-key"),
        pytest.param({"x-api-key": "SK-ANT-api"}, (), None, "SK-ANT-api", id="in any case"),
        pytest.param(
            {"x-api-key": API, "authorization": "Bearer own"}, (), "own", API, id="other header"
        ),
        pytest.param(
            {"x-api-key": "own", "authorization": f"Bearer {OAT}"}, (), "own", "own", id="x-api-key"
        ),
        pytest.param(
            {"x-api-key": API, "authorization": f"Bearer {OAT}"}, (), None, API, id="both withheld"
        ),
        pytest.param(
            {"x-api-key": "auth", "authorization": f"Bearer {OAT}"},
            ("auth",),
            None,
            OAT,
            id="beside an auth key",
        ),
        pytest.param({"x-api-key": API}, (API,), None, None, id="as an auth key"),
        pytest.param({"x-api-key": "sk-antares"}, (), "sk-antares", "sk-antares", id="no such key"),
    ],
)
def test_anthropics_credentials_go_to_native_upstreams_only(
    headers: dict[str, str], auth_keys: tuple[str, ...], chat: str | None, native: str | None
) -> None:
    sent = [
        upstream_key(headers, provider_key=None, auth_keys=auth_keys, native=flag)
        for flag in (False, True)
    ]
    assert sent == [chat, native]
    fixed = upstream_key(headers, provider_key="server", auth_keys=auth_keys)
    assert fixed == "server"


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, None),
        ({"x-api-key": "own"}, None),
        ({"x-api-key": API, "authorization": f"Bearer {OAT}"}, API),
        ({"x-api-key": "own", "authorization": f"Bearer {OAT}"}, OAT),
        ({"x-api-key": "sk-ant-auth", "authorization": f"Bearer {OAT}"}, OAT),
        ({"x-api-key": "sk-ant-auth"}, None),
    ],
)
def test_the_clients_credential_at_anthropic(headers: dict[str, str], found: str | None) -> None:
    assert anthropic_key(headers, ("sk-ant-auth",)) == found


def test_passthrough_without_any_key_is_refused() -> None:
    with pytest.raises(AuthenticationFailed, match="sent on to the upstream"):
        upstream_key({}, provider_key=None, auth_keys=())


def test_request_ids_are_fresh_and_of_the_documented_form() -> None:
    first, second = new_request_id(), new_request_id()
    assert first != second
    assert first.startswith("req_")
    assert len(first) == 28
    assert first[4:].isalnum()


@pytest.mark.parametrize(
    ("inbound", "believed"),
    [
        pytest.param("abcDEF12._-", True, id="sane"),
        pytest.param("short", False, id="too short"),
        pytest.param("x" * 128, True, id="longest"),
        pytest.param("x" * 129, False, id="too long"),
        pytest.param("abc def gh", False, id="blank"),
        pytest.param("abcdefgh\nINFO fake", False, id="a log line cannot be forged"),
        pytest.param(None, False, id="absent"),
    ],
)
def test_correlation_id(inbound: str | None, believed: bool) -> None:
    assert correlation_id(inbound, "req_1") == (inbound if believed else "req_1")


def test_edge_110_keys_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(first: bytes, second: bytes) -> bool:
        compared.append((first, second))
        return first == second

    monkeypatch.setattr("hmac.compare_digest", compare)
    check_client({"x-api-key": "a", "authorization": "Bearer c"}, ("a", "b"))
    assert compared == [(b"a", b"a"), (b"a", b"b"), (b"c", b"a"), (b"c", b"b")]
