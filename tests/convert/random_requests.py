"""Random Messages requests of the right shape, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

TEXT = st.text(max_size=6)
WORD = st.text(alphabet='ab ._-é<&"', min_size=1, max_size=8)
MARKER = st.sampled_from(
    [{}, {}, {"cache_control": {"type": "ephemeral"}}, {"cache_control": None}]
)
FLAT_JSON = st.dictionaries(TEXT, st.none() | st.booleans() | st.integers(-9, 9) | TEXT, max_size=3)


def block(kind: str, **members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Blocks of type ``kind`` with ``members``, some with a cache marker."""
    plain = st.fixed_dictionaries({"type": st.just(kind), **members})
    return st.tuples(plain, MARKER).map(lambda pair: pair[0] | pair[1])


IMAGE_SOURCE = st.sampled_from(
    [
        {"type": "base64", "media_type": "image/png", "data": "QQ=="},
        {"type": "url", "url": "https://x.test/a.png"},
    ]
)
FILE_SOURCE = st.just({"type": "file", "file_id": "f"})
TEXT_BLOCK = block("text", text=TEXT)
IMAGE = block("image", source=IMAGE_SOURCE)
DOCUMENT = block(
    "document",
    source=st.sampled_from(
        [
            {"type": "text", "media_type": "text/plain", "data": "D"},
            {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
            {"type": "url", "url": "https://x.test/a.pdf"},
            {"type": "content", "content": "D"},
            {"type": "content", "content": [{"type": "text", "text": "D"}]},
        ]
    ),
    title=st.none() | WORD,
)
FILED = block("image", source=FILE_SOURCE) | block("document", source=FILE_SOURCE)
SEARCH_RESULT = block(
    "search_result", source=WORD, title=WORD, content=st.lists(TEXT_BLOCK, max_size=2)
)
DROPPED = st.sampled_from(["container_upload", "connector_text", "fallback"]).map(
    lambda kind: {"type": kind}
)
MID_SYSTEM = block("mid_conv_system", content=TEXT)
COMPACTION = block("compaction", content=st.none() | TEXT)
USER_BLOCK = st.one_of(
    TEXT_BLOCK, TEXT_BLOCK, IMAGE, DOCUMENT, SEARCH_RESULT, DROPPED, MID_SYSTEM, COMPACTION
)
ASSISTANT_BLOCK = st.one_of(
    TEXT_BLOCK,
    TEXT_BLOCK,
    block("thinking", thinking=TEXT, signature=st.sampled_from(["", "theirs", "cp1.x", None])),
    block("redacted_thinking", data=st.sampled_from(["theirs", "cp1.x"])),
    block("server_tool_use", id=WORD, name=WORD, input=FLAT_JSON),
    block("mcp_tool_result", tool_use_id=WORD, content=TEXT),
    DOCUMENT,
    DROPPED,
    MID_SYSTEM,
    COMPACTION,
)
RESULT_CONTENT = st.one_of(
    st.none(),
    TEXT,
    st.lists(st.one_of(TEXT_BLOCK, IMAGE, DOCUMENT, SEARCH_RESULT), max_size=3),
)
SYSTEM_TURN = st.fixed_dictionaries(
    {"role": st.just("system"), "content": TEXT | st.lists(TEXT_BLOCK, max_size=2)},
    optional={"clear_at": st.sampled_from(["never", "next_user_message"])},
)


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Turns in any order, with a result for every call and a call for every result."""
    turns: list[dict[str, Any]] = []
    fresh = (f"id {number}" for number in range(1000))
    for _ in range(draw(st.integers(1, 6))):
        turns += draw(st.lists(SYSTEM_TURN, max_size=1))
        turns += [_user(draw, []) for _ in range(draw(st.integers(0, 2)))]
        ids = [next(fresh) for _ in range(draw(st.integers(0, 2)))]
        turns += _exchange(draw, ids)
    return turns


def _exchange(draw: st.DrawFn, ids: list[str]) -> list[dict[str, Any]]:
    calls = [
        {"type": "tool_use", "id": tool_id, "name": draw(WORD), "input": draw(FLAT_JSON)}
        for tool_id in ids
    ]
    cut = draw(st.integers(0, len(calls)))
    turns = [_assistant(draw, calls[:cut])]
    turns += draw(st.lists(SYSTEM_TURN, max_size=1))
    turns.append(_assistant(draw, calls[cut:]))
    turns += draw(st.lists(SYSTEM_TURN, max_size=1))
    order = draw(st.permutations(ids))
    results = [
        {
            "type": "tool_result",
            "tool_use_id": tool_id,
            "content": draw(RESULT_CONTENT),
            "is_error": draw(st.booleans()),
        }
        for tool_id in order
    ]
    cut = draw(st.integers(0, len(results)))
    if draw(st.booleans()) or results:
        turns += [_user(draw, results[:cut]), _user(draw, results[cut:])]
    return _without_compaction(turns) if ids else turns


def _without_compaction(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``turns`` with calls: a summary between a call and its result would stand for the call alone."""
    for turn in turns:
        if isinstance(turn["content"], list):
            turn["content"] = [each for each in turn["content"] if each["type"] != "compaction"]
    return turns


def _user(draw: st.DrawFn, results: list[dict[str, Any]]) -> dict[str, Any]:
    if not results and draw(st.booleans()):
        return {"role": "user", "content": draw(TEXT)}
    return {"role": "user", "content": _mixed(draw, USER_BLOCK, results)}


def _assistant(draw: st.DrawFn, calls: list[dict[str, Any]]) -> dict[str, Any]:
    if not calls and draw(st.booleans()):
        return {"role": "assistant", "content": draw(TEXT)}
    return {"role": "assistant", "content": _mixed(draw, ASSISTANT_BLOCK, calls)}


def _mixed(
    draw: st.DrawFn, others: st.SearchStrategy[Any], placed: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    before, after = draw(st.lists(others, max_size=2)), draw(st.lists(others, max_size=2))
    return [*before, *placed, *after]


TOOLS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"name": WORD, "input_schema": st.sampled_from([{}, {"type": "object"}])},
            optional={"description": TEXT, "strict": st.booleans()},
        ),
        st.fixed_dictionaries({"type": st.just("bash_20250124"), "name": WORD}),
        st.fixed_dictionaries({"type": st.just("web_search_20250305"), "name": WORD}),
    ),
    max_size=3,
    unique_by=lambda tool: tool["name"],
)
CHOICE = st.none() | st.fixed_dictionaries(
    {"type": st.sampled_from(["auto", "any", "none"])},
    optional={"disable_parallel_tool_use": st.booleans()},
)
THINKING = st.sampled_from(
    [
        None,
        {"type": "enabled", "budget_tokens": 2000},
        {"type": "adaptive", "display": "omitted"},
        {"type": "disabled"},
    ]
)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
FORMAT = st.sampled_from([None, {"type": "json_schema", "schema": SCHEMA}])
REQUESTS = st.fixed_dictionaries(
    {"model": st.just("claude-x"), "max_tokens": st.just(100), "messages": histories()},
    optional={
        "system": st.none() | TEXT | st.lists(TEXT_BLOCK, max_size=2),
        "tools": TOOLS,
        "tool_choice": CHOICE,
        "thinking": THINKING,
        "output_config": st.fixed_dictionaries(
            {}, optional={"effort": st.sampled_from(["low", "max"]), "format": FORMAT}
        ),
        "stop_sequences": st.lists(WORD, max_size=5),
        "temperature": st.floats(0, 1),
        "stream": st.booleans(),
        "metadata": st.just({"user_id": "u"}),
        "service_tier": st.sampled_from(["auto", "standard_only"]),
        "mcp_servers": st.just([]),
    },
)
"""Requests of the right shape, with empty turns and blocks that a converter has to stand too."""
FLAGS = st.fixed_dictionaries(
    {},
    optional={
        "mid_system": st.just("inline"),
        "prefill": st.sampled_from(["prefix", "vllm", "error"]),
        "null_content": st.just(False),
        "vision": st.just(False),
        "pdf": st.just("file"),
        "tool_id": st.just("nine"),
        "cache": st.sampled_from(["anthropic", "breakpoint"]),
        "structured": st.sampled_from(["json_object", "none"]),
        "reasoning_history": st.sampled_from(["reasoning_content", "details"]),
        "thinking_style": st.sampled_from(["effort", "openrouter", "qwen", "toggle"]),
        "tool_choice": st.sampled_from(["required", "auto_only"]),
        "server_tools": st.just("error"),
        "web_search": st.sampled_from(["options", "plugin"]),
        "system_role": st.just("developer"),
        "user_field": st.just("user"),
        "service_tier": st.just(True),
        "strict_tools": st.just(True),
    },
)
