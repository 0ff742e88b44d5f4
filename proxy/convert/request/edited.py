"""The conversion of a request after its context edits, for every upstream protocol.

Rule: the body is converted from the edited request, and the answer reports which edits were applied
(docs/protocol.md 1.6).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from proxy.convert.request.context_edits import apply_edits
from proxy.convert.request.converted import ConvertedRequest
from proxy.tokens.estimate import cheap_estimate


def converted_after_edits(
    request: Mapping[str, Any], convert: Callable[[Mapping[str, Any]], ConvertedRequest]
) -> ConvertedRequest:
    """What ``convert`` makes of ``request`` once its context edits are applied."""
    edited, applied = apply_edits(request, lambda part: cheap_estimate(convert(part).body))
    converted = convert(edited)
    told = {"applied_edits": applied}
    return replace(converted, reply=replace(converted.reply, context_management=told))
