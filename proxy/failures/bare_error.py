"""Recognises an answer without choices that is an error in a vendor's own form.

Rule: an error has a code or status that means failure, and a message (docs/protocol.md section 5). An
object that reports success or only a state is not an error, since streams contain such chunks too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CODES = ("code", "error_code", "errorCode", "errcode", "status_code", "statusCode")
_WORDS = ("message", "msg", "error_msg", "errorMsg", "errmsg", "error_message", "detail")
_NO_FAILURE = frozenset({"", "0", "200", "20000", "none", "null", "ok", "success", "succeeded"})
"""Codes in lower case; 20000 is SiliconFlow's."""
_FAILED_STATES = frozenset({"error", "fail", "failed", "failure"})


def reports_failure(payload: Mapping[str, Any]) -> bool:
    """Whether an answer or chunk without choices is an error object without an ``error`` member."""
    minimax = payload.get("base_resp")
    if isinstance(minimax, Mapping):
        return _means_failure(minimax.get("status_code"))
    if not any(isinstance(payload.get(name), str) and payload[name] for name in _WORDS):
        return False
    if payload.get("success") is False or any(_means_failure(payload.get(c)) for c in _CODES):
        return True
    return _is_failed_state(payload.get("status")) or _is_failed_state(payload.get("type"))


def _means_failure(code: object) -> bool:
    if isinstance(code, bool) or not isinstance(code, int | str):
        return False
    return str(code).strip().lower() not in _NO_FAILURE


def _is_failed_state(state: object) -> bool:
    if isinstance(state, str):
        return state.lower() in _FAILED_STATES
    return isinstance(state, int) and 400 <= state < 600
