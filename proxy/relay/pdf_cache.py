"""The PDFs of one request, read in a thread and cached.

Rule: each file is read once, even if it occurs or is converted more than once, and all files share one
time budget; every repetition of the request contains the same text.
"""

from __future__ import annotations

from hashlib import sha256
from time import thread_time

from proxy.concurrency import run_long_off_loop
from proxy.convert.request.pdf_text import PdfBudget, PdfText, pdf_to_text


class RequestPdfs:
    """Reads the PDFs of one request."""

    def __init__(self) -> None:
        # The CPU time of the thread, so that a busy machine does not shorten the text.
        self._budget = PdfBudget(clock=thread_time)
        self._texts: dict[bytes, PdfText | None] = {}

    def read(self, file: bytes) -> PdfText | None:
        """The text of a PDF, read in a thread; None if it has none or the budget is spent."""
        return run_long_off_loop(self._read, file)

    def _read(self, file: bytes) -> PdfText | None:
        name = sha256(file).digest()
        if name not in self._texts:
            self._texts[name] = pdf_to_text(file, self._budget)
        return self._texts[name]
