"""The generated sections of the documents are up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.documentation import DOCUMENTS, write_documents
from tests.paths import ROOT


@pytest.mark.parametrize("path", DOCUMENTS)
def test_documents_are_up_to_date(path: str) -> None:
    text = (ROOT / path).read_text("utf-8")
    assert DOCUMENTS[path].renewed(text) == text, "run: make docs"


def test_only_the_marked_sections_are_written(tmp_path: Path) -> None:
    for path, document in DOCUMENTS.items():
        (tmp_path / path).parent.mkdir()
        text = f"first\n{document.begin}\nold\n{document.end}\nlast\n"
        (tmp_path / path).write_text(text, "utf-8")
    write_documents(tmp_path)
    for path, document in DOCUMENTS.items():
        expected = f"first\n{document.begin}\n\n{document.section()}{document.end}\nlast\n"
        assert (tmp_path / path).read_text("utf-8") == expected


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_without_markers_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="markers"):
        DOCUMENTS[path].renewed("no section here")
