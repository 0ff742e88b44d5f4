"""PDFs made to cost far more than their size. What ends them is a budget, not a clock."""

from __future__ import annotations

import subprocess
import sys
import zlib
from time import process_time

import pytest

from proxy.concurrency import run_long_off_loop, run_off_loop
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.convert.request.pdf_text import PdfBudget, PdfText, pdf_to_text
from proxy.providers.profiles.base import Profile
from proxy.relay.pdf_cache import RequestPdfs
from tests.convert.pdf_file import pdf_file

FONT = b"/Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
FORM = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<<%b>>"
TEXT = b"BT/F1 9 Tf(a)Tj ET"


def pdf(*objects: bytes) -> bytes:
    out, starts = b"%PDF-1.7\n", []
    for number, each in enumerate(objects, 1):
        starts.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    size = len(objects) + 1
    end = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n%b%b" % (size, table, end)


def stream(data: bytes, more: bytes = b"") -> bytes:
    packed = zlib.compress(data, 9)
    return b"<</Filter/FlateDecode/Length %d%b>>stream\n%b\nendstream" % (len(packed), more, packed)


def page(drawn: bytes, *objects: bytes, forms: int = 1, count: int = 1) -> bytes:
    """``count`` times the same page, which draws ``drawn``; its forms come first in ``objects``."""
    names = b"".join(b"/X%d %d 0 R" % (number, 5 + number) for number in range(forms))
    return pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%b]>>" % (count, b"3 0 R " * count),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R"
        b"/Resources<<%b/XObject<<%b>>>>>>" % (FONT, names),
        stream(drawn),
        *objects,
    )


def form(drawn: bytes, resources: bytes = FONT) -> bytes:
    return stream(drawn, FORM % resources)


CMAP = b"begincmap\n" + b"<0000> <ffff> <0000>\n" * 20_000
MAPPED = b"/Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>>>"
BOMBS = {
    "a form drawn 5000 times": page(
        b"/X0 Do\n" * 5000, form(b"BT/F1 9 Tf\n" + b"(a)Tj " * 20_000 + b"ET")
    ),
    "forms that draw forms": page(
        b"/X0 Do",
        *[form(b"/X0 Do " * 9 + TEXT, FONT + b"/XObject<</X0 %d 0 R>>" % n) for n in range(6, 30)],
    ),
    "a form that draws itself": page(
        b"/X0 Do", form(b"/X0 Do " * 9 + TEXT, FONT + b"/XObject<</X0 5 0 R>>")
    ),
    "a table of letters read 5000 times": page(
        b"/X0 Do\n" * 5000, form(TEXT, MAPPED), stream(CMAP)
    ),
    "forms unpacked to gigabytes": page(
        b"".join(b"/X%d Do\n" % n for n in range(99)),
        *[form(b" " * 12_000_000)] * 99,
        forms=99,
    ),
    "a page unpacked to gigabytes": page(b" " * 60_000_000),
    "many pages": page(TEXT, count=90_000),
}
"""Each is less than 2 MB, most of them less than 20 kB; unbounded they take minutes."""
CALLS = 300_000
ENCRYPTED = f"""
import sys
sys.modules["cryptography"] = sys.modules["Crypto"] = None
from io import BytesIO
from pypdf import PdfReader, PdfWriter
from proxy.convert.request.pdf_text import PdfBudget, pdf_to_text
from tests.convert.pdf_file import pdf_file
for spaces in (0, {2 * CALLS}):
    writer = PdfWriter(clone_from=PdfReader(BytesIO(pdf_file([b"BT/F1 9 Tf(Hello)Tj ET" + b" " * spaces]))))
    writer.encrypt("", owner_password="o", algorithm="RC4-128")
    writer.write(file := BytesIO())
    budget = PdfBudget(calls={CALLS})
    text = pdf_to_text(file.getvalue(), budget)
    print(text and tuple(text), budget.spent)
"""
WARNED = """
import logging, os
from threading import Thread
from proxy.convert.request.pdf_text import MAX_CALLS, PdfBudget, pdf_to_text
from tests.security.test_pdfs import TEXT, page
warnings = []
logging.getLogger("pypdf").addFilter(warnings.append)
logging.getLogger("pypdf._reader").addFilter(warnings.append)
file = page(TEXT).replace(b"/Kids[3", b"/Kids[7")
whole = PdfBudget()
assert pdf_to_text(file, whole) is None
for calls in range(1, MAX_CALLS - whole.calls):
    pdf_to_text(file, PdfBudget(calls=calls))
asking = Thread(target=logging.getLogger, args=["nobody"], daemon=True)
asking.start()
asking.join(20)
print(f"warned {bool(warnings)}, locked {asking.is_alive()}", flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.long(except_every=3)
def test_a_pdf_costs_no_more_than_its_budget(bomb: str) -> None:
    file = BOMBS[bomb]
    assert len(file) < 2_000_000
    budget = PdfBudget(calls=CALLS)
    began = process_time()
    found = pdf_to_text(file, budget)
    # A call takes microseconds, some hundred thousand of them seconds: 5000 drawings take minutes.
    assert process_time() - began < 30
    assert found is None or len(found.text) < 100_000
    # Little more is ever unpacked than may be.
    assert budget.unpacked_bytes > -20_000_000


def test_a_clock_ends_it_too() -> None:
    moments = iter(range(1_000_000))
    budget = PdfBudget(seconds=100, clock=lambda: float(next(moments)))
    assert pdf_to_text(BOMBS["a form drawn 5000 times"], budget) is None
    assert budget.seconds < 0
    assert budget.spent
    assert next(moments) < 110


def test_loops_without_calls_are_counted_by_their_bytes() -> None:
    packed = b"<</Filter/ASCII85Decode/Length %d>>stream\n%b\nendstream"
    letters = packed % (2 * CALLS, b"abcde" * (2 * CALLS // 5))
    budget = PdfBudget(calls=CALLS)
    assert pdf_to_text(page(b"/X0 Do", form(TEXT, MAPPED), letters), budget) is None
    assert budget.spent


def test_files_encrypted_in_pure_python_are_counted_by_their_bytes() -> None:
    """Where pypdf finds no library that decrypts."""
    run = subprocess.run([sys.executable, "-c", ENCRYPTED], capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("('Hello', False) False\nNone True\n", "")


def test_a_filter_that_nobody_has_is_no_error() -> None:
    for name in (b"JBIG2Decode", b"BrotliDecode"):
        drawn = b"<</Filter/%b/Length 3>>stream\nabc\nendstream" % name
        assert pdf_to_text(page(b"/X0 Do", form(TEXT, MAPPED), drawn)) in (None, ("a", False))
        assert pdf_to_text(pdf_file(["a"]).replace(b"/Length", b"/Filter/%b/Length" % name)) is None


def test_what_was_read_before_the_budget_was_spent_stays() -> None:
    file = pdf_file(["Hello", b"BT /F1 9 Tf " + b"(a) Tj " * 20_000 + b"ET", "Hello"])
    cut = PdfText("Hello\n[the text is cut here, on page 1 of 3]", True)
    assert pdf_to_text(file, PdfBudget(calls=CALLS)) == cut


def test_tracing_ends_with_the_reading() -> None:
    before = sys.gettrace()
    for file in (b"", pdf_file(["a"]), BOMBS["a form drawn 5000 times"]):
        pdf_to_text(file, PdfBudget(calls=10_000))
        assert sys.gettrace() is before


def test_nobody_elses_code_is_broken_off() -> None:
    """Each warning of the library takes a lock of the whole process, and gives it back."""
    # If it did not, this process would wait for the lock itself.
    run = subprocess.run([sys.executable, "-c", WARNED], capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("warned True, locked False\n", "")


@pytest.mark.long
def test_all_pdfs_of_a_request_share_one_budget() -> None:
    pdfs = RequestPdfs()
    texts = [pdfs.read(pdf_file(["x" * 50_000] * 4 + [str(number)])) for number in range(4)]
    assert [text and text.is_cut for text in texts] == [False, False, True, None]
    assert sum(len(text.text) for text in texts if text) < 510_000
    # Sent again, as in every turn of a conversation, or converted again: it is not read again.
    assert pdfs.read(pdf_file(["x" * 50_000] * 4 + ["0"])) == texts[0]
    assert RequestPdfs().read(pdf_file(["Hello"])) == PdfText("Hello", False)


@pytest.mark.long
def test_a_conversion_without_a_reader_of_its_own_shares_one_too() -> None:
    from base64 import b64encode

    files = [pdf_file(["x" * 50_000] * 4 + [str(number)]) for number in range(4)]
    blocks = [
        {
            "type": "document",
            "source": {
                "type": "base64",
                "media_type": "application/pdf",
                "data": b64encode(file).decode(),
            },
        }
        for file in files
    ]
    request = {"model": "m", "messages": [{"role": "user", "content": blocks}]}
    chat = message_request_to_chat(request, Profile(), model="m", max_tokens=None)
    assert chat.drops.header() == "document=cut_text, document=placeholder, document;n=2=text"


def test_pdfs_have_a_thread_of_their_own() -> None:
    """A count, or the metrics, does not wait behind them."""
    import gevent
    from gevent.monkey import get_original

    sleep, lock = get_original("time", "sleep"), get_original("threading", "Event")()
    jobs = [gevent.spawn(run_long_off_loop, lock.wait, 60) for _ in range(4)]
    gevent.sleep(0.05)
    assert run_off_loop(abs, -1) == 1
    assert run_off_loop(sleep, 0) is None
    assert not any(job.ready() for job in jobs)
    lock.set()
    gevent.joinall(jobs, raise_error=True)
