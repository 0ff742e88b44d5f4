"""Text of PDF files: docs/protocol.md 10.8, edge case 126."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.convert.request import pdf_text
from proxy.convert.request.pdf_text import PdfBudget, pdf_to_text
from tests.convert.pdf_file import pdf_file

ONE = pdf_file(["Hello"])
BIG_PAGE = b"0 0 m 1 1 l S\n" * (pdf_text.MAX_DRAWING_BYTES // 14 + 1)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        pytest.param(ONE, "Hello", id="10.8 text of a page"),
        pytest.param(pdf_file(["a", "b"]), "a\n\nb", id="10.8 page after page"),
        pytest.param(pdf_file(["a", b"", "b"]), "a\n\nb", id="10.8 empty pages left out"),
        pytest.param(pdf_file([b"0 0 m 1 1 l S"]), None, id="10.8 a page without text"),
        pytest.param(pdf_file([]), None, id="10.8 no page"),
        pytest.param(
            pdf_file(["a"] * 101),
            "\n\n".join(["a"] * 100) + "\n[the text is cut here, on page 100 of 101]",
            id="10.8 at most 100 pages",
        ),
        pytest.param(
            pdf_file(["a", BIG_PAGE, "b"]),
            "a\n[the text is cut here, on page 1 of 3]",
            id="10.8 a page that is too much work",
        ),
        pytest.param(pdf_file([BIG_PAGE]), None, id="10.8 nothing but too much work"),
        pytest.param(b"", None, id="edge 127 an empty file"),
        pytest.param(b"%PDF-1.4\n", None, id="edge 127 nothing but a head"),
        pytest.param(b"\x89PNG\r\n", None, id="edge 127 not a PDF"),
        pytest.param(ONE.replace(b"/Kids [4", b"/Kids [9"), None, id="edge 127 a missing page"),
        pytest.param(ONE.replace(b"/Kids [4", b"/Kids [2"), None, id="edge 127 an endless tree"),
    ],
)
def test_text(file: bytes, expected: str | None) -> None:
    cut = expected is not None and "[the text is cut here" in expected
    assert pdf_to_text(file) == (None if expected is None else (expected, cut))


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        (["Hello"] * 3, ("Hello\n\nHe\n[the text is cut here, on page 2 of 3]", True)),
        (["0123456"], ("0123456", False)),
        (["01234567"], ("0123456\n[the text is cut here, on page 1 of 1]", True)),
    ],
)
def test_long_text(pages: list[str], expected: tuple[str, bool]) -> None:
    assert pdf_to_text(pdf_file(pages), PdfBudget(chars=7)) == expected


def test_large_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_text, "MAX_BYTES", len(ONE) - 1)
    assert pdf_to_text(ONE) is None


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    assert pdf_to_text(ONE) is None, "10.8 a placeholder without the library"


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_broken_files(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(ONE)))
    end = data.draw(st.integers(start, min(len(ONE), start + 40)))
    file = ONE[:start] + data.draw(st.binary(max_size=12)) + ONE[end:]
    text = pdf_to_text(file)
    assert text is None or text.text
