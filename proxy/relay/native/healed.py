"""Repeats a native call after a refusal that a change of the request avoids, once for each kind.

Rule: the first attempt sends the client's bytes, and no change is remembered, because which signature or
turn is refused depends on the history of one client (docs/protocol.md section 8).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from proxy.errors import NativeRefusal
from proxy.failures.complaints import LONGEST_TEXT
from proxy.relay.answer import Answer
from proxy.relay.call import Call
from proxy.relay.native.mended import Mend, mend_for
from proxy.relay.native.open import open_native
from proxy.relay.native.request import Sent, mended_request, message_call

REFUSALS = frozenset({400, 422, 500})
"""Statuses with which upstreams refuse the content of a request; Ollama and llama.cpp use 500."""


def open_healed(call: Call, sent: Sent, done: Callable[[], None]) -> Answer:
    """The result of ``open_native``, which is repeated after refusals that a change avoids.

    Raises what ``open_native`` raises, and the last ``NativeRefusal`` if no change avoids it.
    """
    mends: list[Mend] = []
    while True:
        try:
            return open_native(message_call(call, sent, mends=mends), done)
        except NativeRefusal as refusal:
            mend = _mend(call, mends, refusal)
            if mend is None:
                raise
            call.record.record_event("healing", mend.name)
            mends.append(mend)


def _mend(call: Call, mends: list[Mend], refusal: NativeRefusal) -> Mend | None:
    if refusal.upstream_status not in REFUSALS or time.monotonic() >= call.deadline:
        return None
    request, _ = mended_request(call.request, mends)
    return mend_for(request, refusal.text[:LONGEST_TEXT], [mend.name for mend in mends])
