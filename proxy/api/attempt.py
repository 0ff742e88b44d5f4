"""One attempt to answer a call at its present route, and what its errors say of keys and models.

Rule: every message that is sent to an upstream is sent by this module.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.api.context import runtime
from proxy.api.refused_key import refused_key_named
from proxy.errors import UpstreamError
from proxy.failures.classify import MODEL_NOT_FOUND
from proxy.relay.answer import Answer
from proxy.relay.call import Call
from proxy.relay.default_model import decide
from proxy.relay.missing_model import explain
from proxy.relay.native.request import Sent
from proxy.relay.open import open_answer


def open_attempt(call: Call, sent: Callable[[], Sent], done: Callable[[], None]) -> Answer:
    """As ``open_answer``; the model of an undecided route is decided first."""
    if call.route.undecided:
        decide(call, runtime().router, runtime().models)
    try:
        with refused_key_named(call.route.provider):
            return open_answer(call, sent, done)
    except UpstreamError as error:
        if error.code == MODEL_NOT_FOUND and not call.route.native:
            explain(call, error, runtime().router, runtime().models)
        raise
