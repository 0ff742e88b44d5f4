"""What each route takes and answers.

Rule: one row for each method of each route, in the order of the document; a test holds the rows
against the routes of the application, another one real answers against the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

JSON = "application/json"
EVENTS = "text/event-stream"
PLAIN = "text/plain"
ANYTHING = "*/*"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response other than an error."""

    description: str
    schema: str | None = JSON
    """The component of its JSON; None for a body of another kind or none."""
    headers: tuple[str, ...] = ()
    media_types: tuple[str, ...] = (JSON,)
    or_error: bool = False
    """The same status may come with an error instead."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one route."""

    method: str
    path: str
    summary: str
    answers: Mapping[int, Answer]
    errors: tuple[int, ...] = ()
    tag: str = "messages"
    parameters: tuple[str, ...] = ()
    body: str | None = None
    """The component of its request body."""
    open: bool = False
    """Needs no key."""
    passes: bool = False
    """A native upstream's answer is passed on whatever its status."""
    notes: str = field(default="")


def _json(schema: str, description: str, *headers: str) -> dict[int, Answer]:
    return {200: Answer(description, schema, headers)}


BODY = (400, 408, 413, 415)
KEY = (401, 403)
BUSY = (500, 529)
LIMITS = (429, 503)
UPSTREAM = (400, 402, 403, 404, 409, 502, 504, *LIMITS)
ROUTE = ("x-claude-proxy-route", "x-claude-proxy-dropped")
LEFT = "anthropic-ratelimit"
CLIENT = ("anthropic-version", "anthropic-beta", "x-request-id")
CALLED = tuple(sorted({*BODY, *KEY, *BUSY, *UPSTREAM}))
LISTED = tuple(sorted({*KEY, *BUSY, *UPSTREAM, 408}))

MESSAGE = {
    200: Answer(
        "The message; with `stream: true` its events, each as `event: TYPE` and one line"
        " `data: JSON` whose JSON is a StreamEvent. An error after the first event is an event.",
        "Message",
        (*ROUTE, LEFT, "x-upstream-request-id"),
        (JSON, EVENTS),
    )
}
COUNT = _json("TokenCount", "The number of input tokens.", "x-token-counting", LEFT)
PAGE = _json("ModelPage", "One page of models; readable as OpenAI's list too.", LEFT)
PAGING = ("limit", "after_id", "before_id", "lifecycle", "anthropic-version", "x-request-id")
HEALTH = _json("Health", "The worker answers.")
SERVICE = _json("Service", "What is running; its configuration only for a caller with the key.")
UNKNOWN = "The answer of the native upstream."

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "post",
        "/v1/messages",
        "A message, streamed or whole",
        MESSAGE,
        CALLED,
        parameters=CLIENT,
        body="MessageRequest",
        passes=True,
    ),
    Operation(
        "post",
        "/v1/messages/count_tokens",
        "The tokens of a request",
        COUNT,
        CALLED,
        parameters=CLIENT,
        body="CountTokensRequest",
        passes=True,
    ),
    Operation(
        "post",
        "/v1/messages/test_conversion",
        "What a request would become, and where it would go; calls nobody",
        _json("DryRun", "The converted request."),
        tuple(sorted({*BODY, *KEY, *BUSY, 404})),
        parameters=CLIENT,
        body="MessageRequest",
    ),
    Operation(
        "get",
        "/v1/models",
        "The models",
        PAGE,
        LISTED,
        "models",
        PAGING,
        passes=True,
    ),
    Operation(
        "get",
        "/v1/models/{model_id}",
        "One model",
        _json("Model", "The model; readable as OpenAI's too.", LEFT),
        LISTED,
        "models",
        ("model_id", "x-request-id"),
        passes=True,
        notes="The id may hold slashes, encoded or not.",
    ),
    Operation("get", "/health", "Liveness", HEALTH, (500,), "service", open=True),
    Operation("get", "/healthz", "Liveness", HEALTH, (500,), "service", open=True),
    Operation("get", "/livez", "Liveness", HEALTH, (500,), "service", open=True),
    Operation(
        "get",
        "/readyz",
        "Readiness",
        {
            200: Answer("The worker takes requests.", "Readiness"),
            503: Answer("It is stopping.", "Readiness"),
        },
        (500,),
        "service",
        open=True,
    ),
    Operation(
        "get",
        "/test-connection",
        "One real call of five tokens",
        {
            200: Answer("The upstream answered.", "Probes", (LEFT,)),
            503: Answer(
                "It did not, or not as it should.",
                "Probes",
                (LEFT, "retry-after"),
                or_error=True,
            ),
        },
        (*KEY, 429, *BUSY),
        "service",
        ("model", "all", "x-request-id"),
    ),
    Operation(
        "get",
        "/v1/stats",
        "What was done since the start",
        _json("Stats", "The counters."),
        (*KEY, *BUSY),
        "service",
        notes="Where no key is in force, for callers from loopback only.",
    ),
    Operation(
        "get",
        "/metrics",
        "Prometheus metrics",
        {200: Answer("The metrics.", None, (), (PLAIN,))},
        (*KEY, *BUSY),
        "service",
        notes="Where no key is in force, for callers from loopback only.",
    ),
    Operation("get", "/", "The service", SERVICE, (500,), "service", open=True),
    Operation("get", "/status", "The service", SERVICE, (500,), "service", open=True),
    Operation(
        "get",
        "/openapi.json",
        "This document",
        {200: Answer("The document.", "OpenApi")},
        (500,),
        "service",
        open=True,
    ),
    Operation(
        "get",
        "/favicon.ico",
        "No icon",
        {204: Answer("There is none.", None)},
        (500,),
        "service",
        open=True,
    ),
    Operation(
        "post",
        "/api/event_logging/batch",
        "Clients' telemetry, which is not kept",
        _json("Nothing", "Taken note of."),
        (500,),
        "service",
        open=True,
    ),
)

DYNAMIC = "/{scheme}/{host}"
PREFIXED = "/{scheme}/{host}/{prefix}"
DYNAMIC_NOTES = (
    "The path names the upstream; off until CLAUDE_PROXY_ALLOWED_HOSTS lists hosts. The prefix may"
    " hold slashes and, behind `models/`, a model, which wins over the body's. `Authorization` is"
    " the upstream's credential; where a key of this proxy is in force, it is `x-api-key`."
)


def _dynamic(start: str, parameters: tuple[str, ...]) -> tuple[Operation, ...]:
    rows = (
        ("post", "/v1/messages", "A message of the named upstream", MESSAGE, "MessageRequest"),
        ("post", "/v1/messages/count_tokens", "The tokens", COUNT, "CountTokensRequest"),
        ("get", "/v1/models", "The models of the named upstream", PAGE, None),
    )
    return tuple(
        Operation(
            method,
            start + path,
            summary,
            answers,
            LISTED if body is None else CALLED,
            "dynamic",
            parameters + (PAGING if body is None else CLIENT),
            body,
            notes=DYNAMIC_NOTES,
        )
        for method, path, summary, answers, body in rows
    )


DYNAMIC_OPERATIONS = (
    *_dynamic(DYNAMIC, ("scheme", "host")),
    *_dynamic(PREFIXED, ("scheme", "host", "prefix")),
)
"""Routes that are decided on the raw path, before the routes of the application."""

NATIVE_OPERATIONS = tuple(
    Operation(
        method,
        "/v1/{path}",
        "Any other path of the native upstream",
        {200: Answer(UNKNOWN, None, (), (ANYTHING,))},
        CALLED,
        "native",
        ("path", "x-request-id"),
        passes=True,
    )
    for method in ("get", "post", "put", "patch", "delete")
)
