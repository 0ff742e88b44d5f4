"""The text of a PDF file.

Rule: bytes in, text or None out; whatever is wrong with a file, or whether the optional library is
there at all, never reaches the caller as an exception (docs/protocol.md 10.8). And a file costs
what its budget allows, however little it weighs: what draws one form five thousand times, or packs
gigabytes into a kilobyte, is cut where the budget ends, and says so.
"""

from __future__ import annotations

import sys
from base64 import a85decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from struct import error as StructError
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import error as ZlibError

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

MAX_BYTES = 32 * 1024 * 1024
MAX_PAGES = 100
"""What the Messages API itself reads of a document."""
MAX_CHARS = 500_000
"""About 125,000 tokens: more would not fit beside the question."""
MAX_DRAWING_BYTES = 4 * 1024 * 1024
"""Drawing instructions of pages. Text is a small part of a page that is mostly drawn, and each
megabyte takes seconds."""
MAX_UNPACKED_BYTES = 32 * 1024 * 1024
"""Everything that is unpacked: fonts, forms and tables too. The library keeps it in memory."""
MAX_CALLS = 10_000_000
"""Calls within the library. A full page of text takes 10,000 of them, and each a microsecond; so
does each byte in a loop that has no calls."""
MAX_SECONDS = 10.0
"""For what takes long in few calls, where the caller has a clock."""

_CALLS_A_LOOK = 16
"""Calls between two checks of the clock."""
_LIMITS: dict[str, Any] = {
    "zlib_maximum_output_length": MAX_UNPACKED_BYTES // 2,
    "brotli_maximum_output_length": MAX_UNPACKED_BYTES // 2,
    "array_based_stream_maximum_output_length": MAX_UNPACKED_BYTES // 2,
    "lzw_maximum_output_length": MAX_DRAWING_BYTES,
    "run_length_maximum_output_length": MAX_DRAWING_BYTES,
    "stream_decoding_work_maximum_length": 2 * MAX_UNPACKED_BYTES,
    "jbig2dec_binary": None,
    "disable_legacy_handling": True,
}
"""pypdf's own limits, for work that cannot be interrupted. Its own decoders read a megabyte a
second."""

_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    StructError,
    TypeError,
    ValueError,
    ZlibError,
)
"""What reading a broken file raises besides pypdf's own errors: it trusts what the file says."""


class PdfText(NamedTuple):
    """What was read of a file."""

    text: str
    is_cut: bool
    """Whether more was there; the text's last line says so too."""


@dataclass(slots=True)
class PdfBudget:
    """What is left for the PDFs of one request."""

    chars: int = MAX_CHARS
    drawing_bytes: int = MAX_DRAWING_BYTES
    unpacked_bytes: int = MAX_UNPACKED_BYTES
    calls: int = MAX_CALLS
    seconds: float = MAX_SECONDS
    clock: Callable[[], float] | None = None
    """Seconds of work of the thread that reads; conversion itself knows no clock."""

    @property
    def spent(self) -> bool:
        left = (self.chars, self.drawing_bytes, self.unpacked_bytes, self.calls, self.seconds)
        return min(left) <= 0


class _Enough(BaseException):
    """The budget is spent. pypdf goes on after any ``Exception`` in a form."""


def pdf_to_text(file: bytes, budget: PdfBudget | None = None) -> PdfText | None:
    """The text of a PDF, page after page; None without text, without pypdf, or above 32 MB.

    At most 100 pages, and what ``budget`` has left, which is used up; a last line says what was left
    out. This takes up to some seconds, so a server calls it in a thread.
    """
    try:
        # Loaded for the first PDF only. A version without one of these names reads no PDF.
        from pypdf import PdfReader, apply_configuration
        from pypdf._crypt_providers._fallback import CryptRC4
        from pypdf.errors import DependencyError, PyPdfError
        from pypdf.filters import decode_stream_data
    except ImportError:
        return None
    budget = PdfBudget() if budget is None else budget
    if len(file) > MAX_BYTES or budget.spent:
        return None
    reading = _Reading(budget)
    loops = {id(a85decode.__code__): "b", id(CryptRC4.encrypt.__code__): "data"}
    try:
        with apply_configuration(**_LIMITS), _metered(budget, decode_stream_data.__code__, loops):
            reading.read(PdfReader(BytesIO(file)))
    except _Enough:
        pass
    except (PyPdfError, DependencyError, *_BROKEN):
        return None
    return reading.result()


class _Reading:
    """The texts of the pages that were read so far."""

    def __init__(self, budget: PdfBudget) -> None:
        self._budget = budget
        self._texts: list[str] = []
        self._total = 0
        self._overlong = False

    def read(self, reader: PdfReader) -> None:
        """Read page after page; ``_Enough`` leaves what was read."""
        from pypdf.errors import LimitReachedError

        self._total = len(reader.pages)
        for index in range(min(self._total, MAX_PAGES)):
            try:
                self._read_page(reader.pages[index])
            except LimitReachedError as error:
                raise _Enough from error

    def _read_page(self, page: PageObject) -> None:
        budget = self._budget
        budget.drawing_bytes -= _drawing_bytes(page)
        if budget.drawing_bytes < 0 or budget.chars <= 0:
            raise _Enough
        text = page.extract_text().strip()
        self._texts.append(text[: budget.chars])
        budget.chars -= len(text)
        self._overlong = budget.chars < 0

    def result(self) -> PdfText | None:
        whole = "\n\n".join(filter(None, self._texts))
        if not whole:
            return None
        is_cut = self._overlong or len(self._texts) < self._total
        if is_cut:
            whole += f"\n[the text is cut here, on page {len(self._texts)} of {self._total}]"
        # What a file calls text may hold half a character.
        return PdfText(whole.encode("utf-8", "replace").decode(), is_cut)


def _drawing_bytes(page: PageObject) -> int:
    contents = page.get_contents()
    return len(contents.get_data()) if contents is not None else 0


def _is_pypdfs(frame: FrameType) -> bool:
    """Whether it may be broken off. Others may be giving back a lock, such as that of ``logging``."""
    return str(frame.f_globals.get("__name__")).startswith("pypdf.")


@contextmanager
def _metered(budget: PdfBudget, unpack: CodeType, loops: Mapping[int, str]) -> Iterator[None]:
    """Take from ``budget`` what this thread does in here; ``_Enough`` where nothing is left.

    pypdf has no place of its own where all its work could be counted: not the operations, since
    fonts are read before the first of them. ``unpack`` is the code that returns unpacked bytes,
    ``loops`` the argument of each code (by its ``id``) that reads it byte by byte, without a call
    in which the clock could be checked.
    """
    clock = budget.clock
    began = clock() if clock else 0.0
    ends = began + budget.seconds

    def note_unpacked(frame: FrameType, event: str, result: Any) -> Any:
        if event == "return" and isinstance(result, bytes | bytearray | str):
            budget.unpacked_bytes -= len(result)
            if budget.unpacked_bytes < 0:
                raise _Enough
        return note_unpacked

    def note_call(frame: FrameType, event: str, argument: Any) -> Any:
        looped = loops.get(id(frame.f_code))
        budget.calls -= 1 if looped is None else len(frame.f_locals[looped])
        if clock and not budget.calls % _CALLS_A_LOOK and clock() > ends:
            budget.calls = 0
        if budget.calls <= 0 and (looped or _is_pypdfs(frame)):
            raise _Enough
        return note_unpacked if frame.f_code is unpack else None

    before = sys.gettrace()
    sys.settrace(note_call)
    try:
        yield
    finally:
        sys.settrace(before)
        if clock:
            budget.seconds -= clock() - began
