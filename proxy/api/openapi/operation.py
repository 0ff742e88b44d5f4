"""What OpenAPI says of a view, declared beside it.

Rule: plain data. Method and path are the route's, key and limits those of its access declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from proxy.access.declaration import Access
from proxy.schemas.fields import WireSchema

JSON = "application/json"
EVENTS = "text/event-stream"
PLAIN = "text/plain"
ANYTHING = "*/*"

LIMITS = "anthropic-ratelimit"
"""The headers of the client's rate limits, as ``parts.HEADERS`` names them."""
CLIENT = ("anthropic-version", "anthropic-beta", "x-request-id")
"""Parameters of what a Messages client sends."""
UPSTREAM = (400, 402, 403, 404, 409, 502, 504)
"""Statuses by which an upstream's failure is reported."""
BODY = (400, 408, 413, 415)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response other than an error."""

    description: str
    schema: type[WireSchema] | None
    """The shape of its JSON; None for a body of another kind or none."""
    headers: tuple[str, ...] = ()
    media_types: tuple[str, ...] = (JSON,)
    or_error: bool = False
    """The same status may come with an error instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The description of one view."""

    summary: str
    answers: Mapping[int, Answer]
    errors: tuple[int, ...] = ()
    """Statuses of errors besides those that follow from the access declaration and the body."""
    tag: str = "service"
    parameters: tuple[str, ...] = ()
    """Names of ``parts.PARAMETERS``; the variables of the path come by themselves."""
    body: str | None = None
    """The component of its request body."""
    passes: bool = False
    """A native upstream's answer is passed on whatever its status."""
    notes: str = ""
    listed: str = ""
    """Its name in the list of ``GET /``; without one it is not listed."""

    def statuses(self, access: Access) -> list[int]:
        """The statuses of its errors where its view declares ``access``."""
        found = {500, *self.errors}
        found.update(BODY if self.body else ())
        found.update((401, 403, 529) if access.keyed else ())
        found.update((429, 503) if access.counted else ())
        return sorted(found - self.answers.keys())


def json_answer(description: str, schema: type[WireSchema], *headers: str) -> dict[int, Answer]:
    """The answers of a view that returns JSON with status 200."""
    return {200: Answer(description, schema, headers)}
