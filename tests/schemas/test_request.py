from __future__ import annotations

import copy

import orjson
import pytest

from proxy.errors import InvalidRequest
from proxy.schemas import load_count_request, load_message_request
from tests.schemas.body_builders import (
    Json,
    assistant,
    claude_code_request,
    claude_code_search_request,
    claude_code_title_request,
    image,
    orphan,
    refusal,
    request,
    system,
    text,
    tool,
    tool_result,
    tool_use,
    unanswered,
    user,
    without,
)

NOT_EMPTY = (
    "all messages must have non-empty content except for the optional final assistant message"
)


RULES = [
    pytest.param(request(user("")), f"messages.0: {NOT_EMPTY}", id="9 empty message: a string"),
    pytest.param(
        request({"role": "user", "content": []}),
        f"messages.0: {NOT_EMPTY}",
        id="9 empty message: a list",
    ),
    pytest.param(
        request(user("hi"), assistant(""), user("hi")),
        f"messages.1: {NOT_EMPTY}",
        id="9 empty message: an assistant's that is not the last",
    ),
    pytest.param(
        request(user("hi"), user("")), f"messages.1: {NOT_EMPTY}", id="9 empty message: the last"
    ),
    pytest.param(
        request(tools=[tool(), tool()]),
        "tools: Tool names must be unique.",
        id="9 tools: names must be unique",
    ),
    pytest.param(
        request(tools=[tool("web_search"), {"type": "web_search_20250305", "name": "web_search"}]),
        "tools: Tool names must be unique.",
        id="9 tools: names of server tools count too",
    ),
    pytest.param(
        request(tool_choice={"type": "any"}),
        "tool_choice: may only be specified while providing tools",
        id="9 choice any without tools",
    ),
    pytest.param(
        request(tools=[], tool_choice={"type": "tool", "name": "read"}),
        "tool_choice: may only be specified while providing tools",
        id="9 choice of a tool with an empty list of tools",
    ),
    pytest.param(
        request(tools=[tool()], tool_choice={"type": "tool", "name": "write"}),
        "Tool 'write' not found in provided tools",
        id="1.3 choice of an undeclared tool",
    ),
    pytest.param(
        request(user("hi"), assistant(tool_use("a"), tool_use("b")), user("and?")),
        unanswered(1, "a, b"),
        id="9 unanswered tool_use",
    ),
    pytest.param(request(user(tool_result("a"))), orphan(0, 0, "a"), id="9 orphan tool_result"),
    pytest.param(
        request(user("hi"), assistant(tool_result())),
        "messages.1.content.0: `tool_result` blocks can only be in `user` messages",
        id="9 tool_result in an assistant's turn",
    ),
    pytest.param(
        request(user(text(), tool_use())),
        "messages.0.content.1: `tool_use` blocks can only be in `assistant` messages",
        id="9 tool_use in a user's turn",
    ),
]


@pytest.mark.parametrize(("body", "message"), RULES)
def test_refusals(body: Json, message: str) -> None:
    assert refusal(body) == message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(
            request(user(tool_result("a")), stream="yes"),
            "stream: Input should be a valid boolean",
            id="11 a field error comes before a pairing error",
        ),
        pytest.param(
            request(user(tool_result("a")), tools=[tool(), tool()]),
            "tools: Tool names must be unique.",
            id="11 a rule on one member comes before a pairing error",
        ),
        pytest.param(
            request(user(tool_result("a")), user("")),
            f"messages.1: {NOT_EMPTY}",
            id="11 an empty message comes before a pairing error",
        ),
    ],
)
def test_pairing_comes_last(body: Json, message: str) -> None:
    assert refusal(body) == message


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(request(), id="9 the least there can be"),
        pytest.param(request(max_tokens=5.0), id="9 5.0 is an integer"),
        pytest.param(request(max_tokens=0), id="1.1 max_tokens 0 is a pre-warm"),
        pytest.param(
            request(extra=1, messages=[user(text(extra={}), text()) | {"name": "x"}]),
            id="9 unknown fields are tolerated everywhere",
        ),
        pytest.param(
            request(
                context_management={"edits": []},
                mcp_servers=[],
                container="c_1",
                service_tier="auto",
                diagnostics={},
                speed="fast",
                inference_geo=5,
                fallbacks="x",
                cache_control={"type": "ephemeral"},
            ),
            id="edge 6 members that nobody maps are tolerated",
        ),
        pytest.param(
            request(
                system=None,
                stop_sequences=None,
                stream=None,
                temperature=None,
                top_p=None,
                top_k=None,
                tools=None,
                tool_choice=None,
                thinking=None,
                output_config=None,
                output_format=None,
                metadata=None,
                service_tier=None,
            ),
            id="9 null is absent",
        ),
        pytest.param(
            request(
                user(text(cache_control=None, citations=None)),
                tools=[tool(type=None, description=None, strict=None, cache_control=None)],
                metadata={"user_id": None},
                output_config={"effort": None, "format": None},
                thinking={"type": "adaptive", "display": None},
            ),
            id="9 null is absent in blocks and tools too",
        ),
        pytest.param(
            request(user("hi"), assistant(tool_use(input='{"path": "a"}')), user(tool_result())),
            id="9 tool_use.input as the JSON text of an object",
        ),
        pytest.param(
            request(
                *(user(text(cache_control={"type": "ephemeral"})) for _ in range(9)),
            ),
            id="9 repeated cache markers",
        ),
        pytest.param(
            request(
                user(text(citations=[{"type": "char_location"}])),
                assistant(
                    {
                        "type": "document",
                        "source": {"type": "text", "media_type": "text/plain", "data": "x"},
                    }
                ),
                user("hi"),
            ),
            id="9 documents in assistant turns and citations of a user",
        ),
        pytest.param(request(user("hi"), assistant("")), id="9 the final assistant may be empty"),
        pytest.param(
            request(user("hi"), {"role": "assistant", "content": []}),
            id="9 the final assistant may hold no blocks",
        ),
        pytest.param(request(user(text(""))), id="2.9 an empty text block is no empty message"),
        pytest.param(request(tools=[]), id="edge 95e no tools"),
        pytest.param(
            request(tool_choice={"type": "auto"}), id="edge 95c choice auto without tools"
        ),
        pytest.param(
            request(tool_choice={"type": "none"}, tools=[]), id="edge 95c choice none without tools"
        ),
        pytest.param(
            request(thinking={"type": "enabled", "budget_tokens": 1}),
            id="1.4 a small budget is accepted",
        ),
        pytest.param(
            request(thinking={"type": "enabled", "budget_tokens": 100_000}),
            id="1.4 a budget above max_tokens is accepted",
        ),
        pytest.param(
            request(thinking={"type": "between_tools", "block_binding": 5}),
            id="edge 24 members of thinking that nobody reads",
        ),
        pytest.param(
            request(temperature=1, top_p=0.9), id="edge 10 temperature and top_p together"
        ),
        pytest.param(
            request(system("be brief"), user("hi"), system(text("now longer"))),
            id="edge 3 system turns anywhere, also last",
        ),
        pytest.param(
            request(user("hi"), {"role": "system", "output_config": {"effort": "low"}}),
            id="2.4 a system turn that only sets output_config",
        ),
        pytest.param(
            request(system=[text(), image(), {"type": "container_upload"}]),
            id="edge 1 other blocks in system are the converter's to ignore",
        ),
        pytest.param(request(user("hi"), assistant("The answer is")), id="edge 16 prefill"),
        pytest.param(claude_code_request(), id="CC main call"),
        pytest.param(claude_code_title_request(), id="CC title call with an empty list of tools"),
        pytest.param(claude_code_search_request(), id="CC web search call"),
        pytest.param(
            claude_code_request() | {"foo": {"bar": 1}, "temperature": 1}, id="CC extra body"
        ),
    ],
)
def test_tolerances(body: Json) -> None:
    load_message_request(orjson.dumps(body))
    load_count_request(orjson.dumps(without(body, "max_tokens", "stream")))


def test_the_original_object_goes_on() -> None:
    body = {"zeta": 1, **claude_code_request(), "alpha": None, "top_k": None}
    loaded = load_message_request(orjson.dumps(body))
    assert list(loaded) == [name for name in body if name not in ("alpha", "top_k")]
    assert loaded == without(body, "alpha", "top_k")
    given = copy.deepcopy(request())
    assert load_message_request(given) is given


def test_whole_floats_become_integers() -> None:
    body = request(
        max_tokens=5.0,
        top_k=3.0,
        temperature=1.0,
        thinking={"type": "enabled", "budget_tokens": 2048.0},
        tools=[
            {"type": "computer_20250124", "name": "computer", "display_width_px": 1024.0},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 8.0},
            tool(max_uses=5.0),
        ],
    )
    loaded = load_message_request(orjson.dumps(body))
    numbers = [
        loaded["max_tokens"],
        loaded["top_k"],
        loaded["temperature"],
        loaded["thinking"]["budget_tokens"],
        loaded["tools"][0]["display_width_px"],
        loaded["tools"][1]["max_uses"],
        loaded["tools"][2]["max_uses"],
    ]
    assert numbers == [5, 3, 1.0, 2048, 1024, 8, 5.0]
    assert [type(number) for number in numbers] == [int, int, float, int, int, int, float]


@pytest.mark.parametrize("word", ["auto", "any", "none"])
def test_a_bare_tool_choice_becomes_an_object(word: str) -> None:
    """edge 95c string forms are accepted"""
    loaded = load_message_request(orjson.dumps(request(tools=[tool()], tool_choice=word)))
    assert loaded["tool_choice"] == {"type": word}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(without(request(), "max_tokens"), id="6 counting needs no max_tokens"),
        pytest.param(request(max_tokens="x", stream="y"), id="6 counting ignores both"),
        pytest.param({"model": "m", "messages": [user("hi")]}, id="CC /context counts"),
    ],
)
def test_count_requests(body: Json) -> None:
    assert load_count_request(orjson.dumps(body), strict=True) == body


def test_counting_validates_the_rest_alike() -> None:
    """6 same validation as messages"""
    with pytest.raises(InvalidRequest, match=r"^messages: at least one message is required$"):
        load_count_request(b'{"model": "m", "messages": []}')
    with pytest.raises(InvalidRequest, match="unexpected `tool_use_id`"):
        load_count_request(orjson.dumps(request(user(tool_result()))))


@pytest.mark.parametrize(
    ("given", "loaded"),
    [
        pytest.param({}, {}, id="features max_tokens: missing, with a default"),
        pytest.param({"max_tokens": None}, {}, id="features max_tokens: null, with a default"),
        pytest.param({"max_tokens": -1}, {"max_tokens": -1}, id="features max_tokens: negative"),
        pytest.param({"max_tokens": 5.0}, {"max_tokens": 5}, id="features max_tokens: given"),
    ],
)
def test_max_tokens_with_a_default(given: Json, loaded: Json) -> None:
    body = without(request(), "max_tokens")
    result = load_message_request(orjson.dumps(body | given), max_tokens_required=False)
    assert result == body | loaded


def test_max_tokens_with_a_default_keeps_its_type_and_place() -> None:
    assert refusal({"model": "m"} | {"max_tokens": "x"}, max_tokens_required=False) == (
        "messages: Field required"
    )
    body = request(max_tokens="x", stream="y")
    assert refusal(body, max_tokens_required=False) == (
        "max_tokens: Input should be a valid integer"
    )
