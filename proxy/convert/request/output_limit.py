"""The output limit that is sent to an upstream.

Rule: the client's number is sent unless it is missing or a limit of the operator or the model changes it
(docs/features.md "max_tokens").
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.errors import InvalidRequest

HEADROOM = 2048
"""Tokens for reasoning that the client did not request and that cannot be switched off."""


@dataclass(frozen=True, slots=True)
class OutputLimits:
    """The operator's limits in tokens; None and 0 are no limit."""

    default: int | None = None
    minimum: int | None = None
    maximum: int | None = None


def resolve_max_tokens(
    requested: int | None, limits: OutputLimits, *caps: int | None, reasons_unasked: bool = False
) -> int:
    """The output limit in tokens; 0: a cache pre-warm, which is answered without an upstream call.

    ``caps`` are the model's limits, that of the registry and that of the profile; None: unknown.
    ``reasons_unasked``: ``HEADROOM`` is added for reasoning that the client's number does not include.
    Raises InvalidRequest if the client's number is missing or negative and no default is set.
    """
    default = limits.default or 0
    if requested is None or requested < 0:
        if not default:
            reason = "Field required" if requested is None else _TOO_SMALL
            raise InvalidRequest(f"max_tokens: {reason}")
        requested = default
    if requested == 0:
        if not default:
            return 0
        requested = default
    minimum = limits.minimum or 0
    if requested < minimum:
        requested = max(default, minimum)
    if reasons_unasked:
        requested = _with_headroom(requested)
    return min([requested, *(cap for cap in (limits.maximum, *caps) if cap)])


def _with_headroom(requested: int) -> int:
    """``requested`` + ``HEADROOM``, at most 2 * ``HEADROOM``; a larger limit is not changed.

    One token is not changed either: such a request tests the connection and expects no text.
    """
    return requested if requested == 1 else max(requested, min(requested + HEADROOM, 2 * HEADROOM))


_TOO_SMALL = "Input should be greater than or equal to 0"
