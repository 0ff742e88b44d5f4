"""The forms in which models write calls, and the start tokens of each.

Rule: a new form is a row in ``FORM_FOR_START`` and a function that reads one call, or one section of
calls, after the start token. A form of plain characters counts only at the start of a line; special
tokens (``<|...|>``) count anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import partial
from itertools import product
from typing import NamedTuple

from proxy.convert.reply.text_calls.markup import Markup
from proxy.convert.reply.text_calls.source import NotMarkup, TextSource
from proxy.convert.reply.text_calls.values import object_in

Steps = Generator[None, None, None]
Form = Callable[[Markup, str], Steps]
"""Reads what follows the start token, which is its second argument."""


def calls_in(markup: Markup) -> Steps:
    """Read one call after another until the source ends; raises ``NotMarkup``."""
    source = markup.source
    start = yield from source.expect(*STARTS)
    while start:
        yield from FORM_FOR_START[start](markup, start)
        yield from source.blanks()
        start = yield from source.literal(*STARTS)
    if not source.empty:
        raise NotMarkup


def _tool_call(markup: Markup, begin: str) -> Steps:
    """``<tool_call>`` of Hermes and Qwen (JSON), Qwen3-Coder (``<function=``) and GLM."""
    start = markup.source.position - len(begin)
    end = begin.replace("<", "</")
    yield from markup.source.blanks()
    first = yield from markup.source.peek()
    if first == "{":
        yield from _json_call(markup, start, end)
    elif first == "<":
        yield from _functions(markup, end)
    else:
        yield from _keys_and_values(markup, start, end)


def _json_call(markup: Markup, start: int, end: str) -> Steps:
    """``{"name": "Read", "arguments": {...}}``."""
    call = object_in((yield from markup.source.json_object()))
    said = call.get("name") if call else None
    if not call or not isinstance(said, str):
        raise NotMarkup
    name = markup.declared_name(said)
    arguments = call.get("arguments", call.get("parameters"))
    if isinstance(arguments, str):
        arguments = object_in(arguments) if arguments.strip() else {}
    elif arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise NotMarkup
    yield from markup.source.blanks()
    yield from markup.source.expect(end)
    markup.add(name, arguments, start)


def _functions(markup: Markup, end: str) -> Steps:
    source = markup.source
    begin = yield from source.expect(FUNCTION)
    while begin:
        yield from _function(markup)
        yield from source.blanks()
        begin = yield from source.literal(FUNCTION, end)
        if begin == end:
            return


def _lone_function(markup: Markup, begin: str) -> Steps:
    """``<function=`` without ``<tool_call>`` before it, which Qwen3-Coder often leaves out."""
    yield from _function(markup)
    yield from markup.source.blanks()
    yield from markup.source.literal("</tool_call>")


def _function(markup: Markup) -> Steps:
    """``Read>``, then parameters or a JSON object (Llama), then ``</function>``."""
    source = markup.source
    start = source.position - len(FUNCTION)
    name = markup.declared_name((yield from source.name()))
    yield from source.expect(">")
    yield from source.blanks()
    first = yield from source.peek()
    if first == "{":
        text = yield from source.json_object()
        yield from source.blanks()
        yield from source.expect("</function>")
        markup.add_json(name, text, start)
        return
    arguments = {}
    found = yield from source.expect("<parameter=", "</function>")
    while found == "<parameter=":
        key = yield from source.key()
        yield from source.expect(">")
        text, found = yield from _text_value(source, "</parameter>", "<parameter=", "</function>")
        # The chat template puts a line end before and after the value.
        text = text.removeprefix("\n").removesuffix("\n")
        arguments[key.strip()] = markup.value(name, key.strip(), text)
    markup.add(name, arguments, start)


def _keys_and_values(markup: Markup, start: int, end: str) -> Steps:
    """GLM: ``Read``, then pairs of ``<arg_key>`` and ``<arg_value>``."""
    source = markup.source
    name = markup.declared_name((yield from source.name()))
    yield from source.blanks()
    arguments = {}
    found = yield from source.expect("<arg_key>", end)
    while found != end:
        key = yield from source.key()
        yield from source.expect("</arg_key>")
        yield from source.blanks()
        yield from source.expect("<arg_value>")
        text, found = yield from _text_value(source, "</arg_value>", "<arg_key>", end)
        arguments[key.strip()] = markup.value(name, key.strip(), text)
    markup.add(name, arguments, start)


def _text_value(
    source: TextSource, end: str, *following: str
) -> Generator[None, None, tuple[str, str]]:
    """The text before the first ``end`` that is followed by one of ``following``, and that one."""
    parts: list[str] = []
    while True:
        parts.append((yield from source.until(end)))
        blanks = yield from source.blanks()
        found = yield from source.literal(*following)
        if found:
            return "".join(parts), found
        parts += (end, blanks)


def _invokes(markup: Markup, begin: str) -> Steps:
    """``<invoke name="Read">`` with ``<parameter name="path">``: MiniMax, DeepSeek V3.2 (DSML)."""
    source = markup.source
    mark = DSML if DSML in begin else ""
    invoke, parameter = f'<{mark}invoke name="', f'<{mark}parameter name="'
    end = begin.replace("<", "</")
    yield from source.blanks()
    found = yield from source.expect(invoke)
    while found == invoke:
        start = source.position - len(invoke)
        name = markup.declared_name((yield from source.name()))
        yield from source.expect('">')
        yield from source.blanks()
        arguments = {}
        found = yield from source.expect(parameter, f"</{mark}invoke>")
        while found == parameter:
            key = yield from source.key()
            yield from source.expect('"')
            kind = yield from source.literal(' string="true"', ' string="false"')
            yield from source.expect(">")
            text, found = yield from _text_value(
                source, f"</{mark}parameter>", parameter, f"</{mark}invoke>"
            )
            is_text = kind == ' string="true"'
            arguments[key] = text if is_text else markup.value(name, key, text)
        markup.add(name, arguments, start)
        yield from source.blanks()
        found = yield from source.expect(invoke, end)


class _Tokens(NamedTuple):
    """The special tokens of one form: around a section, around a call and within it."""

    sections: tuple[str, ...]
    call: str
    separator: str
    call_end: str
    section_ends: tuple[str, ...]


def _section(tokens: _Tokens, read: Form, markup: Markup, begin: str) -> Steps:
    """The calls after the start token of a section; the token may be repeated."""
    source = markup.source
    found = begin
    while found != tokens.call:
        yield from source.blanks()
        found = yield from source.expect(*tokens.sections, tokens.call)
    yield from read(markup, found)


def _kimi_call(tokens: _Tokens, markup: Markup, begin: str) -> Steps:
    """``functions.Read:0``, which is also the id of the call, and the arguments."""
    source = markup.source
    start = source.position - len(begin)
    yield from source.blanks()
    said = yield from source.name()
    name = markup.declared_name(_without_number(said.removeprefix("functions.")))
    yield from source.blanks()
    yield from source.expect(tokens.separator)
    yield from source.blanks()
    text = yield from source.json_object()
    yield from _call_end(tokens, markup, name, text, start, said if ":" in said else "")


def _deepseek_call(tokens: _Tokens, markup: Markup, begin: str) -> Steps:
    """``Read`` and the arguments (V3.1); or ``function``, ``Read`` and fenced arguments (V3, R1)."""
    source = markup.source
    start = source.position - len(begin)
    yield from source.blanks()
    said = yield from source.name()
    yield from source.expect(tokens.separator)
    yield from source.blanks()
    first = yield from source.peek()
    if said == "function" and first not in ("{", "`"):
        said = yield from source.name()
    name = markup.declared_name(said)
    yield from source.blanks()
    fence = yield from source.literal("```")
    if fence:
        yield from source.name()
        yield from source.blanks()
    text = yield from source.json_object()
    if fence:
        yield from source.blanks()
        yield from source.expect(fence)
    yield from _call_end(tokens, markup, name, text, start)


def _harmony_call(markup: Markup, begin: str) -> Steps:
    """gpt-oss: ``functions.Read <|constrain|>json<|message|>`` and the arguments.

    The end token is a stop token, which servers remove.
    """
    source = markup.source
    start = source.position - len(begin)
    said = yield from source.name()
    name = markup.declared_name(said.removeprefix("functions."))
    for noise in ("<|channel|>commentary", "<|constrain|>", "json"):
        yield from source.blanks()
        yield from source.literal(noise)
    yield from source.blanks()
    yield from source.expect("<|message|>")
    yield from source.blanks()
    text = yield from source.json_object()
    markup.add_json(name, text, start)
    yield from source.blanks()
    yield from source.literal("<|call|>")


def _call_end(
    tokens: _Tokens, markup: Markup, name: str, text: str, start: int, call_id: str = ""
) -> Steps:
    yield from markup.source.blanks()
    yield from markup.source.expect(tokens.call_end)
    markup.add_json(name, text, start, call_id)
    yield from markup.source.blanks()
    yield from markup.source.literal(*tokens.section_ends)


def _without_number(said: str) -> str:
    name, _, number = said.rpartition(":")
    return name if name and number.isdigit() else said


FUNCTION = "<function="
AROUND_FUNCTIONS = ("<tool_call>", "<seed:tool_call>")
DSML = "｜DSML｜"

HARMONY = (
    "<|channel|>commentary to=",
    "<|start|>assistant<|channel|>commentary to=",
    "<|start|>assistant to=",
)

_KIMI = _Tokens(
    ("<|tool_calls_section_begin|>", "<|tool_call_section_begin|>"),
    "<|tool_call_begin|>",
    "<|tool_call_argument_begin|>",
    "<|tool_call_end|>",
    ("<|tool_calls_section_end|>", "<|tool_call_section_end|>"),
)


def _deepseek(bar: str, blank: str) -> _Tokens:
    def token(name: str) -> str:
        return f"<{bar}{name.replace(' ', blank)}{bar}>"

    return _Tokens(
        (token("tool calls begin"),),
        token("tool call begin"),
        token("tool sep"),
        token("tool call end"),
        (token("tool calls end"),),
    )


_DEEPSEEK = [_deepseek(bar, blank) for bar, blank in (("｜", "▁"), ("｜", "_"), ("|", "▁"))]
"""Includes the spellings of models that do not have these special tokens."""

LINE_FORMS: Mapping[str, Form] = {
    **dict.fromkeys(AROUND_FUNCTIONS, _tool_call),
    FUNCTION: _lone_function,
    "<minimax:tool_call>": _invokes,
    "<function_calls>": _invokes,
}
"""Forms that count only at the start of a line."""


def _token_forms() -> dict[str, Form]:
    forms: dict[str, Form] = {
        f"<{DSML}{name}>": _invokes for name in ("function_calls", "tool_calls")
    }
    forms |= dict.fromkeys(HARMONY, _harmony_call)
    readers = [(_KIMI, _kimi_call), *product(_DEEPSEEK, [_deepseek_call])]
    for tokens, read in readers:
        call: Form = partial(read, tokens)
        forms[tokens.call] = call
        forms |= dict.fromkeys(tokens.sections, partial(_section, tokens, call))
    return forms


TOKEN_FORMS: Mapping[str, Form] = _token_forms()
"""Forms with special tokens, which count anywhere."""

FORM_FOR_START: Mapping[str, Form] = {**LINE_FORMS, **TOKEN_FORMS}
STARTS = tuple(FORM_FOR_START)
"""No start token is a prefix of another one."""
