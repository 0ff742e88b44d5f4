"""The text of a PDF file.

Rule: bytes in, text or None out; neither a broken file nor a missing optional library raises an
exception (docs/protocol.md 10.8). Work and memory are limited by a budget, independent of the file's
size: a small file may draw one form 5,000 times or unpack to gigabytes. If the budget is used up, the
text is cut, and its last line states this.
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
"""Maximum number of pages, as in the Messages API."""
MAX_CHARS = 500_000
"""Maximum length of the text, about 125,000 tokens; more would exceed the context window of many models."""
MAX_DRAWING_BYTES = 4 * 1024 * 1024
"""Drawing instructions of all pages. Each megabyte takes seconds, also if little of it is text."""
MAX_UNPACKED_BYTES = 32 * 1024 * 1024
"""All unpacked data, including fonts, forms and tables, which the library keeps in memory."""
MAX_CALLS = 10_000_000
"""Calls within the library: 10,000 for a full page of text, a microsecond each. A byte that is read in
a loop without calls counts as one."""
MAX_SECONDS = 10.0
"""For work with few but long calls; checked only if the caller passes a clock."""

_CALLS_PER_CHECK = 16
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
"""pypdf's own limits, for work that cannot be interrupted. Those of LZW and run length are lower,
because pypdf decodes only a megabyte of them a second."""

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
"""What pypdf raises for a broken file besides its own errors: it does not validate all values."""


class PdfText(NamedTuple):
    """The text that was read from a file."""

    text: str
    is_cut: bool
    """Whether text is missing; the last line of ``text`` then states this."""


@dataclass(slots=True)
class PdfBudget:
    """The remaining budget for the PDFs of one request."""

    chars: int = MAX_CHARS
    drawing_bytes: int = MAX_DRAWING_BYTES
    unpacked_bytes: int = MAX_UNPACKED_BYTES
    calls: int = MAX_CALLS
    seconds: float = MAX_SECONDS
    clock: Callable[[], float] | None = None
    """CPU seconds of the reading thread; None: time is not limited, as converters are pure."""

    @property
    def spent(self) -> bool:
        left = (self.chars, self.drawing_bytes, self.unpacked_bytes, self.calls, self.seconds)
        return min(left) <= 0


class _BudgetSpent(BaseException):
    """The budget is spent. Not an ``Exception``, because pypdf ignores those in a form."""


def pdf_to_text(file: bytes, budget: PdfBudget | None = None) -> PdfText | None:
    """The text of a PDF, page after page; None without text, without pypdf, or above 32 MB.

    At most 100 pages, and as far as ``budget`` suffices, which is reduced by the work. If text is
    missing, a last line states this. Reading takes up to several seconds; a server uses a thread.
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
    except _BudgetSpent:
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
        """Read page after page; the pages read before ``_BudgetSpent`` are kept."""
        from pypdf.errors import LimitReachedError

        self._total = len(reader.pages)
        for index in range(min(self._total, MAX_PAGES)):
            try:
                self._read_page(reader.pages[index])
            except LimitReachedError as error:
                raise _BudgetSpent from error

    def _read_page(self, page: PageObject) -> None:
        budget = self._budget
        budget.drawing_bytes -= _drawing_bytes(page)
        if budget.drawing_bytes < 0 or budget.chars <= 0:
            raise _BudgetSpent
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
        # The text of a file may contain a lone surrogate.
        return PdfText(whole.encode("utf-8", "replace").decode(), is_cut)


def _drawing_bytes(page: PageObject) -> int:
    contents = page.get_contents()
    return len(contents.get_data()) if contents is not None else 0


def _is_pypdfs(frame: FrameType) -> bool:
    """Whether ``frame`` may be interrupted. Other code may hold a lock, such as ``logging``'s."""
    return str(frame.f_globals.get("__name__")).startswith("pypdf.")


@contextmanager
def _metered(budget: PdfBudget, unpack: CodeType, loops: Mapping[int, str]) -> Iterator[None]:
    """Reduce ``budget`` by the work of this thread in the block; raises ``_BudgetSpent``.

    Work is measured by a trace function, since no hook of pypdf covers all its work: fonts are read
    before the first drawing operation. ``unpack`` is the code that returns unpacked bytes. ``loops``
    maps the ``id`` of each code object that reads an argument byte by byte, without calls, to the name
    of that argument.
    """
    clock = budget.clock
    began = clock() if clock else 0.0
    ends = began + budget.seconds

    def note_unpacked(frame: FrameType, event: str, result: Any) -> Any:
        if event == "return" and isinstance(result, bytes | bytearray | str):
            budget.unpacked_bytes -= len(result)
            if budget.unpacked_bytes < 0:
                raise _BudgetSpent
        return note_unpacked

    def note_call(frame: FrameType, event: str, argument: Any) -> Any:
        looped = loops.get(id(frame.f_code))
        budget.calls -= 1 if looped is None else len(frame.f_locals[looped])
        if clock and not budget.calls % _CALLS_PER_CHECK and clock() > ends:
            budget.calls = 0
        if budget.calls <= 0 and (looped or _is_pypdfs(frame)):
            raise _BudgetSpent
        return note_unpacked if frame.f_code is unpack else None

    before = sys.gettrace()
    sys.settrace(note_call)
    try:
        yield
    finally:
        sys.settrace(before)
        if clock:
            budget.seconds -= clock() - began
