"""A summary stands for everything before it."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.convert.compaction_seal import MOST_NAMES, is_changed, sealed, tools_before
from proxy.convert.request.compacted_history import history_after_compaction
from proxy.errors import InvalidRequest

Turn = dict[str, Any]

BLANK = {"role": "system"}
ADD = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "f"}}


def turn(role: str, *content: Any) -> Turn:
    return {"role": role, "content": list(content)}


def text(words: str) -> Turn:
    return {"type": "text", "text": words}


def block(content: str | None = "short", **more: Any) -> Turn:
    return {"type": "compaction", "content": content, **more}


A, B, C = turn("user", text("a")), turn("assistant", text("b")), turn("user", text("c"))
SIGNED = block(signature=sealed("short"))


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        pytest.param([turn("assistant", SIGNED), C], [turn("assistant", SIGNED), C], id="first"),
        pytest.param(
            [A, turn("assistant", block(), text("b")), C],
            [BLANK, turn("assistant", block(), text("b")), C],
            id="in an answer",
        ),
        pytest.param(
            [A, B, A, turn("assistant", text("x"), block(), text("y"))],
            [BLANK, BLANK, BLANK, turn("assistant", block(), text("y"))],
            id="amid an answer",
        ),
        pytest.param(
            [A, turn("assistant", block("old")), C, turn("assistant", block("new")), C],
            [BLANK, BLANK, BLANK, turn("assistant", block("new")), C],
            id="the last of several",
        ),
        pytest.param(
            [A, turn("assistant", block("old"), text("b"), block("new"))],
            [BLANK, turn("assistant", block("new"))],
            id="the last of one turn",
        ),
        pytest.param(
            [A, turn("assistant", block("good")), C, turn("assistant", block(None), text("b"))],
            [BLANK, turn("assistant", block("good")), C, turn("assistant", block(None), text("b"))],
            id="a failed one counts for nothing",
        ),
        pytest.param(
            [A, turn("user", block(), text("c"))],
            [BLANK, turn("user", block(), text("c"))],
            id="in a user turn",
        ),
        pytest.param(
            [{"role": "system", "content": "rules"}, A, turn("assistant", block()), C],
            [BLANK, BLANK, turn("assistant", block()), C],
            id="system turns are summarized too",
        ),
        pytest.param(
            [A, turn("assistant", block(tool_changes=[ADD])), C],
            [BLANK, turn("assistant", block(tool_changes=[ADD])), C],
            id="tool changes stay in the block",
        ),
        pytest.param(
            [turn("assistant", block(tool_changes=[])), C],
            [turn("assistant", block(tool_changes=[])), C],
            id="no tool changes",
        ),
        pytest.param(
            [A, turn("assistant", block(signature="Er8DCkYI")), C],
            [BLANK, turn("assistant", block(signature="Er8DCkYI")), C],
            id="a signature of others",
        ),
    ],
)
def test_history(turns: list[Turn], expected: list[Turn]) -> None:
    assert history_after_compaction(turns) == expected


@pytest.mark.parametrize(
    "turns",
    [
        [A, B, C],
        [{"role": "user", "content": "compaction"}],
        [A, turn("assistant", block(None))],
        [A, turn("assistant", block(""))],
        [{"role": "system", "output_config": {"effort": "low"}}, A],
    ],
)
def test_a_history_without_a_summary_is_the_same_list(turns: list[Turn]) -> None:
    assert history_after_compaction(turns) is turns


@pytest.mark.parametrize(
    ("turns", "message", "code"),
    [
        pytest.param(
            [A, turn("system", text("x"), block())],
            "messages.1.content.1: `compaction` blocks cannot be in `system` messages",
            "compaction_block_misplaced",
            id="in a system turn",
        ),
        pytest.param(
            [A, turn("system", block(None))],
            "messages.1.content.0: `compaction` blocks cannot be in `system` messages",
            "compaction_block_misplaced",
            id="a failed one in a system turn",
        ),
        *(
            pytest.param(
                [A, turn("assistant", block(content, signature=sealed("short"))), C],
                "messages.1.content.0.compaction.content: differs from the text that was returned "
                "with this signature",
                "compaction_content_mismatch",
                id=f"changed: {content!r}",
            )
            for content in ("Short", "short ", "shor", "short\n", "\ud83dshort")
        ),
    ],
)
def test_refusals(turns: list[Turn], message: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        history_after_compaction(turns)
    assert caught.value.message == message
    assert caught.value.details == {"error_code": code}


def test_the_list_of_the_client_is_not_changed() -> None:
    turns = [A, turn("assistant", text("x"), block())]
    copy = [A, turn("assistant", text("x"), block())]
    history_after_compaction(turns)
    assert turns == copy


@pytest.mark.parametrize(
    "tools",
    [(), ("a",), ("mcp__s__t", "Bash", "ü"), tuple(f"{n:0200d}" for n in range(100))],
    ids=["none", "one", "three", "long ones"],
)
def test_a_signature_carries_the_names_of_tools(tools: tuple[str, ...]) -> None:
    made = block(signature=sealed("short", tools))
    assert not is_changed(made)
    assert is_changed({**made, "content": "other"})
    assert tools_before(made) == tools


def test_a_signature_carries_a_bounded_number_of_names_each_once() -> None:
    names = [str(number // 2) for number in range(1000)]
    assert tools_before(block(signature=sealed("short", names))) == tuple(
        map(str, range(MOST_NAMES))
    )


@pytest.mark.parametrize(
    "ending",
    [
        "",
        ".",
        ".AAAA",
        ".!!",
        ".eyJhIjoxfQ",
        ".WzFd",
        ".ü",
        "." + "A" * 100_000,
        ".WyJhIl0.WyJhIl0",
    ],
    ids=range(9),
)
def test_names_that_make_no_sense_are_none(ending: str) -> None:
    made = block(signature=sealed("short") + ending)
    assert not is_changed(made)
    assert tools_before(made) == ()


@pytest.mark.parametrize("signature", [None, "cp1.t.AAAA", "of another service"])
def test_other_signatures_carry_no_names(signature: str | None) -> None:
    assert tools_before(block(signature=signature)) == ()
