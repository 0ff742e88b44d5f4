"""Calls that a model wrote as text become tool calls where all is certain (docs/protocol.md 3)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.convert.reply.chat_to_message import chat_to_message
from proxy.convert.reply.context import ReplyContext
from proxy.convert.reply.events_to_message import chunks_to_message
from tests.convert.chunk_builders import (
    body,
    chunk,
    end,
    entry,
    reply,
    tools,
    translated,
    translator,
)

PROPERTIES: dict[str, Any] = {
    "path": {"type": "string"},
    "limit": {"type": "integer"},
    "lines": {"type": "array"},
    "all": {"type": "boolean"},
}
SCHEMA = {"type": "object", "properties": PROPERTIES}
FUNCTIONS = [
    {"type": "function", "function": {"name": "Read", "parameters": SCHEMA}},
    {"type": "function", "function": {"name": "list_files"}},
]
HOSTS = ("Read", {"path": "/etc/hosts"})

HERMES = '<tool_call>\n{"name": "Read", "arguments": {"path": "/etc/hosts"}}\n</tool_call>'
CODER = "<tool_call>\n<function=Read>\n<parameter=path>\n/etc/hosts\n</parameter>\n</function>\n</tool_call>"
GLM = "<tool_call>Read\n<arg_key>path</arg_key>\n<arg_value>/etc/hosts</arg_value>\n</tool_call>"
KIMI_CALL = (
    '<|tool_call_begin|>functions.Read:0<|tool_call_argument_begin|>{"path": "/etc/hosts"}'
    "<|tool_call_end|>"
)
KIMI = f"<|tool_calls_section_begin|>{KIMI_CALL}<|tool_calls_section_end|>"
DEEPSEEK_CALL = '<｜tool▁call▁begin｜>Read<｜tool▁sep｜>{"path": "/etc/hosts"}<｜tool▁call▁end｜>'
DEEPSEEK = f"<｜tool▁calls▁begin｜>{DEEPSEEK_CALL}<｜tool▁calls▁end｜>"
DEEPSEEK_3 = (
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>Read\n```json\n"
    '{"path": "/etc/hosts"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>'
)
DSML = (
    '<｜DSML｜function_calls>\n<｜DSML｜invoke name="Read">\n<｜DSML｜parameter name="path" '
    'string="true">/etc/hosts</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>'
)
MINIMAX = (
    '<minimax:tool_call>\n<invoke name="Read">\n<parameter name="path">/etc/hosts</parameter>\n'
    "</invoke>\n</minimax:tool_call>"
)
FORMS = {
    "Hermes": HERMES,
    "Qwen3-Coder": CODER,
    "GLM": GLM,
    "Kimi": KIMI,
    "DeepSeek V3.1": DEEPSEEK,
    "DeepSeek V3": DEEPSEEK_3,
    "DeepSeek V3.2": DSML,
    "MiniMax": MINIMAX,
}
SPECIAL = ("Kimi", "DeepSeek V3.1", "DeepSeek V3", "DeepSeek V3.2")

Call = tuple[str, dict[str, Any]]


def asked(**facts: Any) -> ReplyContext:
    return reply(**{"functions": FUNCTIONS, "text_tool_calls": True, **facts})


def whole(text: object, *, finish: str = "stop", **facts: Any) -> dict[str, Any]:
    choice = {"message": {"content": text}, "finish_reason": finish}
    return chat_to_message({"id": "chatcmpl-A1", "choices": [choice]}, asked(**facts))


def streamed(text: str, *, finish: str = "stop", size: int = 1, **facts: Any) -> dict[str, Any]:
    chunks = [chunk({"content": text[at : at + size]}) for at in range(0, len(text), size)]
    return chunks_to_message([*chunks, end(finish)], asked(**facts))


def calls(message: dict[str, Any]) -> list[Call]:
    return [(b["name"], b["input"]) for b in message["content"] if b["type"] == "tool_use"]


def said(message: dict[str, Any]) -> str:
    return "".join(block.get("text", "") for block in message["content"])


def assert_calls(text: str, before: str, expected: list[Call], **facts: Any) -> None:
    message = whole(text, **facts)
    assert (said(message), calls(message)) == (before, expected)
    assert message["stop_reason"] == "tool_use"
    for size in (1, 3, 9, 40):
        assert streamed(text, size=size, **facts) == whole(text, **facts)


def assert_text(text: str, **facts: Any) -> None:
    message = whole(text, **facts)
    assert (said(message), calls(message)) == (text, [])
    assert message["stop_reason"] != "tool_use"
    for size in (1, 3, 9, 40):
        assert streamed(text, size=size, **facts) == message


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("before", "shown"),
    [
        pytest.param("", "", id="nothing before"),
        pytest.param("I will look.\n", "I will look.\n", id="text before"),
        pytest.param("\n\n", "", id="blanks before"),
        pytest.param("a < b, <b>c</b>\n  ", "a < b, <b>c</b>\n  ", id="other tags before"),
        pytest.param("```\nx\n```\n", "```\nx\n```\n", id="a closed fence before"),
    ],
)
def test_3_a_call_at_the_end(form: str, before: str, shown: str) -> None:
    assert_calls(before + FORMS[form], shown, [HOSTS])


@pytest.mark.parametrize("form", FORMS)
def test_3_further_calls(form: str) -> None:
    other = FORMS[form].replace("/etc/hosts", "/tmp/é")
    text = f"{FORMS[form]}\n{other}\n"
    assert_calls(text, "", [HOSTS, ("Read", {"path": "/tmp/é"})])


OTHER_FORMS: list[Any] = [
    pytest.param(
        "<function=Read>\n<parameter=path>\n/etc/hosts\n</parameter>\n</function>\n</tool_call>",
        [HOSTS], id="Qwen3-Coder without the first tag",
    ),
    pytest.param(
        "<function=Read><parameter=path>/etc/hosts</parameter></function>", [HOSTS], id="without both",
    ),
    pytest.param(
        "<tool_call>\n<function=Read>\n<parameter=path>\na\n</parameter>\n</function>\n"
        "<function=list_files>\n</function>\n</tool_call>",
        [("Read", {"path": "a"}), ("list_files", {})], id="two functions in one tag",
    ),
    pytest.param(
        '<function=Read>{"path": "/etc/hosts"}</function>', [HOSTS], id="Llama: an object inside",
    ),
    pytest.param("<tool_call>list_files</tool_call>", [("list_files", {})], id="GLM without arguments"),
    pytest.param(
        "<tool_call>Read<arg_key>path</arg_key><arg_value>/etc/hosts</arg_value></tool_call>",
        [HOSTS], id="GLM in one line",
    ),
    pytest.param(
        "<seed:tool_call>\n<function=Read>\n<parameter=path>/etc/hosts</parameter>\n</function>\n"
        "</seed:tool_call>",
        [HOSTS], id="Seed-OSS",
    ),
    pytest.param(
        '<function_calls>\n<invoke name="Read">\n<parameter name="path">/etc/hosts</parameter>\n'
        '</invoke>\n<invoke name="list_files">\n</invoke>\n</function_calls>',
        [HOSTS, ("list_files", {})], id="two calls in one block",
    ),
    pytest.param(
        '<tool_call>{"name": "Read", "parameters": {"path": "/etc/hosts"}}</tool_call>',
        [HOSTS], id="parameters in place of arguments",
    ),
    pytest.param(
        '<tool_call>{"name": "Read", "arguments": "{\\"path\\": \\"/etc/hosts\\"}"}</tool_call>',
        [HOSTS], id="arguments that are a string",
    ),
    pytest.param(
        '<tool_call>{"arguments": null, "name": "list_files"}</tool_call>', [("list_files", {})],
        id="arguments that are null",
    ),
    pytest.param(
        '<tool_call>{"name": "Read", "arguments": {"path": "</tool_call>\\n<tool_call>"}}</tool_call>',
        [("Read", {"path": "</tool_call>\n<tool_call>"})], id="the tags in a string",
    ),
    pytest.param(
        '<tool_call>{"name": "Read", "arguments": {"path": "a\nb",}}</tool_call>',
        [("Read", {"path": "a\nb"})], id="JSON that is repaired",
    ),
    pytest.param(
        "<tool_call>\n<function=Read>\n<parameter=path>\na</parameter>b\n</parameter>\n</function>\n"
        "</tool_call>",
        [("Read", {"path": "a</parameter>b"})], id="the end of a parameter in its value",
    ),
    pytest.param(
        '<|channel|>commentary to=functions.Read <|constrain|>json<|message|>{"path":"/etc/hosts"}<|call|>',
        [HOSTS], id="gpt-oss",
    ),
    pytest.param(
        '<|start|>assistant<|channel|>commentary to=functions.Read json<|message|>{"path":"/etc/hosts"}',
        [HOSTS], id="gpt-oss without its last token",
    ),
    pytest.param(
        '<|start|>assistant to=functions.Read<|channel|>commentary json<|message|>{"path":"/etc/hosts"}',
        [HOSTS], id="gpt-oss, the tool first",
    ),
    pytest.param(KIMI_CALL, [HOSTS], id="Kimi without a section"),
    pytest.param(
        f"<|tool_calls_section_begin|>{KIMI_CALL}\n{KIMI_CALL}", [HOSTS, HOSTS],
        id="Kimi, a section without its end",
    ),
    pytest.param(KIMI.replace("calls_section", "call_section"), [HOSTS], id="Kimi in the singular"),
    pytest.param(f"<｜tool▁calls▁begin｜>{DEEPSEEK}", [HOSTS], id="DeepSeek, begun twice"),
    pytest.param(DEEPSEEK.replace("▁", "_"), [HOSTS], id="DeepSeek with underscores"),
    pytest.param(DEEPSEEK.replace("｜", "|"), [HOSTS], id="DeepSeek with plain bars"),
    pytest.param(DSML.replace("function_calls", "tool_calls"), [HOSTS], id="DeepSeek V4"),
    pytest.param(
        HERMES.replace('"Read"', '"functions.read"'), [HOSTS], id="a name with noise around it",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), OTHER_FORMS)
def test_3_the_same_in_other_words(text: str, expected: list[Call]) -> None:
    assert_calls(f"So:\n{text}", "So:\n", expected)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", " is how it is written.", id="text behind it"),
        pytest.param("", "\nDone.", id="a line behind it"),
        pytest.param("```\n", "", id="in a fence that is not closed"),
        pytest.param("```xml\n", "\n```", id="in a fence"),
        pytest.param("~~~~\n```\n", "", id="in a fence of tildes"),
        pytest.param("* a\n  ```\n", "", id="in a fence of a list"),
        pytest.param("", "<", id="the start of something"),
        pytest.param("`", "`", id="in code"),
    ],
)
def test_3_at_another_place_it_is_text(form: str, before: str, after: str) -> None:
    assert_text(f"{before}{FORMS[form]}{after}")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("before", ["As in ", "> ", "    ", "\t", "- ", "x\n     ", '"'])
def test_3_amid_a_line_only_special_tokens_count(form: str, before: str) -> None:
    if form in SPECIAL:
        assert_calls(before + FORMS[form], "" if before.isspace() else before, [HOSTS])
    else:
        assert_text(before + FORMS[form])


@pytest.mark.parametrize("form", FORMS)
def test_3_what_is_not_complete_is_text(form: str) -> None:
    # Behind the last call's own end only the tags around it are left.
    markup = FORMS[form]
    optional = ["<|tool_calls_section_end|>", "<｜tool▁calls▁end｜>"]
    if form == "Qwen3-Coder":
        optional.append("</tool_call>")
    needed = next((markup.removesuffix(end) for end in optional if markup.endswith(end)), markup)
    for length in range(1, len(needed.rstrip())):
        assert calls(whole(markup[:length])) == []
        assert said(whole(markup[:length])) == markup[:length]


@pytest.mark.parametrize("form", FORMS)
def test_3_what_was_declared_decides(form: str) -> None:
    assert_text(FORMS[form].replace("Read", "Write"))
    assert_text(FORMS[form], functions=())


def test_3_a_call_behind_one_of_no_declared_tool() -> None:
    unknown = HERMES.replace("Read", "Write")
    assert_calls(f"{unknown}\n{HERMES}", f"{unknown}\n", [HOSTS])


@pytest.mark.parametrize("form", FORMS)
def test_3_without_the_flag_it_is_text(form: str) -> None:
    message = whole(FORMS[form], text_tool_calls=False)
    assert (said(message), message["stop_reason"]) == (FORMS[form], "end_turn")


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "Read", "arguments": [1]}</tool_call>',
        '<tool_call>{"name": "Read", "arguments": "x"}</tool_call>',
        '<tool_call>{"name": 5, "arguments": {}}</tool_call>',
        '<tool_call>{"arguments": {"path": "a"}}</tool_call>',
        '<tool_call>{"name": <name>, "arguments": <object>}</tool_call>',
        '<tool_call>["Read"]</tool_call>',
        '<tool_call>{"name": "Read", "arguments": {"path": "a"}</tool_call>',
        "<tool_call></tool_call>",
        "<tool_call>Read is a tool</tool_call>",
        "<tool_call>Read<arg_value>a</arg_value></tool_call>",
        "<tool_call><b>Read</b></tool_call>",
        "<function=Read>\n<b>a</b>\n</function>",
        "<function=Read>\ntext\n</function>",
        "<function=Read>{path}</function>",
        '<function_calls><invoke name=Read></invoke></function_calls>',
        "<|tool_calls_section_begin|><|tool_calls_section_end|>",
        "<|tool_call_begin|>functions.Read:0<|tool_call_end|>",
        "<｜tool▁call▁begin｜>function<｜tool▁sep｜>Read\n```json\n{}<｜tool▁call▁end｜>",
        "<tool_call>" * 3,
        "<|im_end|>",
        "\n<tool_call>" + "[" * 300,
        '<tool_call>{"name": "Read", "arguments": ' + '{"a":' * 300,
        "<tool_call>" + "R" * 300 + "</tool_call>",
    ],
)  # fmt: skip
def test_3_what_is_no_call_is_text(text: str) -> None:
    assert_text(text)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("finish", ["length", "content_filter", "model_length"])
def test_3_an_answer_that_was_cut_has_no_calls_in_its_text(form: str, finish: str) -> None:
    message = whole(FORMS[form], finish=finish)
    assert (said(message), calls(message)) == (FORMS[form], [])
    assert streamed(FORMS[form], finish=finish) == message


@pytest.mark.parametrize("finish", ["tool_calls", "eos", "mystery", ""])
def test_3_the_stop_reason_is_tool_use(finish: str) -> None:
    assert whole(HERMES, finish=finish)["stop_reason"] == "tool_use"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("role", ["user", "tool", "system", "assistant"])
def test_3_what_the_request_says_is_no_call(form: str, role: str) -> None:
    messages = [{"role": "user", "content": "Q"}, {"role": role, "content": f"See {FORMS[form]}."}]
    assert_text(FORMS[form], messages=messages)
    assert_text(f"As the page says:\n{HERMES}\n{FORMS[form]}", messages=messages)
    other = FORMS[form].replace("/etc/hosts", "/tmp/x")
    assert_calls(other, "", [("Read", {"path": "/tmp/x"})], messages=messages)


def listed(text: str, prefix: str) -> str:
    lines = enumerate(text.split("\n"), 7)
    return "\n".join(f"{prefix.format(number)}{line}" for number, line in lines)


def escaped(text: str) -> str:
    return orjson.dumps({"page": text}).decode()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "quoted",
    [
        pytest.param(escaped, id="as JSON"),
        pytest.param(lambda text: escaped(escaped(text)), id="as JSON in JSON"),
        pytest.param(
            lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
            id="as HTML",
        ),
        pytest.param(
            lambda text: escaped(text).replace("<", "\\u003c").replace(">", "\\u003e"),
            id="as JSON without angle brackets",
        ),
        pytest.param(lambda text: text.replace("\n", "\r\n    "), id="with other line ends"),
        pytest.param(lambda text: text.replace("<", "\n<"), id="in more lines"),
        pytest.param(lambda text: listed(text, "{:6}\u2192"), id="as a file with line numbers"),
        pytest.param(lambda text: listed(text, "{}\t"), id="as cat -n"),
        pytest.param(lambda text: listed(text, "docs/a.md:{}:"), id="as grep -n"),
        pytest.param(lambda text: listed(text, "> "), id="as a quotation"),
        pytest.param(lambda text: listed(text, "+"), id="as a difference"),
        pytest.param(lambda text: escaped(listed(text, "{:6}\u2192")), id="numbered, as JSON"),
    ],
)
def test_3_also_in_another_form(form: str, quoted: Any) -> None:
    content = [{"type": "text", "text": "a"}, {"type": "text", "text": quoted(FORMS[form])}]
    assert_text(FORMS[form], messages=[{"role": "tool", "content": content}])


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("&#" + "9" * 5000 + "; {}", id="decimal, beyond what int() reads"),
        pytest.param("&#" + "9" * 100_000 + "<{}", id="without its end"),
        pytest.param("&#x" + "f" * 100_000 + "; {}", id="hexadecimal"),
        pytest.param("&#" + "0" * 5000 + "60; {}", id="with zeros"),
        pytest.param("&#1114112;&#55296;&#0; {}", id="no characters"),
        pytest.param("&" * 5000 + "#{}", id="only the sign"),
    ],
)
def test_3_amid_odd_character_references(page: str) -> None:
    said_before = page.format(HERMES.replace("<", "&#" + "0" * 5000 + "60;"))
    assert_text(HERMES, messages=[{"role": "tool", "content": said_before}])
    assert_calls(HERMES, "", [HOSTS], messages=[{"role": "tool", "content": page}])


@pytest.mark.parametrize("form", FORMS)
def test_3_calls_of_the_upstream_itself_make_it_text(form: str) -> None:
    call = {"tool_calls": [entry(0, "c1", "Read", '{"path":"/etc/hosts"}')]}
    for deltas in ([{"content": FORMS[form]}, call], [call, {"content": FORMS[form]}]):
        message = chunks_to_message([*map(chunk, deltas), end()], asked())
        assert (said(message), calls(message)) == (FORMS[form], [HOSTS])
    choice = {"message": {"content": FORMS[form], **call}, "finish_reason": "tool_calls"}
    message = chat_to_message({"choices": [choice]}, asked())
    assert (said(message), calls(message)) == (FORMS[form], [HOSTS])


@pytest.mark.parametrize("form", FORMS)
def test_3_not_in_reasoning(form: str) -> None:
    message = chunks_to_message([chunk({"reasoning_content": FORMS[form]}), end()], asked())
    assert [block["type"] for block in message["content"]] == ["thinking"]
    tagged = chunks_to_message(
        [chunk({"content": f"<think>{FORMS[form]}</think>"}), end()], asked(think_tags=True)
    )
    assert [block["type"] for block in tagged["content"]] == ["thinking"]


@pytest.mark.parametrize("form", FORMS)
def test_3_behind_reasoning(form: str) -> None:
    deltas = [{"reasoning_content": "Hm."}, {"content": "\n\n"}, {"content": FORMS[form]}]
    message = chunks_to_message([*map(chunk, deltas), end()], asked())
    assert [block["type"] for block in message["content"]] == ["thinking", "tool_use"]
    tagged = whole(f"<think>Hm.</think>\n\n{FORMS[form]}", think_tags=True)
    assert [block["type"] for block in tagged["content"]] == ["thinking", "tool_use"]


def test_3_behind_reasoning_of_gpt_oss() -> None:
    text = (
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary "
        'to=functions.Read <|constrain|>json<|message|>{"path":"/etc/hosts"}'
    )
    message = whole(text, think_tags=True)
    assert [block["type"] for block in message["content"]] == ["thinking", "tool_use"]
    assert streamed(text, think_tags=True) == message


def test_3_reasoning_behind_it_makes_it_text() -> None:
    deltas = [{"content": HERMES}, {"reasoning_content": "Hm."}]
    message = chunks_to_message([*map(chunk, deltas), end()], asked())
    assert [block["type"] for block in message["content"]] == ["text", "thinking"]
    refused = [{"content": HERMES}, {"refusal": "No."}]
    message = chunks_to_message([*map(chunk, refused), end()], asked())
    assert (said(message), message["stop_reason"]) == (f"{HERMES}No.", "refusal")


def test_3_the_names_of_the_client_and_fresh_ids() -> None:
    message = whole(HERMES * 2, tool_names={"Read": "mcp.read"})
    blocks = message["content"]
    assert [(block["id"], block["name"]) for block in blocks] == [
        ("toolu_1", "mcp.read"),
        ("toolu_2", "mcp.read"),
    ]


def test_4_what_is_decided_goes_out_at_once() -> None:
    stream = translator(asked())
    deltas = [
        "See",
        " a<b ",
        "x\n<",
        "tool",
        "_call",
        "> is",
        " a tag.\n",
        "<tool_call>",
        "{}",
        "\n<tool_call>",
    ]
    sent = [texts_in(stream.feed(chunk({"content": delta}))) for delta in deltas]
    assert sent == [
        ["See"], [" a<b "], ["x\n"], [], [], [], ["<tool_call> is", " a tag.\n"], [],
        ["<tool_call>{}"], ["\n"],
    ]  # fmt: skip


def texts_in(events: list[Any]) -> list[str]:
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    return [delta["text"] for delta in deltas]


def test_4_a_stream_that_ends_without_calls_says_all() -> None:
    events = translated(
        [chunk({"content": "\n"}), chunk({"content": "<tool_call>{"}), end()], asked()
    )
    assert body(events) == ["0 text", "text_delta \n<tool_call>{", "0 stop", "end end_turn"]


def test_4_a_stream_that_breaks_off_says_what_was_held() -> None:
    stream = translator(asked())
    stream.feed(chunk({"content": HERMES}))
    events = body(stream.finish())
    assert events[:2] == ["0 text", f"text_delta {HERMES}"]
    assert events[2].startswith("error api_error: ")


def test_4_calls_are_sent_at_the_end() -> None:
    events = translated(
        [chunk({"content": part}) for part in ("Hm.\n", *HERMES)] + [end()], asked()
    )
    assert body(events) == [
        "0 text",
        "text_delta Hm.\n",
        "0 stop",
        "1 tool_use toolu_1 Read",
        'input_json_delta {"path":"/etc/hosts"}',
        "1 stop",
        "end tool_use",
    ]


def test_3_calls_are_counted() -> None:
    stream = translator(asked())
    stream.feed(chunk({"content": HERMES * 2}))
    stream.feed(end())
    stream.finish()
    assert stream.warnings == {"text_calls": 2}
    stream = translator(asked(messages=[{"role": "user", "content": HERMES}]))
    stream.feed(chunk({"content": HERMES}))
    stream.feed(end())
    stream.finish()
    assert stream.warnings == {"quoted_text_calls": 1}


def test_3_several_parts_are_one_text() -> None:
    parts = [{"type": "text", "text": text} for text in ("Hm.\n<tool", HERMES[5:])]
    message = whole(parts)
    assert (said(message), calls(message)) == ("Hm.\n", [HOSTS])


def test_4_reasoning_does_not_overtake_what_is_held() -> None:
    deltas: list[dict[str, Any]] = [{"reasoning_content": text} for text in "ab"]
    deltas += [{"content": "<tool"}, {"reasoning_content": "c"}, {"content": "_call>"}]
    assert body(translated([*map(chunk, deltas), end()], asked()))[::2] == [
        "0 thinking",
        "thinking_delta b",
        "0 stop",
        "text_delta <tool",
        "2 thinking",
        body(translated([*map(chunk, deltas), end()], asked()))[10],
        "3 text",
        "3 stop",
    ]


def test_3_tools_of_the_upstream_are_not_read_as_text() -> None:
    message = chunks_to_message([tools(entry(0, "c1", "Read", "{}")), end()], asked())
    assert calls(message) == [("Read", {})]
