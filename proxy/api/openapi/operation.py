"""The OpenAPI description of a view, declared next to the view.

Rule: plain data. The route gives method and path; its access declaration gives key and limits.
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
"""The rate limit headers for clients, by their names in ``parts.HEADERS``."""
CLIENT = ("anthropic-version", "anthropic-beta", "x-request-id")
"""Parameters that a Messages client sends."""
UPSTREAM = (400, 402, 403, 404, 409, 502, 504)
"""Statuses that report a failure of the upstream."""
BODY = (400, 408, 413, 415)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response other than an error."""

    description: str
    schema: type[WireSchema] | None
    """The schema of its JSON body; None if there is no body, or not a JSON body."""
    headers: tuple[str, ...] = ()
    media_types: tuple[str, ...] = (JSON,)
    or_error: bool = False
    """True if an error may have the same status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The description of one view."""

    summary: str
    answers: Mapping[int, Answer]
    errors: tuple[int, ...] = ()
    """Statuses of errors, in addition to those that follow from the access declaration and the body."""
    tag: str = "service"
    parameters: tuple[str, ...] = ()
    """Names in ``parts.PARAMETERS``; path variables are added automatically."""
    body: str | None = None
    """The name of the component for its request body."""
    passes: bool = False
    """True if a native upstream's answer is passed on with any status."""
    notes: str = ""
    listed: str = ""
    """Its name in the list of ``GET /``; empty if it is not listed."""

    def statuses(self, access: Access) -> list[int]:
        """The statuses of its errors if its view declares ``access``."""
        found = {500, *self.errors}
        found.update(BODY if self.body else ())
        found.update((401, 403, 529) if access.keyed else ())
        found.update((429, 503) if access.counted else ())
        return sorted(found - self.answers.keys())


def json_answer(description: str, schema: type[WireSchema], *headers: str) -> dict[int, Answer]:
    """The answers of a view that returns JSON with status 200."""
    return {200: Answer(description, schema, headers)}
