"""State that comes back in the history (R 5.2 to 5.6)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from proxy.convert.reasoning_state import packed_item
from proxy.convert.reply.private_state import pack_call_id, pack_detail
from proxy.failures.response_state import state_key
from tests.convert.request_builders import (
    assistant,
    call,
    messages,
    noted,
    result,
    thinking,
    user,
)
from tests.convert.responses_builders import (
    ELSEWHERE,
    HOME,
    SECRET,
    calls,
    convert,
    items,
    output,
    reasoning,
    says,
    state,
)

EFFORT = {"thinking_style": "effort"}
GO = user("go")
ANTHROPIC = "EqQBCkgIARABGAIiQL"


def redacted(data: str) -> dict[str, Any]:
    return {"type": "redacted_thinking", "data": data}


def after_go(*blocks: Any, flags: dict[str, Any] | None = None, **fields: Any) -> Any:
    """The items of an assistant turn between two of the user."""
    chosen = EFFORT if flags is None else flags
    return items(GO, assistant(*blocks), user("on"), flags=chosen, **fields)[1:-1]


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(thinking("shown", state()), id="thinking"),
        pytest.param(thinking("", state()), id="omitted"),
        pytest.param(redacted(state()), id="redacted"),
    ],
)
def test_state_goes_back_verbatim_before_its_item(block: Any) -> None:
    converted = convert(GO, assistant(block, call()), user(result()), flags=EFFORT)
    assert converted.body["input"][1:] == [reasoning(), calls(), output()]
    assert converted.drops.report() == []


@pytest.mark.parametrize(
    ("item_id", "encrypted"),
    [
        pytest.param("rs.with.dots", SECRET, id="id with dots"),
        pytest.param("rs_1", "not base64: ü {}", id="other characters"),
    ],
)
def test_state_of_another_form_goes_back_too(item_id: str, encrypted: str) -> None:
    assert after_go(thinking("t", state(item_id, encrypted)), "say") == [
        reasoning(item_id, encrypted),
        says("assistant", "say"),
    ]


def test_item_without_id_goes_back_without_id() -> None:
    bare = {"type": "reasoning", "summary": [], "encrypted_content": SECRET}
    sent = after_go(thinking("t", state("")), "say", not_checked=["input"])
    assert sent[0] == bare
    omitted = after_go(
        thinking("t", state()),
        "say",
        flags={**EFFORT, "reasoning_ids": "omit"},
        not_checked=["input"],
    )
    assert omitted[0] == bare


@pytest.mark.parametrize(
    ("block", "flags"),
    [
        pytest.param(thinking("t", state(origin=ELSEWHERE)), {}, id="another host"),
        pytest.param(redacted(state(origin=ELSEWHERE)), {}, id="another host, redacted"),
        pytest.param(thinking("t", ANTHROPIC), {}, id="Anthropic's"),
        pytest.param(redacted(ANTHROPIC), {}, id="Anthropic's, redacted"),
        pytest.param(thinking("t", "cp1.AAAAAAAAAAAAAAAAAAAAAA"), {}, id="a digest"),
        pytest.param(thinking("t", ""), {}, id="unsigned"),
        pytest.param(thinking("t", "cp1.r1.x"), {}, id="cut"),
        pytest.param(thinking("t", f"cp1.r1.{HOME}.rs_1."), {}, id="empty state"),
        pytest.param(
            thinking("t", pack_detail({"type": "reasoning.text", "text": "t"})),
            {},
            id="of a Chat upstream",
        ),
        pytest.param(thinking("t", state()), {"reasoning_items": "drop"}, id="drop"),
        pytest.param(thinking("t", state()), {"thinking_style": "none"}, id="no reasoning"),
        pytest.param(thinking("t", state()), {"refused": {state_key(SECRET)}}, id="refused"),
        pytest.param(
            redacted(state("rs.dots")),
            {"refused": {state_key(SECRET)}},
            id="refused, packed",
        ),
    ],
)
def test_state_that_is_of_no_use_is_left_out(block: Any, flags: dict[str, Any]) -> None:
    refused = flags.pop("refused", ())
    chosen = {**EFFORT, **flags}
    converted = convert(GO, assistant(block, "say"), user("on"), flags=chosen, refused=refused)
    assert converted.body["input"] == [GO_ITEM, says("assistant", "say"), says("user", "on")]
    assert list(noted(converted).values()) == ["routine"]


GO_ITEM = says("user", "go")


def test_only_the_refused_state_is_left_out() -> None:
    blocks = (thinking("a", state("rs_1", "AAAA")), "x", thinking("b", state("rs_2", "BBBB")), "y")
    assert after_go(*blocks, refused={state_key("AAAA")}) == [
        says("assistant", "x"),
        reasoning("rs_2", "BBBB"),
        says("assistant", "y"),
    ]


def test_each_item_has_its_own_state() -> None:
    blocks = (thinking("a", state("rs_1", "AAAA")), redacted(state("rs_2", "BBBB")), "say")
    assert after_go(*blocks) == [
        reasoning("rs_1", "AAAA"),
        reasoning("rs_2", "BBBB"),
        says("assistant", "say"),
    ]


def test_reasoning_that_led_to_nothing_is_left_out() -> None:
    converted = convert(GO, assistant("say", thinking("t", state())), user("on"), flags=EFFORT)
    assert converted.body["input"] == [GO_ITEM, says("assistant", "say"), says("user", "on")]
    assert noted(converted) == {"thinking": "routine"}
    alone = convert(GO, assistant(thinking("t", state())), user("on"), flags=EFFORT)
    assert alone.body["input"] == [says("user", "go\n\non")]


def test_encrypted_at_an_upstream_without_levels() -> None:
    blocks = (thinking("t", state()), "say")
    assert after_go(*blocks, flags={"reasoning_items": "encrypted"})[0] == reasoning()


def plain(value: str) -> dict[str, Any]:
    digest = sha256(value.encode()).hexdigest()[:24]
    content = [{"type": "reasoning_text", "text": value}]
    return {"type": "reasoning", "id": f"rs_{digest}", "summary": [], "content": content}


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param(thinking("t", "cp1.AAAAAAAAAAAAAAAAAAAAAA"), [plain("t")], id="ours"),
        pytest.param(thinking("t", state()), [plain("t")], id="ours, encrypted"),
        pytest.param(thinking("t", ""), [plain("t")], id="unsigned"),
        pytest.param(
            thinking("", pack_detail({"type": "reasoning.text", "text": "hidden"})),
            [plain("hidden")],
            id="omitted",
        ),
        pytest.param(thinking("t", ANTHROPIC), [], id="Anthropic's"),
        pytest.param(thinking("", state()), [], id="no text"),
        pytest.param(redacted(state()), [], id="redacted"),
    ],
)
def test_text_for_upstreams_that_show_their_reasoning(block: Any, expected: Any) -> None:
    sent = after_go(block, "say", flags={"reasoning_items": "text"})
    assert sent == [*expected, says("assistant", "say")]


def test_upstreams_own_call_ids_come_back() -> None:
    carrier = redacted(pack_call_id("t1", "call/of:the upstream"))
    sent = items(
        GO, assistant(carrier, thinking("t", state()), call()), user(result()), flags=EFFORT
    )
    assert sent[1:] == [
        reasoning(),
        calls("call/of:the upstream"),
        output(call_id="call/of:the upstream"),
    ]


# Searches

ACTION = {"type": "search", "query": "q"}
SEARCH_ITEM = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": ACTION}
USED = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}}
AS_TEXT = '[called web_search with {"query":"q"}]\n[web_search result]\nT – u'


def found(data: str, call_id: str = "s1") -> dict[str, Any]:
    hits = [
        {"type": "web_search_result", "url": "u", "title": "T", "encrypted_content": data},
    ]
    return {"type": "web_search_tool_result", "tool_use_id": call_id, "content": hits}


def test_search_goes_back_with_its_reasoning() -> None:
    turn = assistant(thinking("t", state()), USED, found(packed_item(HOME, SEARCH_ITEM)), "so")
    converted = convert(GO, turn, user("on"), flags=EFFORT)
    assert converted.body["input"][1:-1] == [reasoning(), SEARCH_ITEM, says("assistant", "so")]
    assert converted.drops.report() == []


def test_search_without_reasoning_goes_back() -> None:
    blocks = (USED, found(packed_item(HOME, SEARCH_ITEM)))
    assert after_go(*blocks) == [SEARCH_ITEM]
    for form in ("text", "drop"):
        sent = after_go(*blocks, flags={**EFFORT, "reasoning_items": form})
        assert sent == [says("assistant", AS_TEXT)]


@pytest.mark.parametrize(
    ("thought", "data", "flags"),
    [
        pytest.param(state(), packed_item(ELSEWHERE, SEARCH_ITEM), {}, id="another host"),
        pytest.param(
            state(origin=ELSEWHERE), packed_item(HOME, SEARCH_ITEM), {}, id="reasoning lost"
        ),
        pytest.param(
            state(),
            packed_item(HOME, SEARCH_ITEM),
            {"refused": {state_key(SECRET)}},
            id="reasoning refused",
        ),
        pytest.param(
            state(), packed_item(HOME, SEARCH_ITEM), {"reasoning_items": "drop"}, id="drop"
        ),
    ],
)
def test_search_and_its_reasoning_are_lost_together(
    thought: str, data: str, flags: dict[str, Any]
) -> None:
    blocks = (thinking("t", thought), USED, found(data), "so")
    refused = flags.pop("refused", ())
    assert after_go(*blocks, flags={**EFFORT, **flags}, refused=refused) == [
        says("assistant", f"{AS_TEXT}\nso")
    ]


def test_second_search_of_the_same_turn_is_judged_by_itself() -> None:
    second = {**USED, "id": "s2"}
    other = {**SEARCH_ITEM, "id": "ws_2"}
    blocks = (
        thinking("t", state(origin=ELSEWHERE)),
        USED,
        found(packed_item(HOME, SEARCH_ITEM)),
        thinking("t", state("rs_2")),
        second,
        found(packed_item(HOME, other), "s2"),
    )
    assert after_go(*blocks) == [says("assistant", AS_TEXT), reasoning("rs_2"), other]


# Phases


def test_phase() -> None:
    flags = {"phase": True}
    sent = items(
        GO,
        assistant("before", call("t1"), "between", call("t2"), "behind"),
        user(result("1", "t1"), result("2", "t2")),
        assistant("done"),
        user("on"),
        flags=flags,
    )
    phases = [item.get("phase") for item in sent if item.get("role") == "assistant"]
    assert phases == ["commentary", "commentary", "final_answer", "final_answer"]
    assert not any("phase" in item for item in sent if item.get("role") != "assistant")
    assert "phase" not in items(GO, assistant("a"), user("b"))[1]


# From Responses to Chat


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("details", {"reasoning_details": [{"type": "reasoning.text", "text": "t"}]}),
        ("reasoning_content", {"reasoning_content": "t"}),
        ("drop", {}),
    ],
)
def test_chat_upstreams_get_the_text_without_the_state(form: str, expected: Any) -> None:
    sent = messages(
        GO, assistant(thinking("t", state()), "say"), user("on"), flags={"reasoning_history": form}
    )
    assert sent[1] == {"role": "assistant", "content": "say", **expected}


def test_chat_upstreams_get_no_redacted_state() -> None:
    for form in ("details", "reasoning_content", "reasoning_text", "drop"):
        sent = messages(
            GO, assistant(redacted(state()), "say"), user("on"), flags={"reasoning_history": form}
        )
        assert sent[1] == {"role": "assistant", "content": "say"}
