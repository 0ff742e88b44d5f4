"""Laws over dynamic URLs and headers: nothing but an allowed host is ever contacted."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from flask.testing import FlaskClient
from hypothesis import example, given
from hypothesis import strategies as st

from config.settings import Settings
from proxy.api.context import EXTENSION
from proxy.app import create_app
from proxy.upstream import name_lookup
from tests.api.conftest import message_request
from tests.api.hostile_targets import HOSTS, OTHERS, PATHS
from tests.api.name_service import Names, Trap, send
from tests.fuzz.answers import HANG_SECONDS, assert_error
from tests.fuzz.budget import law
from tests.fuzz.contacted_addresses import contacted_addresses
from tests.fuzz.foreign_greenlets import ForeignGreenlets
from tests.upstream_stub import UpstreamStub, completion, json_answer

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
TRAPPED = "127.0.0.2"
"""Listens on the stub's port; nobody may come."""
PUBLIC = "8.8.8.8"
ADDRESSES = {
    "named.test": ["127.0.0.1"],
    "inner.wild.test": [TRAPPED],
    "mixed.wild.test": [PUBLIC, TRAPPED],
    "public.wild.test": [PUBLIC],
    "evil.test": [TRAPPED],
}
"""What the name service says; any other name is at the trap. ``public.wild.test`` may be reached,
``named.test`` is allowed by its own name, though it is not public."""


@pytest.fixture(scope="module")
def trapped(stub: UpstreamStub) -> Iterator[Trap]:
    trap = Trap(TRAPPED, stub.port)
    yield trap
    trap.close()


@pytest.fixture(scope="module")
def allowing(stub: UpstreamStub, trapped: Trap) -> Iterator[FlaskClient]:
    """A client of a proxy whose own upstream is the stub, with some allowed hosts."""
    stub.default = json_answer(completion("Hello"))
    app = create_app(
        Settings(
            openai_base_url=f"http://127.0.0.1:{stub.port}/v1",
            openai_api_key="sk-server",
            allowed_hosts=tuple(
                host.replace("UP", str(stub.port))
                for host in ("named.test:UP", ".wild.test", "127.0.0.1:UP")
            ),
            http_proxy=f"http://{TRAPPED}:{trapped.port}",
            no_proxy="127.0.0.1",
            connect_timeout=2,
        )
    )
    yield app.test_client()
    app.extensions[EXTENSION].close()


def _allowed(port: int) -> set[tuple[str, int]]:
    return {("127.0.0.1", port)}


ODD = st.text("ab1.:@%/\\[]#?;-_ \t\r\n\x00\u3002\uff0f", max_size=3)
CODES = st.sampled_from(
    ["%2f", "%2F", "%40", "%00", "%0d%0a", "%5c", "%2e%2e", "%25", "%c0%ae", "%3a"]
)
KNOWN = st.sampled_from([*ADDRESSES, "127.0.0.1", TRAPPED, "[::1]", "[::ffff:127.0.0.2]", "127.2",
                         "0x7f000002", "2130706434", "017700000002", "localhost", "NAMED.test",
                         "evilwild.test", "wild.test", "wild.test.evil.test", "named.test.evil.test"])  # fmt: skip
HOST = st.one_of(
    KNOWN,
    st.sampled_from(HOSTS),
    st.builds("{}{}{}".format, ODD, KNOWN, ODD),
    st.builds("{}{}{}".format, KNOWN, st.sampled_from(["@", ":UP@", ".", "\\", "#", "?"]) | CODES, KNOWN),
    st.ip_addresses().map(lambda ip: f"[{ip}]" if ip.version == 6 else str(ip)),
)  # fmt: skip
PORT = st.sampled_from(["", ":UP", ":UP", ":80", ":443", ":0", ":99999", ":"])
TAIL = st.one_of(
    st.just("/v1/messages"),
    st.sampled_from(PATHS),
    st.lists(ODD | CODES | KNOWN | st.sampled_from(["models", "..", "v1"]), max_size=3).map(
        lambda parts: f"/{'/'.join(parts)}/v1/messages"
    ),
)
TARGET = st.one_of(
    st.builds("/{}/{}{}{}".format, st.sampled_from(["http", "http", "https"]), HOST, PORT, TAIL),
    st.sampled_from(OTHERS),
    st.builds("{}{}{}".format, st.sampled_from(["http://", "//", "https://", "/"]), HOST, TAIL),
)
LEADING = st.sampled_from(
    ["evil.test", "http://evil.test/", "127.0.0.2:UP", "host=evil.test;proto=http", "inner.wild.test",
     "Bearer http://evil.test@x", "127.0.0.2", "{}", "*"]
)  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from(
        ["host", "x-forwarded-host", "x-forwarded-for", "forwarded", "x-original-url", "origin",
         "x-rewrite-url", "authorization", "x-api-key", "via", "proxy", "x-host", "referer",
         "anthropic-version", "anthropic-beta", "traceparent", "upgrade", "proxy-authorization"]
    ),
    LEADING | st.text("abc.:/@ \t\u00e9", max_size=12),
    max_size=4,
)  # fmt: skip


@law
@given(TARGET, HEADERS, st.sampled_from(["POST", "POST", "GET"]))
@example("/http/named.test:UP/v1/messages", {"x-api-key": "k"}, "POST")
@example("/http/public.wild.test:UP/v1/messages", {"x-api-key": "k"}, "POST")
@example("/http/mixed.wild.test:UP/v1/messages", {"x-api-key": "k"}, "POST")
@example("/http/evilwild.test:UP/v1/messages", {"x-api-key": "k"}, "POST")
@example("/http/wild.test:UP/v1/messages", {"x-api-key": "k"}, "POST")
def test_nothing_but_an_allowed_host_is_contacted(
    allowing: FlaskClient,
    stub: UpstreamStub,
    trapped: Trap,
    foreign_greenlets: ForeignGreenlets,
    raw: str,
    headers: dict[str, str],
    method: str,
) -> None:
    raw = raw.replace("UP", str(stub.port)).replace("TRAP", str(trapped.port))
    headers = {name: value.replace("UP", str(stub.port)) for name, value in headers.items()}
    stub.requests.clear()
    names = Names({name: [found] for name, found in ADDRESSES.items()}, otherwise=[TRAPPED])
    with (
        pytest.MonkeyPatch.context() as patch,
        gevent.Timeout(HANG_SECONDS),
        contacted_addresses(foreign_greenlets) as seen,
    ):
        patch.setattr(
            name_lookup, "getaddrinfo", foreign_greenlets.spared(name_lookup.getaddrinfo, names)
        )
        patch.setattr(name_lookup, "ANSWER_SECONDS", 0.0)
        answer = _sent(allowing, raw, method, headers)
    connected = set(seen.connected)
    assert {number for number in connected if number[0] != PUBLIC} <= _allowed(stub.port)
    assert all(name == "named.test" or name.endswith(".wild.test") for name in names.asked)
    # A public address is reached by the one name that has it and nothing else.
    assert PUBLIC not in dict(connected) or set(names.asked) == {"public.wild.test"}
    assert all(_is_number(name) for name in seen.named)
    for request in stub.requests:
        host = request.headers["host"].partition(":")[0]
        if raw.startswith(("/http/", "/https/")):
            assert host in ("named.test", "127.0.0.1")
            assert raw.lower().startswith(f"/http/{host}:{stub.port}/")
            assert "sk-server" not in str(request.headers)
        else:
            # A usual route, such as ///v1/messages: the operator's own upstream.
            assert host == "127.0.0.1"
    if answer.status_code != 200:
        assert_error(answer)


def _sent(client: FlaskClient, raw: str, method: str, headers: dict[str, str]) -> Any:
    body = {} if method == "GET" else {"json": message_request()}
    # Buffered, so that it is closed: an open answer keeps its slot, and then all are refused.
    answer = send(client, raw, method, headers=headers, buffered=True, **body)
    assert answer.status_code != 529
    return answer


def _is_number(name: str) -> bool:
    try:
        socket.inet_aton(name)
    except OSError:
        return False
    return True


def test_nobody_came_to_the_trap(trapped: Trap, foreign_greenlets: ForeignGreenlets) -> None:
    assert trapped.touched == 0
    with contacted_addresses(foreign_greenlets) as seen:
        socket.create_connection((TRAPPED, trapped.port)).close()
    assert trapped.touched == 1, "the trap works"
    assert set(seen.connected) == {(TRAPPED, trapped.port)}, "and so does the watch"


@law
@given(HEADERS, st.sampled_from(["/v1/messages", "/v1/models", "/v1/messages/count_tokens"]))
def test_no_header_leads_elsewhere_than_to_the_upstream(
    allowing: FlaskClient,
    stub: UpstreamStub,
    foreign_greenlets: ForeignGreenlets,
    headers: dict[str, str],
    path: str,
) -> None:
    stub.requests.clear()
    method = "GET" if path == "/v1/models" else "POST"
    with contacted_addresses(foreign_greenlets) as seen, gevent.Timeout(HANG_SECONDS):
        _sent(allowing, path, method, headers)
    assert set(seen.connected) <= _allowed(stub.port)
    assert all(name == "127.0.0.1" for name in seen.named)
    for request in stub.requests:
        assert request.headers["host"] == f"127.0.0.1:{stub.port}"
