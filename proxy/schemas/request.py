"""A client's bytes -> a validated request.

Rule: fast checks run first. Only if they fail, the marshmallow schema runs to find the error message;
what it accepts is accepted. The result is the client's own object with five changes: 5.0 becomes 5, a
``tool_choice`` that is a string becomes an object, null members are removed, the values of unknown
members are dropped, and fields of system turns are applied to the request's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proxy.convert.request.compacted_history import history_after_compaction
from proxy.convert.request.turn_fields import turn_fields
from proxy.errors import InvalidRequest
from proxy.schemas import wording
from proxy.schemas.body import parse_json_object
from proxy.schemas.compaction import check_compaction
from proxy.schemas.fields import Check, Integer, WireSchema, schema_check
from proxy.schemas.messages import DefaultedMessageRequest, MessageRequest
from proxy.schemas.plain_history import is_plain
from proxy.schemas.request_rules import (
    check_edits,
    check_image_sizes,
    check_strict,
    check_tool_names,
    check_tools,
)
from proxy.schemas.sizes import check_blocks, check_lengths
from proxy.schemas.tools import CUSTOM, TOOL_INTEGERS
from proxy.schemas.turn_rules import check_pairing, check_turns

KNOWN_ELSEWHERE = frozenset({"cache_control", "container", "mcp_servers", "thread"})
"""Members without a shape whose values are read."""
BARE_CHOICES = ("auto", "any", "none")
"""Values of ``tool_choice`` that some clients send as a string (edge case 95c)."""


class RequestShape:
    """One kind of request: the fast checks, and the schema that gives the error message."""

    def __init__(self, full: WireSchema) -> None:
        self.full = full
        self.accepts: Check = schema_check(full)
        """Whether every field is valid."""
        self.accepts_rest: Check = schema_check(full, without=("messages",))
        """Whether every field except ``messages`` is valid."""
        self._known = frozenset(full.declared_fields) | KNOWN_ELSEWHERE
        self._integers = [
            name for name, field in full.load_fields.items() if isinstance(field, Integer)
        ]

    def check_fields(self, request: dict[str, Any]) -> None:
        """Raise InvalidRequest for the first invalid field."""
        if self.accepts(request):
            return
        errors = self.full.validate(request)
        if errors:
            raise InvalidRequest(wording.first_error(errors))

    def normalise(self, request: dict[str, Any]) -> None:
        """Remove null members and replace 5.0 by 5, in place; call it after ``check_fields``.

        An unknown member keeps only its name, for the report of what was dropped; its value becomes true.
        """
        known = self._known
        for name in [name for name, value in request.items() if value is None or name not in known]:
            if request[name] in (None, [], {}, ""):
                del request[name]
            else:
                request[name] = True
        _to_integers(request, self._integers)
        thinking = request.get("thinking")
        if thinking is not None and thinking["type"] == "enabled":
            _to_integers(thinking, ("budget_tokens",))
        for tool in request.get("tools", ()):
            if tool.get("type") not in (None, CUSTOM):
                _to_integers(tool, TOOL_INTEGERS)


def _to_integers(members: dict[str, Any], names: Iterable[str]) -> None:
    for name in names:
        if type(members.get(name)) is float:
            members[name] = int(members[name])


MESSAGE = RequestShape(MessageRequest())
DEFAULTED_MESSAGE = RequestShape(DefaultedMessageRequest())
COUNT = RequestShape(MessageRequest(exclude=("max_tokens", "stream")))


def load_message_request(
    body: bytes | dict[str, Any],
    *,
    strict: bool = False,
    api_version: str | None = None,
    image_max_chars: int = 0,
    max_tokens_required: bool = True,
) -> dict[str, Any]:
    """The decoded body of ``POST /v1/messages``, validated by docs/protocol.md section 9.

    ``api_version`` is the ``anthropic-version`` header, which is used only with ``strict``.
    ``image_max_chars`` limits the base64 text of each image; 0 is no limit. Without
    ``max_tokens_required`` the member ``max_tokens`` may be missing or negative (docs/features.md
    "max_tokens"). Raises InvalidRequest for the first error, and no other exception for any body.
    """
    shape = MESSAGE if max_tokens_required else DEFAULTED_MESSAGE
    request = _load(body, shape, strict, api_version, image_max_chars)
    if "context_management" in request or "compaction" in request:
        check_compaction(request)
    return request


def load_count_request(
    body: bytes | dict[str, Any],
    *,
    strict: bool = False,
    api_version: str | None = None,
    image_max_chars: int = 0,
) -> dict[str, Any]:
    """As ``load_message_request``, for ``count_tokens``.

    ``max_tokens`` and ``stream`` are ignored, and nothing is compacted.
    """
    return _load(body, COUNT, strict, api_version, image_max_chars)


def _load(
    body: bytes | dict[str, Any],
    shape: RequestShape,
    strict: bool,
    api_version: str | None,
    image_max_chars: int,
) -> dict[str, Any]:
    request = parse_json_object(body) if isinstance(body, bytes) else body
    _name_choice(request)
    check_lengths(request)
    plain = is_plain(request.get("messages"))
    if not plain:
        check_blocks(request.get("messages"))
    if not (plain and shape.accepts_rest(request)):
        shape.check_fields(request)
    if not plain:
        _apply_history(request)
    shape.normalise(request)
    turns = request["messages"]
    if not plain:
        check_turns(turns)
    check_tools(request)
    if "context_management" in request:
        check_edits(request["context_management"])
    if strict:
        check_strict(request, api_version)
    if not plain:
        if image_max_chars:
            check_image_sizes(turns, image_max_chars)
        if request.get("thread") is None:
            # The server stores the rest of the history of a thread, so calls and results may be unpaired.
            check_pairing(turns)
    return request


def _name_choice(request: dict[str, Any]) -> None:
    choice = request.get("tool_choice")
    if type(choice) is str and choice in BARE_CHOICES:
        request["tool_choice"] = {"type": choice}


def _apply_history(request: dict[str, Any]) -> None:
    """Apply the last summary in ``messages``, then the fields of the remaining turns, in place."""
    request["messages"] = history_after_compaction(request["messages"])
    fields = turn_fields(request)
    if fields:
        check_tool_names(request)
        request |= fields
