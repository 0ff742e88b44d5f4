"""Query parameters of ``GET /v1/models``.

Rule: ranges and allowed values are checked here; whether a cursor exists is not (docs/protocol.md
section 7).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proxy.errors import InvalidRequest
from proxy.schemas import wording

MAX_LIMIT = 1000
LIFECYCLES = ("active", "deprecated", "retired")
LIFECYCLE_NAMES = ("lifecycle[]", "lifecycle")
"""SDKs write arrays with brackets."""


@dataclass(frozen=True, slots=True)
class ModelsQuery:
    """The query for a list of models; None or an empty tuple means that a parameter is missing."""

    limit: int | None = None
    after_id: str | None = None
    before_id: str | None = None
    lifecycle: tuple[str, ...] = ()


def load_models_query(args: Mapping[str, Sequence[str]]) -> ModelsQuery:
    """The checked query. The last value of a repeated scalar is used; an empty value means missing.

    Raises InvalidRequest for a limit outside 1 to 1000, for both cursors together and for an unknown
    lifecycle. Unknown parameters are ignored.
    """
    after_id, before_id = _last(args, "after_id"), _last(args, "before_id")
    if after_id is not None and before_id is not None:
        raise InvalidRequest("before_id: may not be combined with after_id")
    return ModelsQuery(
        limit=_limit(_last(args, "limit")),
        after_id=after_id,
        before_id=before_id,
        lifecycle=_lifecycle([value for name in LIFECYCLE_NAMES for value in args.get(name, ())]),
    )


def _last(args: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = args.get(name)
    return values[-1] or None if values else None


def _limit(text: str | None) -> int | None:
    if text is None:
        return None
    digits = text.removeprefix("-").lstrip("0") or "0"
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        raise InvalidRequest(f"limit: {wording.NOT_INTEGER}")
    if text.startswith("-") or digits == "0":
        raise InvalidRequest("limit: Input should be greater than or equal to 1")
    # The length is checked first, because Python refuses to parse a number of thousands of digits.
    if len(digits) > len(str(MAX_LIMIT)) or int(digits) > MAX_LIMIT:
        raise InvalidRequest(f"limit: Input should be less than or equal to {MAX_LIMIT}")
    return int(digits)


def _lifecycle(values: Sequence[str]) -> tuple[str, ...]:
    wanted = [value for value in values if value]
    for index, value in enumerate(wanted):
        if value not in LIFECYCLES:
            raise InvalidRequest(f"lifecycle.{index}: {wording.one_of(LIFECYCLES)}")
    return tuple(dict.fromkeys(wanted))
