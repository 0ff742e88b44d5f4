from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.tokens.documents import SAMPLE_CHARS, pdf_tokens, quick_pdf_tokens

PAGE = b"3 0 obj <</Type /Page /Parent 2 0 R>> endobj\n"
TREE = b"2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj\n"
END = b"%%EOF\n"


def data_url(*content: bytes) -> str:
    return "data:application/pdf;base64," + base64.b64encode(b"".join(content)).decode()


@pytest.mark.parametrize(
    ("url", "tokens"),
    [
        pytest.param(data_url(b"%PDF-1.4\n", TREE, PAGE, END), 2000, id="6 one page"),
        pytest.param(data_url(b"%PDF-1.4\n", TREE, PAGE * 7, END), 14000, id="6 2000 per page"),
        pytest.param(data_url(b"<</Type/Page>>", END), 2000, id="6 no space between"),
        pytest.param(data_url(b"<</Type\r\n/Page\n>>" * 2, END), 4000, id="6 other white space"),
        pytest.param(data_url(TREE, TREE, END), 2000, id="6 the page tree is no page"),
        pytest.param(data_url(b"%PDF-1.7 all compressed", END), 2000, id="6 at least one page"),
        pytest.param("data:application/pdf;base64,***A", 2000, id="6 bad base64"),
        pytest.param("data:application/pdf,plain", 2000, id="6 no base64"),
        pytest.param("file-abc123", 2000, id="6 no data URL"),
    ],
)
def test_pdf_tokens(url: str, tokens: int) -> None:
    assert pdf_tokens(url) == tokens
    assert quick_pdf_tokens(url) == tokens


@given(st.lists(st.integers(0, 70), min_size=1, max_size=40), st.integers(49_000, 49_200))
def test_pages_are_found_across_windows(gaps: list[int], offset: int) -> None:
    """A window holds 49152 bytes of PDF: markers around that place count once."""
    content = b"x" * offset + b"".join(b"x" * gap + b"/Type /Page " for gap in gaps)
    trees = b"/Type /Pages " * 5
    assert pdf_tokens(data_url(content, trees, END)) == 2000 * len(gaps)


def test_quick_estimate_extrapolates_a_long_file() -> None:
    page = b"/Type /Page " + b"x" * 3060
    url = data_url(page * 1024)
    assert len(url) > 3 * SAMPLE_CHARS
    assert pdf_tokens(url) == 2000 * 1024
    assert quick_pdf_tokens(url) == pytest.approx(2000 * 1024, rel=0.01)
