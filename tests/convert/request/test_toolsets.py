"""Client toolsets: docs/protocol.md 1.3. What clients expect is read from the official SDK."""

from __future__ import annotations

from typing import Any, get_args

import anthropic.types.beta as sdk
import pytest
from anthropic.lib.tools._toolsets._computer_registry import COMPUTER
from anthropic.lib.tools._toolsets._registry import BROWSER
from pydantic import TypeAdapter

from proxy.convert.reply.chat_to_message import chat_to_message, message_to_events
from proxy.convert.reply.events_to_message import chunks_to_message
from proxy.convert.request.toolsets import FAMILIES
from proxy.errors import InvalidRequest
from proxy.schemas import load_message_request
from tests.convert.chunk_builders import chunk, end, entry, tools
from tests.convert.request_builders import (
    assistant,
    call,
    convert,
    messages,
    noted,
    result,
    tool,
    user,
)

COMPUTER_TOOLSET = {"type": "computer_toolset_20260801"}
BROWSER_TOOLSET = {"type": "browser_toolset_20260801"}
REGISTRIES = {"computer": COMPUTER, "browser": BROWSER}
EVERY_MEMBER = [(family, name) for family, rows in REGISTRIES.items() for name in rows.members]


def functions(*declared: dict[str, Any], **flags: Any) -> dict[str, Any]:
    chat = convert(tools=list(declared), flags=flags)
    return {each["function"]["name"]: each["function"] for each in chat.body["tools"]}


def sample(schema: dict[str, Any]) -> Any:
    """A value of ``schema`` with every member that it has."""
    if "anyOf" in schema:
        return sample(schema["anyOf"][0])
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "object":
        return {name: sample(each) for name, each in schema["properties"].items()}
    if schema["type"] == "array":
        return [sample(schema["items"])] * schema.get("minItems", 1)
    return {"string": "x", "integer": 3, "number": 2.5, "boolean": True}[schema["type"]]


def test_1_3_the_members_are_those_of_the_sdk() -> None:
    assert {family: set(rows) for family, rows in FAMILIES.items()} == {
        "computer": set(get_args(sdk.BetaComputerMemberName)),
        "browser": set(get_args(sdk.BetaBrowserMemberName)),
    }


def test_1_3_what_is_offered_by_default_is_that_of_the_sdk() -> None:
    offered = functions(COMPUTER_TOOLSET, BROWSER_TOOLSET)
    assert set(offered) == {
        f"{family}_{name}"
        for family, name in EVERY_MEMBER
        if REGISTRIES[family].members[name].enabled_by_default
    }
    assert len(offered) == 17 + 27


@pytest.mark.parametrize(("family", "name"), EVERY_MEMBER)
def test_1_3_the_arguments_are_those_of_the_sdk(family: str, name: str) -> None:
    declared = {"type": f"{family}_toolset_20260801", "configs": {name: {"enabled": True}}}
    function = functions(declared)[f"{family}_{name}"]
    model: Any = REGISTRIES[family].members[name].input
    fields = {each.alias or key: each for key, each in model.model_fields.items()}
    schema = function["parameters"]
    assert set(schema["properties"]) == set(fields)
    assert set(schema["required"]) == {key for key, each in fields.items() if each.is_required()}
    for given in (
        sample(schema),
        {key: sample(schema["properties"][key]) for key in schema["required"]},
    ):
        read = TypeAdapter(model).validate_python(given)
        assert read.model_dump(by_alias=True, exclude_none=True) == given
    assert function["description"]


def test_1_3_configs_enable_and_disable_members() -> None:
    some = {
        **BROWSER_TOOLSET,
        "configs": {
            "javascript_exec": {"enabled": True},
            "navigate": {"enabled": False},
            "find": {"enabled": None},
            "zoom": None,
            "read_console": {},
        },
    }
    names = set(functions(some))
    assert {"browser_javascript_exec", "browser_find", "browser_zoom"} <= names
    assert names.isdisjoint({"browser_navigate", "browser_read_console"})
    one = {name: {"enabled": name == "zoom"} for name in FAMILIES["computer"]}
    assert set(functions({**COMPUTER_TOOLSET, "configs": one})) == {"computer_zoom"}


def test_1_3_a_toolset_without_members_is_nothing() -> None:
    none = {name: {"enabled": False} for name in FAMILIES["computer"]}
    assert "tools" not in convert(tools=[{**COMPUTER_TOOLSET, "configs": none}]).body


def test_1_3_options_of_a_toolset_are_routine() -> None:
    deferred = {"screenshot": {"defer_loading": True}, "wait": {"enabled": False}}
    chat = convert(
        tools=[{**COMPUTER_TOOLSET, "configs": deferred, "cache_control": {"type": "ephemeral"}}]
    )
    assert noted(chat) == {"tools.defer_loading": "routine", "cache_control": "routine"}


def test_1_3_schema_keywords_are_removed_there_too() -> None:
    region = functions(COMPUTER_TOOLSET, schema_drop=("minItems", "maxItems"))["computer_zoom"][
        "parameters"
    ]["properties"]["region"]
    assert region.keys() == {"type", "items", "description"}
    assert "minItems" in FAMILIES["computer"]["zoom"][1]["properties"]["region"]


def test_1_3_names_that_a_client_has_already() -> None:
    own = [tool("computer_zoom"), tool("screenshot"), COMPUTER_TOOLSET]
    chat = convert(tools=own)
    names = [each["function"]["name"] for each in chat.body["tools"]]
    assert len(set(names)) == len(names) == 19
    assert names[:2] == ["computer_zoom", "screenshot"]
    (alias,) = (name for name in names if name.startswith("computer_zoom_"))
    assert chat.reply.tool_names[alias] == "zoom"
    assert chat.reply.toolsets[alias] == "computer"
    assert "screenshot" not in chat.reply.toolsets


@pytest.mark.parametrize("said", ["computer_left_click", "left_click"])
def test_1_3_arguments_are_read_by_the_schema_of_the_member(said: str) -> None:
    chat = convert(user("Hi"), tools=[COMPUTER_TOOLSET])
    arguments = '{"coordinate":"[1, 2]"}'
    stream = [chunk({"tool_calls": [entry(0, "c1", said, arguments)]}), end("tool_calls")]
    (block,) = chunks_to_message(stream, chat.reply)["content"]
    assert block["input"] == {"coordinate": [1, 2]}


SAID = [
    pytest.param(
        [COMPUTER_TOOLSET], "computer_left_click", "left_click", "computer", id="a member"
    ),
    pytest.param([BROWSER_TOOLSET], "browser_navigate", "navigate", "browser", id="of the browser"),
    pytest.param(
        [COMPUTER_TOOLSET, BROWSER_TOOLSET], "browser_scroll", "scroll", "browser", id="in both"
    ),
    pytest.param([COMPUTER_TOOLSET], "left_click", "left_click", "computer", id="without family"),
    pytest.param(
        [COMPUTER_TOOLSET], "functions.computer_wait:0", "wait", "computer", id="with noise"
    ),
    pytest.param([COMPUTER_TOOLSET, tool("wait")], "wait", "wait", None, id="a custom tool"),
    pytest.param([COMPUTER_TOOLSET, BROWSER_TOOLSET], "key", "key", None, id="of either family"),
]


@pytest.mark.parametrize(("declared", "said", "name", "family"), SAID)
def test_1_3_an_answer_names_member_and_family(
    declared: list[dict[str, Any]], said: str, name: str, family: str | None
) -> None:
    context = convert(tools=declared).reply
    calls = [entry(None, "call_1", said, '{"x":1}')]
    choice = {"message": {"role": "assistant", "tool_calls": calls}, "finish_reason": "tool_calls"}
    whole = chat_to_message({"id": "chatcmpl-A1", "choices": [choice]}, context)
    streamed = chunks_to_message(
        [
            chunk({"role": "assistant"}),
            tools(entry(0, "call_1", said, '{"x":1}')),
            end("tool_calls"),
        ],
        context,
    )
    block = {"type": "tool_use", "id": "call_1", "name": name, "input": {"x": 1}}
    expected = block if family is None else {**block, "toolset_name": family}
    assert whole["content"] == streamed["content"] == [expected]
    started = next(
        event["content_block"]
        for event in message_to_events(whole)
        if event["type"] == "content_block_start"
    )
    assert started == {**expected, "input": {}}


@pytest.mark.parametrize(
    ("declared", "name", "family", "sent", "drops"),
    [
        pytest.param([COMPUTER_TOOLSET], "zoom", "computer", "computer_zoom", {}, id="declared"),
        pytest.param([], "navigate", "browser", "browser_navigate", {}, id="no longer declared"),
        pytest.param(
            [COMPUTER_TOOLSET], "zoom", None, "computer_zoom", {}, id="without its family"
        ),
        pytest.param(
            [COMPUTER_TOOLSET, BROWSER_TOOLSET], "key", "browser", "browser_key", {}, id="in both"
        ),
        pytest.param(
            [COMPUTER_TOOLSET, tool("zoom")], "zoom", None, "zoom", {}, id="a custom tool"
        ),
        pytest.param(
            [],
            "zoom",
            "phone",
            "zoom",
            {"tool_use.toolset_name": "routine"},
            id="an unknown family",
        ),
        pytest.param(
            [COMPUTER_TOOLSET],
            "fly",
            "computer",
            "fly",
            {"tool_use.toolset_name": "routine"},
            id="an unknown member",
        ),
    ],
)
def test_1_3_the_history_names_the_functions(
    declared: list[dict[str, Any]],
    name: str,
    family: str | None,
    sent: str,
    drops: dict[str, str],
) -> None:
    block = {**call("t1", name), "toolset_name": family}
    answered = result("done", toolset_name=family)
    chat = convert(user("go"), assistant(block), user(answered), tools=declared)
    assert chat.body["messages"][1]["tool_calls"][0]["function"]["name"] == sent
    assert noted(chat) == drops


def test_1_3_a_browser_state_is_told() -> None:
    state = {"type": "browser_state", "tabs": [{"tab_id": "t", "title": "", "url": "about:blank"}]}
    turns = [user("go"), assistant({**call("t1", "new_tab"), "toolset_name": "browser"})]
    sent = messages(*turns, user(result([state], toolset_name="browser")), tools=[BROWSER_TOOLSET])
    assert '"tab_id":"t"' in sent[2]["content"]


@pytest.mark.parametrize(
    ("declared", "name", "choice"),
    [
        pytest.param([COMPUTER_TOOLSET], "zoom", "computer_zoom", id="a member"),
        pytest.param([COMPUTER_TOOLSET], "computer", "required", id="the toolset"),
        pytest.param([COMPUTER_TOOLSET, tool("zoom")], "zoom", "zoom", id="a custom tool"),
        pytest.param(
            [COMPUTER_TOOLSET, tool("computer")], "computer", "computer", id="of that name"
        ),
    ],
)
def test_1_3_a_forced_member(declared: list[dict[str, Any]], name: str, choice: str) -> None:
    wanted = {"type": "tool", "name": name}
    request = {"model": "m", "max_tokens": 9, "messages": [user("x")], "tools": declared}
    load_message_request({**request, "tool_choice": wanted})
    sent = convert(tools=declared, tool_choice=wanted).body["tool_choice"]
    assert sent == (
        "required" if choice == "required" else {"type": "function", "function": {"name": choice}}
    )


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        pytest.param([COMPUTER_TOOLSET, BROWSER_TOOLSET], "key", id="of either family"),
        pytest.param([COMPUTER_TOOLSET], "navigate", id="of another toolset"),
        pytest.param(
            [{**COMPUTER_TOOLSET, "configs": {"zoom": {"enabled": False}}}], "zoom", id="disabled"
        ),
    ],
)
def test_1_3_a_forced_member_that_is_not_offered(declared: list[dict[str, Any]], name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        convert(tools=declared, tool_choice={"type": "tool", "name": name})
    assert refused.value.message == f"Tool '{name}' not found in provided tools"


def test_1_3_a_toolset_twice() -> None:
    with pytest.raises(InvalidRequest) as refused:
        convert(tools=[COMPUTER_TOOLSET, {"type": "computer_toolset_20270101"}])
    assert refused.value.message == "tools: Tool names must be unique."
