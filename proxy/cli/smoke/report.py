"""The report of ``claude-proxy smoke``, for people in 80 columns and for machines as JSON.

Rule: pure.
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Sequence

from proxy.cli.one_line import escaped
from proxy.cli.smoke.outcome import Row, Spent

COLUMNS = 80
HEADINGS = ("CHECK", "RESULT", "TIME", "TOKENS", "NOTE")
_WIDTHS = (12, 13, 7, 9)
_GAP = "  "
_NOTE_AT = sum(_WIDTHS) + len(_GAP) * len(_WIDTHS)


def section(rows: Sequence[Row], title: str) -> str:
    """A table of ``rows`` under ``title``; long notes continue below."""
    lines = [escaped(title), _line(*HEADINGS)]
    for row in rows:
        time = f"{row.seconds:.2f} s" if row.result != "skipped" or row.seconds else ""
        first, *rest = textwrap.wrap(row.note, COLUMNS - _NOTE_AT) or [""]
        lines.append(_line(row.check, row.result, time, _tokens(row.spent), first))
        lines += [" " * _NOTE_AT + text for text in rest]
    return "\n".join(lines)


def _line(check: str, result: str, time: str, tokens: str, note: str) -> str:
    cells = (
        f"{check:{_WIDTHS[0]}}",
        f"{result:{_WIDTHS[1]}}",
        f"{time:>{_WIDTHS[2]}}",
        f"{tokens:>{_WIDTHS[3]}}",
        note,
    )
    return _GAP.join(cells).rstrip()


def _tokens(spent: Spent) -> str:
    if not spent.input_tokens and not spent.output_tokens:
        return ""
    return f"{spent.input_tokens}+{spent.output_tokens}"


def total(rows: Sequence[Row]) -> str:
    """The last line: how many checks had which result, time, and tokens in and out."""
    counts = Counter(row.result for row in rows)
    results = ", ".join(f"{count} {result}" for result, count in counts.items())
    spent = _spent(rows)
    return (
        f"{results} | {sum(row.seconds for row in rows):.1f} s | {spent.requests} requests, "
        f"{spent.input_tokens} tokens in, {spent.output_tokens} out"
    )


def failures(rows: Sequence[Row]) -> str:
    """The failed checks by name, with their models; empty if there is none."""
    return ", ".join(
        row.check if row.model is None else f"{row.check} of {escaped(row.model)}"
        for row in rows
        if row.result == "failed"
    )


def as_json(url: str, rows: Sequence[Row], *, complete: bool = True) -> str:
    """The whole report as one JSON object; not ``complete``: checks were left out, so it has not passed."""
    spent = _spent(rows)
    report = {
        "url": url,
        "passed": complete and not failures(rows),
        "results": Counter(row.result for row in rows),
        "requests": spent.requests,
        "input_tokens": spent.input_tokens,
        "output_tokens": spent.output_tokens,
        "checks": [
            {
                "model": row.model,
                "check": row.check,
                "result": row.result,
                "note": row.note,
                "seconds": round(row.seconds, 3),
                "requests": row.spent.requests,
                "input_tokens": row.spent.input_tokens,
                "output_tokens": row.spent.output_tokens,
            }
            for row in rows
        ],
    }
    return json.dumps(report, indent=2, ensure_ascii=False)


def _spent(rows: Sequence[Row]) -> Spent:
    return sum((row.spent for row in rows), Spent())
