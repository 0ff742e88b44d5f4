"""What a request becomes where an upstream's limits and modes are known: docs/protocol.md 1.5, 10.11."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.failures.broken_images import image_key
from tests.convert.request_builders import (
    LINK,
    LINK_PART,
    PNG,
    PNG_PART,
    assistant,
    call,
    convert,
    document,
    image,
    messages,
    noted,
    result,
    tool,
    user,
)

BROKEN = {"unreadable_images": (image_key("data:image/png;base64,QQ=="),)}


@pytest.mark.parametrize(
    ("asked", "flags", "sent"),
    [
        (1, {"min_output": 16}, 16),
        (16, {"min_output": 16}, 16),
        (100, {"min_output": 16}, 100),
        (1, {"min_output": 16, "token_field": "max_completion_tokens"}, 16),
        (100, {"min_output": 16, "max_output": 50}, 50),
    ],
)
def test_1_5_the_output_is_raised_to_the_least(
    asked: int, flags: dict[str, Any], sent: int
) -> None:
    chat = convert(flags=flags, max_tokens=asked, limit=asked)
    assert chat.body[flags.get("token_field", "max_tokens")] == sent
    assert noted(chat) == ({} if asked == sent else {f"max_tokens={sent}": "noted"})


def test_1_5_a_count_has_no_output_to_raise() -> None:
    assert "max_tokens" not in convert(flags={"min_output": 16}, limit=None).body


@pytest.mark.parametrize(
    ("description", "sent"),
    [
        ("x" * 40, "x" * 40),
        ("x" * 41, "x" * 39 + "…"),
        ("Reads a file. " + "y" * 3000, "Reads a file. " + "y" * 25 + "…"),
        ("x" * 38 + " y z", "x" * 38 + "…"),
        ("é" * 41, "é" * 39 + "…"),
        ("", None),
    ],
)
def test_1_5_a_description_is_cut(description: str, sent: str | None) -> None:
    chat = convert(tools=[tool(description=description)], flags={"description_chars": 40})
    assert chat.body["tools"][0]["function"].get("description") == sent
    cut = sent is not None and sent.endswith("…")
    assert noted(chat) == ({"tools.description=40": "noted"} if cut else {})


def test_1_5_every_cut_description_is_counted() -> None:
    tools = [tool(f"t{n}", description="x" * n) for n in range(38, 43)]
    chat = convert(tools=tools, flags={"description_chars": 40})
    assert chat.drops.header() == "tools.description;n=2=40"


def test_1_5_the_examples_of_a_tool_are_part_of_its_description() -> None:
    tools = [tool(description="Looks.", input_examples=[{"q": "x" * 50}])]
    chat = convert(tools=tools, flags={"description_chars": 40})
    assert (
        chat.body["tools"][0]["function"]["description"]
        == 'Looks.\n\nExamples:\n{"q":"xxxxxxxxxxxxxxx…'
    )


@pytest.mark.parametrize("limit", [16, 32, 48, 64, 100])
def test_1_5_long_names_are_shortened_alike_everywhere(limit: int) -> None:
    name = "mcp__documentation__look_a_page_up_by_its_number"
    turns = (user("go"), assistant(call(name=name)), user(result()))
    chat = convert(
        *turns,
        tools=[tool(name), tool("Read")],
        tool_choice={"type": "tool", "name": name},
        flags={"tool_name_chars": limit},
    )
    sent = chat.body["tools"][0]["function"]["name"]
    assert len(sent) <= limit
    assert (sent == name) is (limit >= len(name))
    assert chat.body["tools"][1]["function"]["name"] == "Read"
    assert chat.body["tool_choice"]["function"]["name"] == sent
    assert chat.body["messages"][1]["tool_calls"][0]["function"]["name"] == sent
    assert chat.reply.tool_names == ({} if sent == name else {sent: name})
    assert noted(chat) == ({} if sent == name else {f"tools.name={limit}": "noted"})


@pytest.mark.parametrize(
    ("fields", "flags", "sent"),
    [
        ({"stream": True, "tools": [tool()]}, {}, True),
        ({"tools": [tool()]}, {}, False),
        ({"stream": True}, {}, False),
        ({"tools": [tool()]}, {"stream_only": True}, True),
        ({"stream": True, "tools": [tool()]}, {"unsupported": ("stream",)}, False),
        ({"stream": True, "tools": [tool()], "tool_choice": {"type": "none"}}, {"tool_choice": "auto_only"}, False),
    ],
)  # fmt: skip
def test_1_3_tool_stream(fields: dict[str, Any], flags: dict[str, Any], sent: bool) -> None:
    body = convert(flags={"tool_stream": True, **flags}, **fields).body
    assert body.get("tool_stream", False) is sent
    assert "tool_stream" not in convert(flags=flags, **fields).body


ON = {"type": "enabled", "budget_tokens": 2000}
NO_TEMPLATE_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}


@pytest.mark.parametrize(
    ("style", "thinking", "fields", "drops"),
    [
        ("none", None, NO_TEMPLATE_THINKING, {}),
        ("none", ON, NO_TEMPLATE_THINKING, {"thinking": "noted"}),
        ("none", {"type": "disabled"}, NO_TEMPLATE_THINKING, {}),
        ("qwen", ON, {"enable_thinking": False}, {"thinking": "noted"}),
        ("toggle", None, {"thinking": {"type": "disabled"}}, {}),
        ("openrouter", ON, {"reasoning": {"enabled": False}}, {"thinking": "noted"}),
        ("effort", ON, {"reasoning_effort": "low"}, {"thinking": "noted"}),
    ],
)
def test_2_8_a_prefill_stops_thinking(
    style: str, thinking: Any, fields: dict[str, Any], drops: dict[str, str]
) -> None:
    flags = {"thinking_style": style, "prefill_stops_thinking": True}
    given = {"thinking": thinking} if thinking else {}
    chat = convert(user("go"), assistant("The answer is"), flags=flags, **given)
    assert {name: chat.body[name] for name in fields} == fields
    assert noted(chat) == drops
    last = convert(user("go"), assistant("ok"), user("on"), flags=flags, **given)
    without = convert(
        user("go"), assistant("ok"), user("on"), flags={"thinking_style": style}, **given
    )
    assert last.body == without.body


@pytest.mark.parametrize(
    ("turn", "links"),
    [
        (user(image(), "look"), 0),
        (user(image(LINK), image(), "look"), 1),
        (user(document({"type": "content", "content": [image()]})), 0),
    ],
)
def test_1_5_an_unreadable_image_is_left_out(turn: dict[str, Any], links: int) -> None:
    chat = convert(turn, flags=BROKEN)
    content = chat.body["messages"][0]["content"]
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    assert "[image left out, because it could not be read: image/png]" in parts[links]["text"]
    assert [part for part in parts if part["type"] == "image_url"] == [LINK_PART] * links
    assert noted(chat)["image=placeholder"] == "noted"


def test_1_5_an_unreadable_image_of_a_result_is_left_out() -> None:
    turns = (user("go"), assistant(call()), user(result([image(), image(LINK)])))
    sent = messages(*turns, flags=BROKEN)
    assert PNG_PART not in [
        part for each in sent if isinstance(each["content"], list) for part in each["content"]
    ]
    assert LINK_PART in sent[-1]["content"]


def test_1_5_other_images_stay() -> None:
    other = image({**PNG, "data": "QUE="})
    chat = convert(user(other, "look"), flags=BROKEN)
    assert chat.body["messages"][0]["content"][0]["type"] == "image_url"
    assert noted(chat) == {}
