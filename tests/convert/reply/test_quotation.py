"""A call that a long request quotes is found, wherever the text is cut for the comparison."""

from __future__ import annotations

import pytest

from proxy.convert.reply.text_calls.quotation import LONGEST_LINE, WINDOW, is_quoted

CALL = '<tool_call>{"name": "Read", "arguments": {"path": "a b"}}</tool_call>'
OTHER = CALL.replace("a b", "other")
SENT = {
    "as it is": CALL,
    "JSON": CALL.replace('"', '\\"'),
    "HTML": CALL.replace("<", "&lt;").replace(">", "&gt;"),
    "lines with numbers": "\n 12: ".join(("", *CALL.partition(", "))),
}


@pytest.mark.parametrize("filler", ["word ", "line\n", "escaped\\n", "&lt;"])
@pytest.mark.parametrize("form", SENT)
def test_a_quotation_is_found_across_the_places_where_a_text_is_cut(form: str, filler: str) -> None:
    sent = SENT[form]
    for size in (WINDOW, LONGEST_LINE):
        for before in range(size - 2 * len(sent), size + 20, 31):
            text = (filler * (size // len(filler) + 1))[:before] + "\n" + sent + filler * 9000
            assert is_quoted([OTHER, CALL], [{"content": text}])
            assert not is_quoted([OTHER], [{"content": text}])


def test_the_search_gives_way() -> None:
    turns: list[int] = []
    text = CALL.replace("Read", "Write") * 20_000
    assert not is_quoted([CALL], [{"content": text}], lambda: turns.append(1))
    assert len(turns) > 20
