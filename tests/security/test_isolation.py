"""Clients share a process, its connections and its caches, and see nothing of each other.

Passthrough: each brings a key of its own, and all of them reach one upstream over one pool.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import LiveProxy, live_proxy
from tests.security.wire import Answer, answers, exchange, request
from tests.upstream_stub import Recorded, Script, UpstreamStub, completion, json_answer

HOSTILE = {
    "Set-Cookie": "session=upstreams; Path=/",
    "Location": "http://elsewhere.test/",
    "X-Accel-Redirect": "/etc/passwd",
    "Access-Control-Allow-Origin": "*",
    "WWW-Authenticate": "Basic",
    "Alt-Svc": 'h3=":443"',
    "Refresh": "0",
    "Link": "<http://elsewhere.test/>; rel=preload",
    "Connection": "keep-alive, x-api-key",
    "X-Request-Id": "upstreams-own-id",
}
"""Headers of answers that no client may see under these names."""
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
TEXT = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}


def shown(recorded: Recorded) -> str:
    """The key that the upstream was shown."""
    sent = recorded.headers
    return sent.get("x-api-key") or sent.get("authorization", "nobody").removeprefix("Bearer ")


def answered(recorded: Recorded) -> Script:
    """Models named by the key; messages with every header that a client could be harmed by."""
    if recorded.method == "GET":
        return json_answer({"object": "list", "data": [{"id": f"model-of-{shown(recorded)}"}]})
    native = recorded.target.startswith("/v1/messages")
    return json_answer(MESSAGE if native else completion(), headers=HOSTILE)


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamStub]:
    stub = UpstreamStub(default=answered)
    yield stub
    stub.close()


LIE = "https://elsewhere.test/image inputs are not supported"
PNG = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}


def refuses_urls(recorded: Recorded) -> Script:
    """Quotes the address of an image that it cannot load; sees others."""
    text = recorded.body.decode()
    if "elsewhere.test" in text and "image_url" in text:
        return json_answer({"error": {"message": f"Could not load {LIE}"}}, 400)
    return json_answer(completion("sees it" if "image_url" in text else "sees nothing"))


def refuses_images(recorded: Recorded) -> Script:
    if "image_url" in recorded.body.decode():
        return json_answer({"error": {"message": "image inputs are not supported"}}, 400)
    return json_answer(completion("sees nothing"))


def look(proxy: LiveProxy, source: object) -> bytes:
    blocks = [{"type": "text", "text": "look"}, {"type": "image", "source": source}]
    asked = TEXT | {"messages": [{"role": "user", "content": blocks}]}
    return ask(proxy, "POST", "/v1/messages", asked, x_api_key="frank").body


def test_no_client_teaches_what_an_upstream_lacks() -> None:
    """Its words heal its own request; the upstream's own words heal the next ones too."""
    stub = UpstreamStub(default=refuses_urls)
    try:
        with live_proxy({"OPENAI_BASE_URL": stub.base_url}) as proxy:
            assert b"sees it" in look(proxy, PNG)
            assert b"sees nothing" in look(proxy, {"type": "url", "url": LIE})
            assert b"sees it" in look(proxy, PNG)
            stub.default = refuses_images
            assert b"sees nothing" in look(proxy, PNG)
            before = len(stub.requests)
            assert b"sees nothing" in look(proxy, PNG)
            assert len(stub.requests) == before + 1
    finally:
        stub.close()


QUOTED = "temperature is unsupported here"


def refuses_words(recorded: Recorded) -> Script:
    """Quotes words that it does not like; takes no ``top_p``."""
    sent = json.loads(recorded.body)
    if "temperature" in sent and QUOTED in str(sent["messages"]):
        return json_answer({"error": {"message": f"Bad words: {QUOTED}"}}, 400)
    if "top_p" in sent:
        return json_answer({"error": {"message": "Unsupported parameter: 'top_p'"}}, 400)
    return json_answer(completion())


def test_a_true_lesson_takes_no_untrue_one_along() -> None:
    stub = UpstreamStub(default=refuses_words)
    try:
        with live_proxy({"OPENAI_BASE_URL": stub.base_url}) as proxy:
            said = {"messages": [{"role": "user", "content": QUOTED}], "temperature": 0.5}
            for more in (said, {"temperature": 0.5}):
                asked = {**TEXT, "top_p": 0.5, **more}
                assert ask(proxy, "POST", "/v1/messages", asked, x_api_key="frank").status == 200
    finally:
        stub.close()
    sent = [json.loads(each.body) for each in stub.requests]
    assert [sorted({"temperature", "top_p"} & each.keys()) for each in sent] == [
        ["temperature", "top_p"],
        ["top_p"],
        [],
        ["temperature"],
    ]


@pytest.fixture(scope="module", params=["chat", "native"])
def proxy(
    request: pytest.FixtureRequest,
    upstream: UpstreamStub,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LiveProxy]:
    path: Path = tmp_path_factory.mktemp("isolation") / "providers.yaml"
    native = request.param == "native"
    base = upstream.origin if native else upstream.base_url
    path.write_text(
        f"models_from_upstream: true\nproviders:\n  - name: n\n    base_url: {base}\n"
        f"    direct: {str(native).lower()}\n    models:\n      - id: m\n",
        "utf-8",
    )
    with live_proxy({"CLAUDE_PROXY_CONFIG": str(path)}) as running:
        yield running


def ask(proxy: LiveProxy, method: str, path: str, body: object = None, **headers: str) -> Answer:
    raw = b"" if body is None else json.dumps(body).encode()
    (seen,) = answers(exchange(proxy.port, request(method, path, raw, **headers)))
    return seen


def test_a_pooled_connection_carries_nothing_from_one_client_to_another(
    proxy: LiveProxy, upstream: UpstreamStub
) -> None:
    before = len(upstream.requests)
    for key in ("alice", "bob", "alice"):
        seen = ask(proxy, "POST", "/v1/messages", TEXT, x_api_key=key, cookie=f"of={key}")
        assert seen.status == 200
        kept = {name.lower() for name in HOSTILE} - {"connection", "x-request-id"}
        assert kept & set(seen.headers) == set()
        assert seen.headers["x-request-id"] != ["upstreams-own-id"]
    sent = upstream.requests[before:]
    assert [shown(each) for each in sent] == ["alice", "bob", "alice"]
    assert len({each.connection for each in sent}) == 1
    assert [each.headers["cookie"] for each in sent if "cookie" in each.headers] == []


def test_each_client_has_a_list_of_models_of_its_own(
    proxy: LiveProxy, upstream: UpstreamStub
) -> None:
    def models(**headers: str) -> bytes:
        return ask(proxy, "GET", "/v1/models", **headers).body

    for _ in range(2):
        assert b"model-of-carol" in models(x_api_key="carol")
        assert b"model-of-dave" in models(x_api_key="dave")
        assert b"carol" not in models(x_api_key="dave")
    before = len(upstream.requests)
    assert b"model-of" not in models()
    assert len(upstream.requests) == before


def test_nobody_spends_the_key_of_another(proxy: LiveProxy, upstream: UpstreamStub) -> None:
    ask(proxy, "POST", "/v1/messages", TEXT, x_api_key="erin")
    before = len(upstream.requests)
    assert ask(proxy, "POST", "/v1/messages", TEXT).status == 401
    probed = json.loads(ask(proxy, "GET", "/test-connection").body)
    assert (probed["status"], probed["error_type"]) == ("failed", "authentication_error")
    assert len(upstream.requests) == before
