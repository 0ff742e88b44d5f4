"""Components that several operations of the document share: parameters, headers, errors, keys.

Rule: an ``Operation`` refers to them by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.errors import TYPE_FOR_STATUS
from proxy.schemas.models import LIFECYCLES, MAX_LIMIT

Json = dict[str, Any]

TEXT: Json = {"type": "string"}

_CURSOR: Json = {"in": "query", "schema": TEXT}
_SEGMENT: Json = {"in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}

PARAMETERS: Mapping[str, Json] = {
    "limit": {
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        "description": "Models per page; default 20 with a cursor or anthropic-version, else all.",
    },
    "after_id": _CURSOR | {"description": "The page after this id; not together with before_id."},
    "before_id": _CURSOR | {"description": "The page before this id."},
    "lifecycle": {
        "in": "query",
        "name": "lifecycle[]",
        "schema": {"type": "array", "items": {"type": "string", "enum": list(LIFECYCLES)}},
        "description": "Active and deprecated ones by default.",
    },
    "model": {"in": "query", "schema": TEXT, "description": "The model to test."},
    "all": {
        "in": "query",
        "schema": {"type": "string", "enum": ["0", "1"]},
        "description": "`1` tests every registered model.",
    },
    "model_id": _SEGMENT,
    "path": _SEGMENT | {"description": "May contain slashes."},
    "scheme": _SEGMENT | {"schema": {"type": "string", "enum": ["https", "http"]}},
    "host": _SEGMENT | {"description": "An allowed host, with its port if the list has one."},
    "prefix": _SEGMENT | {"description": "The upstream's path; may contain slashes."},
    "anthropic-version": {"in": "header", "schema": TEXT, "example": "2023-06-01"},
    "anthropic-beta": {"in": "header", "schema": TEXT},
    "x-request-id": {
        "in": "header",
        "schema": TEXT,
        "description": "Sent to the upstream, logged and returned if it consists of 8 to 128"
        " letters, digits, dots, dashes and underscores.",
    },
}

HEADERS: Mapping[str, Json] = {
    "request-id": {
        "description": "The id of this request; that of a native upstream if it answered.",
        "required": True,
        "schema": TEXT,
    },
    "x-request-id": {
        "description": "The caller's id, else the same as request-id.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{8,128}$"},
    },
    "x-claude-proxy-route": {
        "description": "PROVIDER/MODEL;reason=REASON: the route of the answer, and why it was chosen.",
        "schema": TEXT,
    },
    "x-claude-proxy-dropped": {
        "description": "Parts of the request that were left out or replaced.",
        "schema": TEXT,
    },
    "x-token-counting": {
        "description": "How the tokens were counted.",
        "required": True,
        "schema": {"type": "string", "enum": ["tiktoken", "estimate", "upstream"]},
    },
    "x-upstream-request-id": {"description": "The upstream's own id.", "schema": TEXT},
    "retry-after": {
        "description": "Seconds to wait, or a date, before a retry can succeed.",
        "schema": TEXT,
    },
    "x-should-retry": {
        "description": "`false`: a retry cannot succeed.",
        "schema": {"type": "string", "enum": ["true", "false"]},
    },
    "anthropic-ratelimit": {
        "description": "`anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}`.",
        "schema": TEXT,
    },
}
ALWAYS = ("request-id", "x-request-id")
WITH_ERRORS = ("retry-after", "x-should-retry")
FAMILY = {
    "anthropic-ratelimit": tuple(
        f"anthropic-ratelimit-{of}-{what}"
        for of in ("requests", "tokens")
        for what in ("limit", "remaining", "reset")
    )
}
"""Headers that share one description."""

WORDS: Mapping[int, str] = {
    400: "The request is wrong, or the upstream refuses it.",
    401: "The key is missing or wrong.",
    402: "The upstream's account has no credit.",
    403: "Not allowed.",
    404: "There is no such model or path.",
    408: "The body did not arrive in time.",
    409: "The upstream reports a conflict.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "Too many requests.",
    500: "A bug of this proxy, or a failure of the upstream.",
    502: "The upstream could not be reached or understood.",
    503: "The rate limits cannot be checked, so requests are refused.",
    504: "The upstream did not answer in time.",
    529: "The upstream, or this proxy, is overloaded.",
}

SECURITY_SCHEMES: Mapping[str, Json] = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}
SECURITY: list[Json] = [{"apiKey": []}, {"bearer": []}]


def error_response(status: int) -> Json:
    """The response of an error with ``status``."""
    kind = TYPE_FOR_STATUS[status]
    limits = ("anthropic-ratelimit",) if status == 429 else ()
    return {
        "description": WORDS[status],
        "headers": header_references((*ALWAYS, *WITH_ERRORS, *limits)),
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Error"},
                "example": {
                    "type": "error",
                    "error": {"type": kind, "message": WORDS[status]},
                    "request_id": "req_4x8Qm2nT7bV1cY9kLp3sWz6R",
                },
            }
        },
    }


def header_references(names: tuple[str, ...]) -> Json:
    """References to the components of ``names``."""
    return {
        each: {"$ref": f"#/components/headers/{name}"}
        for name in names
        for each in FAMILY.get(name, (name,))
    }
