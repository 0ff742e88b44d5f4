"""Why an upstream did not answer, in one sentence, and which answer to correct.

Rule: pure. The sentence contains no key and no control character.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proxy.cli.init.checks import is_local
from proxy.cli.one_line import shortened
from proxy.errors import ProxyError, UpstreamError
from proxy.failures.classify import MODEL_NOT_FOUND
from proxy.failures.policy import failure_kind
from proxy.upstream.faults import REFUSED_ADVICE

Suspect = Literal["key", "address", "model", "again"]
"""The answer that is probably wrong; again: none, the upstream is in trouble."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A failed request."""

    suspect: Suspect
    sentence: str
    model: str = ""
    """The model that was asked; empty: the upstream was asked for its list."""
    answered: bool = True
    """Whether there was an HTTP answer."""


class Unreached(Exception):
    """The upstream did not do what was asked."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.sentence)
        self.fault = fault


def fault_of(error: ProxyError, *, url: str, model: str = "") -> Fault:
    """The fault that ``error`` shows; ``model``: the one that was asked, empty for the model list."""
    status = error.upstream_status if isinstance(error, UpstreamError) else None
    text = error.text if isinstance(error, UpstreamError) else error.message
    # Here an answer is corrected at once, so the advice for those who read a log is left out.
    said = shortened(text).removesuffix(REFUSED_ADVICE).rstrip(".")
    if status in (401, 403):
        return Fault("key", f"The upstream refuses the key ({status}): {said}.", model)
    if isinstance(error, UpstreamError) and error.code == MODEL_NOT_FOUND:
        return Fault("model", f"The upstream does not know the model {model}: {said}.", model)
    if status is None:
        sentence = f"{said[:1].upper()}{said[1:]}."
        if isinstance(error, UpstreamError) and failure_kind(error) == "broken":
            # A web page, for example, which many servers send for every path.
            return Fault("address", f"{sentence} Is {url} the address of an API?", model)
        if is_local(url):
            return Fault("again", f"{sentence} Is the server running?", model, False)
        return Fault("address", sentence, model, False)
    if status in (404, 405):
        return Fault("address", f"There is no such API at {url} ({status}): {said}.", model)
    subject = f"The model {model} does not answer" if model else "The models cannot be listed"
    suspect: Suspect = "model" if model and status in (400, 422) else "again"
    return Fault(suspect, f"{subject} ({status}): {said}.", model)
