"""A request target that names its upstream (docs/features.md "Dynamic routing")."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import NotFound, PermissionDenied
from proxy.providers.dynamic_path import (
    DynamicTarget,
    is_dynamic,
    parse_dynamic_target,
    upstream_path,
)

PLAIN = DynamicTarget("https", "h.test", None, "", None, "messages", "")


@pytest.mark.parametrize(
    ("raw", "changes", "path"),
    [
        pytest.param("/https/h.test/v1/messages", {}, "/v1", id="table 1"),
        pytest.param("/https/h.test/v1/models", {"endpoint": "models"}, "/v1", id="table 2"),
        pytest.param(
            "/https/h.test/openai/v1/models/gpt/v1/messages",
            {"prefix": "/openai/v1", "model": "gpt"},
            "/openai/v1",
            id="table 3",
        ),
        pytest.param(
            "/https/h.test/openai/v1/models/maker/gpt/v1/messages",
            {"prefix": "/openai/v1", "model": "maker/gpt"},
            "/openai/v1",
            id="table 3: M may hold a slash",
        ),
        pytest.param(
            "/https/h.test/openai/v1/models/v1/models",
            {"prefix": "/openai/v1", "endpoint": "models"},
            "/openai/v1",
            id="table 4: the endpoint right after models is no model",
        ),
        pytest.param(
            "/https/h.test/compatible-mode/v1/messages",
            {"prefix": "/compatible-mode"},
            "/compatible-mode/v1",
            id="table 5",
        ),
        pytest.param(
            "/https/h.test/v1beta/models/gem/v1/messages",
            {"prefix": "/v1beta", "model": "gem"},
            "/v1beta/v1",
            id="table 6, before Gemini's profile",
        ),
        pytest.param(
            "/https/h.test/v1/messages/count_tokens",
            {"endpoint": "count_tokens"},
            "/v1",
            id="table 7",
        ),
        pytest.param(
            "/http/h.test:8080/v1/messages",
            {"scheme": "http", "port": 8080},
            "/v1",
            id="http and a port",
        ),
        pytest.param(
            "/https/h.test/models/m/v1/messages/count_tokens",
            {"model": "m", "endpoint": "count_tokens"},
            "/v1",
            id="models without a prefix",
        ),
        pytest.param(
            "/https/h.test/inference/v1/models/accounts/a/models/m/v1/messages",
            {"prefix": "/inference/v1", "model": "accounts/a/models/m"},
            "/inference/v1",
            id="the first models ends the prefix",
        ),
        pytest.param(
            "/https/h.test/v1/models/v1/messages", {"prefix": "/v1"}, "/v1", id="models, no model"
        ),
        pytest.param(
            "/https/h.test/api/paas/v4/models/glm/v1/messages",
            {"prefix": "/api/paas/v4", "model": "glm"},
            "/api/paas/v4",
            id="a prefix that ends in /vN gets no second version",
        ),
        pytest.param(
            "/https/h.test/openai/deployments/d/v1/messages",
            {"prefix": "/openai/deployments/d"},
            "/openai/deployments/d",
            id="a deployment has no version",
        ),
        pytest.param(
            "/https/h.test/v1/messages?beta=true&k=a%2Fb",
            {"query": "beta=true&k=a%2Fb"},
            "/v1",
            id="the query is kept as written",
        ),
        pytest.param(
            "/https/h.test/v1/models/qwen%3A7b%20%E4%BD%A0/v1/messages",
            {"prefix": "/v1", "model": "qwen:7b 你"},
            "/v1",
            id="a model is decoded",
        ),
        pytest.param("/https/h.test/v1/messages/", {}, "/v1", id="a trailing slash"),
        pytest.param("/https/H.Test/v1/messages", {}, "/v1", id="the host in any case"),
    ],
)
def test_targets(raw: str, changes: dict[str, object], path: str) -> None:
    target = parse_dynamic_target(raw)
    assert target == replace(PLAIN, **changes)  # type: ignore[arg-type]
    assert upstream_path(target) == path


def test_authority_and_port_number() -> None:
    assert (PLAIN.authority, PLAIN.port_number) == ("h.test", 443)
    plain_http = replace(PLAIN, scheme="http")
    assert (plain_http.authority, plain_http.port_number) == ("h.test", 80)
    elsewhere = replace(PLAIN, port=8443)
    assert (elsewhere.authority, elsewhere.port_number) == ("h.test:8443", 8443)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("/https/h", True),
        ("/http/", True),
        ("/https", False),
        ("/HTTPS/h.test/v1/messages", False),
        ("/ftp/h.test/v1/messages", False),
        ("//https/h.test/v1/messages", False),
        ("/%68ttps/h.test/v1/messages", False),
        ("/https%2Fh.test/v1/messages", False),
        ("http://h.test/https/h.test/v1/messages", False),
        ("/v1/messages", False),
        ("", False),
    ],
)
def test_is_dynamic(raw: str, expected: bool) -> None:
    assert is_dynamic(raw) is expected
    if not expected:
        with pytest.raises(NotFound):
            parse_dynamic_target(raw)


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param("//v1/messages", id="empty host"),
        pytest.param("u:p@h.test/v1/messages", id="userinfo"),
        pytest.param("h.test\\@evil.test/v1/messages", id="backslash"),
        pytest.param("h.test%2fv1/messages", id="encoded slash in the host"),
        pytest.param("h.test/a%2Fb/v1/messages", id="encoded slash"),
        pytest.param("h.test/a%5cb/v1/messages", id="encoded backslash"),
        pytest.param("h.test/%2e%2e/v1/messages", id="encoded dots"),
        pytest.param("h.test/%252e/v1/messages", id="double encoding"),
        pytest.param("h.test/%c0%ae/v1/messages", id="overlong dot"),
        pytest.param("h.test/../v1/messages", id="dot segment"),
        pytest.param("h.test/./v1/messages", id="single dot"),
        pytest.param("h.test/.../v1/messages", id="three dots"),
        pytest.param("h.test//v1/messages", id="empty segment"),
        pytest.param("h.test/v1/messages//", id="two trailing slashes"),
        pytest.param("h.test/a;b/v1/messages", id="path parameter"),
        pytest.param("h.test/a#b/v1/messages", id="fragment"),
        pytest.param("h.test/v1/messages#b", id="fragment at the end"),
        pytest.param("h.test/a%00/v1/messages", id="encoded NUL"),
        pytest.param("h.test/a%0d%0ab/v1/messages", id="encoded line end"),
        pytest.param("h.test/a%7f/v1/messages", id="encoded DEL"),
        pytest.param("h.test/a%41/v1/messages", id="encoded letter"),
        pytest.param("h.test/a%/v1/messages", id="bare percent sign"),
        pytest.param("h.test/a%zz/v1/messages", id="no hex"),
        pytest.param("h.test/a b/v1/messages", id="blank"),
        pytest.param("h.test/a\tb/v1/messages", id="tab"),
        pytest.param("h.test/a\r\nb/v1/messages", id="line end"),
        pytest.param("h.test/v1/messages\n", id="line end at the end"),
        pytest.param("h.test/\u00e4/v1/messages", id="not ASCII"),
        pytest.param("h.test/models/a%ff/v1/messages", id="model that is not UTF-8"),
        pytest.param("h.test/models/a%c2%85/v1/messages", id="model with a control character"),
        pytest.param("h.test/models/../v1/messages", id="model of dots"),
        pytest.param("h.test/v1/messages?a=%0d%0aX", id="encoded line end in the query"),
        pytest.param("h.test/v1/messages?a=%7F", id="encoded DEL in the query"),
        pytest.param("h.test/v1/messages?a=\\", id="backslash in the query"),
        pytest.param("h.test/v1/messages?a b", id="blank in the query"),
        pytest.param("h.test/v1/messages?a#b", id="fragment behind the query"),
    ],
)
def test_refused_targets(rest: str) -> None:
    with pytest.raises(PermissionDenied):
        parse_dynamic_target(f"/https/{rest}")


@pytest.mark.parametrize(
    "rest",
    [
        "h.test",
        "h.test/",
        "h.test?v1/messages",
        "h.test/v1",
        "h.test/messages",
        "h.test/v1/message",
        "h.test/v1/messages/batches",
        "h.test/v1/chat/completions",
        "h.test/v1/models/gpt",
        "h.test/V1/messages",
        "h.test/xv1/messages",
    ],
)
def test_other_endpoints_are_not_found(rest: str) -> None:
    with pytest.raises(NotFound, match="a dynamic route ends in"):
        parse_dynamic_target(f"/https/{rest}")


_TEXT = st.text(alphabet=string.printable + "\u00e4\u3002\uff0f\x00", max_size=30)


@given(_TEXT, _TEXT)
def test_any_text_is_a_target_or_refused(host: str, rest: str) -> None:
    try:
        target = parse_dynamic_target(f"/https/{host}/{rest}/v1/messages")
    except (NotFound, PermissionDenied):
        return
    assert target.host == host.partition("/")[0].partition(":")[0].lower()
    assert not set(target.prefix + target.query) & set("\\#\t\r\n \x00")
    assert "/../" not in f"{target.prefix}/"
