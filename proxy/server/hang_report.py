"""The call stack of a worker that the master aborts because its heartbeat is missing.

Rule: only code locations are reported, since values may be prompts or keys.
"""

from __future__ import annotations

from itertools import islice
from traceback import walk_stack
from types import CodeType, FrameType

REPORTED_CALLS = 12


def call_stack(frame: FrameType | None) -> str:
    """The innermost ``REPORTED_CALLS`` calls, the innermost first, on one line."""
    calls = islice(walk_stack(frame), REPORTED_CALLS)
    return ", called by ".join(
        f"{each.f_globals.get('__name__')}.{each.f_code.co_name}:{line}" for each, line in calls
    )


def is_running(code: CodeType, frame: FrameType | None) -> bool:
    """Whether ``code`` is among the calls that lead to ``frame``."""
    return any(each.f_code is code for each, _ in walk_stack(frame))
