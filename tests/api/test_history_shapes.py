"""Refused histories, too many tools and hosts that admit agents, over HTTP (docs/protocol.md 2.11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from config.registry.values import Model, Provider, Registry
from tests.api.conftest import Connect, message_request
from tests.convert import history_rules
from tests.convert.request_builders import assistant, call, result, tool, user
from tests.upstream_stub import Recorded, Script, UpstreamStub, completion, json_answer, text_stream

PATH = "/v1/messages"
AGENT = "claude-cli/2.1.197 (external, cli)"
TOOLS = [tool("look"), tool("find")]
SESSION: list[dict[str, Any]] = [
    user("q"),
    assistant("I look.", call("t1", "look"), call("t2", "find")),
    user(result("one"), result("two", "t2"), "<system-reminder>Be brief.</system-reminder>"),
]


def strict(rule: Callable[[Any], str | None], status: int = 400) -> Callable[[Recorded], Script]:
    """An upstream that refuses what ``rule`` complains of, in its words."""

    def answer(sent: Recorded) -> Script:
        words = rule(sent.json["messages"])
        if words:
            return json_answer({"error": {"message": words}}, status)
        return text_stream("ok") if sent.json.get("stream") else json_answer(completion("ok"))

    return answer


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("rule", "status"),
    [
        (history_rules.mistral, 400),
        (history_rules.mistral_before_v7, 400),
        (history_rules.alternation, 400),
        (history_rules.strict_alternation, 500),
        (history_rules.no_system, 400),
        (history_rules.single_calls, 400),
        (history_rules.no_tool_role, 422),
        (history_rules.gemini, 400),
        (history_rules.named_results, 400),
        (history_rules.reasoning, 400),
    ],
)
def test_a_session_goes_on_after_a_refusal(
    client: FlaskClient,
    upstream: UpstreamStub,
    rule: Callable[[Any], str | None],
    status: int,
    stream: bool,
) -> None:
    upstream.default = strict(rule, status)
    request = message_request(messages=SESSION, tools=TOOLS, system="S", stream=stream)
    first = client.post(PATH, json=request)
    assert first.status_code == 200, first.json
    assert b"ok" in first.data
    refused = len(upstream.requests) - 1
    assert refused > 0
    assert client.post(PATH, json=request).status_code == 200
    assert len(upstream.requests) == refused + 2, "what helped is remembered"
    assert "Be brief." in upstream.requests[-1].body.decode()


def test_a_template_with_several_demands(client: FlaskClient, upstream: UpstreamStub) -> None:
    rules = (history_rules.no_system, history_rules.strict_alternation, history_rules.user_last)
    upstream.default = strict(
        lambda messages: next((words for rule in rules if (words := rule(messages))), None)
    )
    turns = [*SESSION, assistant("The answer")]
    request = message_request(messages=turns, tools=TOOLS, system="S")
    response = client.post(PATH, json=request)
    assert response.status_code == 200, response.json
    assert len(upstream.requests) == 5


def test_a_refusal_that_stays_reaches_the_client(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    words = "Assistant message must have either content or tool_calls, but not both."
    upstream.default = lambda sent: json_answer({"error": {"message": words}}, 400)
    response = client.post(PATH, json=message_request(messages=SESSION, tools=TOOLS))
    assert response.status_code == 400
    assert response.json is not None
    assert response.json["error"]["message"] == words
    assert len(upstream.requests) == 2


def test_the_number_of_tools_is_learned_and_told(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    def limited(sent: Recorded) -> Script:
        count = len(sent.json["tools"])
        if count > 20:
            words = f"Invalid 'tools': array too long. Expected an array with maximum length 20, but got an array with length {count} instead."
            return json_answer({"error": {"message": words, "param": "tools"}}, 400)
        return json_answer(completion("ok"))

    upstream.default = limited
    tools = [tool("Read"), *(tool(f"mcp__s__t{number:02}") for number in range(22))]
    request = message_request(tools=tools)
    for calls in (2, 3):
        response = client.post(PATH, json=request)
        assert response.status_code == 200
        told = response.headers["x-claude-proxy-dropped"]
        assert told == "tools.mcp__s__t19, tools.mcp__s__t20, tools.mcp__s__t21"
        assert len(upstream.requests) == calls


def test_the_dry_run_names_tools_that_are_left_out(connect: Connect) -> None:
    provider = Provider(name="openai", base_url="https://api.openai.com/v1", api_keys=("k",))
    model = Model(id="m", provider=provider, remote_id="gpt-4o")
    proxy = connect(
        registry=Registry(default=provider, models=(model,), providers=(provider,), from_file=True)
    )
    tools = [tool("Read"), *(tool(f"mcp__s__t{number:03}") for number in range(130))]
    request = message_request(model="m", tools=tools)
    shown = proxy.post("/v1/messages/test_conversion", json=request).json
    assert shown is not None
    assert len(shown["request"]["tools"]) == 128
    assert [row["name"] for row in shown["dropped"]] == [
        f"tools.mcp__s__t{n}" for n in (127, 128, 129)
    ]


def test_a_host_that_admits_agents_gets_the_clients_name(
    client: FlaskClient, upstream: UpstreamStub
) -> None:
    def plan(sent: Recorded) -> Script:
        if not sent.headers["user-agent"].startswith("claude-cli/"):
            words = (
                "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI."
            )
            return json_answer(
                {"error": {"message": words, "type": "access_terminated_error"}}, 403
            )
        return json_answer(completion("ok"))

    upstream.default = plan
    for calls in (2, 3):
        response = client.post(PATH, json=message_request(), headers={"user-agent": AGENT})
        assert response.status_code == 200, response.json
        assert len(upstream.requests) == calls
    assert upstream.requests[-1].headers["user-agent"] == AGENT


def test_counts_are_asked_with_the_same_agent(connect: Connect, upstream: UpstreamStub) -> None:
    provider = Provider(name="p", base_url=upstream.base_url, api_keys=("k",))
    registered = Model("m", "kimi-for-coding", provider)
    registry = Registry((provider,), provider, (registered,), from_file=True)
    proxy = connect(registry=registry, token_counting="upstream")
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    upstream.default = lambda _: json_answer({**completion("ok"), "usage": usage})
    response = proxy.post(
        f"{PATH}/count_tokens", json=message_request(model="m"), headers={"user-agent": AGENT}
    )
    assert response.json == {"input_tokens": 9}
    assert upstream.requests[0].headers["user-agent"] == AGENT


@pytest.mark.parametrize("agent", ["claude-cli/\xe9", "x" * 8000, "", " \t ", "a\tb"])
def test_an_odd_agent_is_no_failure(connect: Connect, upstream: UpstreamStub, agent: str) -> None:
    provider = Provider(name="p", base_url=upstream.base_url, api_keys=("k",))
    registered = Model("m", "kimi-for-coding", provider)
    proxy = connect(registry=Registry((provider,), provider, (registered,), from_file=True))
    upstream.default = lambda _: json_answer(completion("ok"))
    environ = {"HTTP_USER_AGENT": agent}
    response = proxy.post(PATH, json=message_request(model="m"), environ_overrides=environ)
    assert response.status_code == 200, response.json


@pytest.mark.parametrize(
    ("model", "extra", "sent"),
    [
        pytest.param("kimi-for-coding", {}, AGENT, id="a model of such a plan"),
        pytest.param("kimi-k2", {}, None, id="other models: the proxy's own"),
        pytest.param("kimi-for-coding", {"user-agent": "X/1"}, "X/1", id="the operator's counts"),
    ],
)
def test_which_agent_is_sent(
    connect: Connect, upstream: UpstreamStub, model: str, extra: dict[str, str], sent: str | None
) -> None:
    provider = Provider(name="p", base_url=upstream.base_url, api_keys=("k",), extra_headers=extra)
    registered = Model(id="m", provider=provider, remote_id=model)
    proxy = connect(
        registry=Registry(
            default=provider, models=(registered,), providers=(provider,), from_file=True
        )
    )
    upstream.default = lambda _: json_answer(completion("ok"))
    headers = {"user-agent": AGENT}
    assert proxy.post(PATH, json=message_request(model="m"), headers=headers).status_code == 200
    got = upstream.requests[0].headers["user-agent"]
    assert got == sent if sent else got.startswith("claude-proxy/")
