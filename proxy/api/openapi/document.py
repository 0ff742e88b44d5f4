"""The OpenAPI document, built from the declarations of the views."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema

from proxy import __version__
from proxy.api.declaration import Described
from proxy.api.dynamic import VIEWS
from proxy.api.openapi import examples
from proxy.api.openapi.answers import EVENTS, Error
from proxy.api.openapi.fields import teach, union
from proxy.api.openapi.operation import EVENTS as EVENT_STREAM
from proxy.api.openapi.operation import Answer
from proxy.api.openapi.parts import (
    ALWAYS,
    HEADERS,
    PARAMETERS,
    SECURITY,
    SECURITY_SCHEMES,
    TEXT,
    WORDS,
    error_response,
    header_references,
)
from proxy.schemas.fields import WireSchema
from proxy.schemas.messages import DefaultedMessageRequest, MessageRequest
from proxy.schemas.request import BARE_CHOICES

Json = dict[str, Any]
_VARIABLE = re.compile(r"{(\w+)}")

DESCRIPTION = """\
Anthropic's Messages API in front of OpenAI-compatible and native upstreams.

Rules between members (results for every tool use, tools for a tool choice, unique names) are checked
too and refused with 400; unknown members are tolerated. Every error has the same shape."""
TAGS = {
    "messages": "Messages",
    "models": "Models",
    "service": "The service itself",
    "dynamic": "The same endpoints with an upstream that the path names",
    "native": "Other endpoints of a native upstream",
}


DYNAMIC_PREFIXES = ("/{scheme}/{host}", "/{scheme}/{host}/{prefix}")
DYNAMIC_NOTES = (
    "The path names the upstream; off until CLAUDE_PROXY_ALLOWED_HOSTS lists hosts. The prefix may"
    " contain slashes and, after `models/`, a model, which replaces that of the body."
    " `Authorization` is the upstream's credential; a key of this proxy is sent as `x-api-key`."
)


def openapi_document(
    rows: Iterable[Described], *, native_answers: bool = False, max_tokens_required: bool = True
) -> Json:
    """The document for ``rows`` and for the dynamic routes to them.

    ``native_answers``: a native upstream may answer, with any status. Without ``max_tokens_required`` the
    member ``max_tokens`` is optional.
    """
    rows = list(rows)
    rows += dynamic_rows(rows)
    plugin = MarshmallowPlugin(schema_name_resolver=lambda schema: _nested_name(schema, spec))
    spec = APISpec(
        title="claude-proxy",
        version=__version__,
        openapi_version="3.1.0",
        plugins=[plugin],
        info={"description": DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}},
        tags=[{"name": name, "description": words} for name, words in TAGS.items()],
        security=SECURITY,
    )
    converter: Any = plugin.converter
    teach(converter)
    _add_requests(
        spec, converter, MessageRequest if max_tokens_required else DefaultedMessageRequest
    )
    _add_answers(spec, converter, rows)
    _add_parts(spec)
    for row in rows:
        operation = _operation(row, passes=row.operation.passes and native_answers)
        spec.path(row.path, operations={row.method.lower(): operation})
    document: Json = spec.to_dict()
    return document


def dynamic_rows(rows: Iterable[Described]) -> list[Described]:
    """The rows that dynamic routes can reach, with the paths of dynamic routes."""
    views = {endpoint for endpoint, _ in VIEWS.values()}
    found = [row for row in rows if row.endpoint in views]
    return [_dynamic(row, prefix) for prefix in DYNAMIC_PREFIXES for row in found]


def _dynamic(row: Described, prefix: str) -> Described:
    operation = replace(
        row.operation,
        summary=f"{row.operation.summary}, of the upstream that the path names",
        tag="dynamic",
        passes=False,
        notes=DYNAMIC_NOTES,
    )
    return row._replace(path=prefix + row.path, operation=operation)


def _nested_name(schema: Schema | type[Schema], spec: APISpec) -> str:
    """The component name of a schema outside of unions, which differs from that of a union's member."""
    name = (schema if isinstance(schema, type) else type(schema)).__name__
    return f"Untagged{name}" if name in spec.components.schemas else name


def _add_requests(spec: APISpec, converter: Any, request: type[MessageRequest]) -> None:
    choice = {"type": "string", "enum": list(BARE_CHOICES)}
    for name, schema in (
        ("MessageRequest", request()),
        ("CountTokensRequest", request(exclude=("max_tokens", "stream"))),
    ):
        component = converter.schema2jsonschema(schema)
        component["properties"]["tool_choice"]["anyOf"].append(choice)
        spec.components.schema(name, component)


def _add_answers(spec: APISpec, converter: Any, rows: Iterable[Described]) -> None:
    answers = [answer for row in rows for answer in row.operation.answers.values()]
    shapes = [answer.schema for answer in answers if answer.schema is not None]
    wanted: list[type[WireSchema]] = [Error, *shapes]
    for shape in dict.fromkeys(wanted):
        converter.resolve_nested_schema(shape)
        if shape.__name__ in examples.ANSWERS:
            example = examples.ANSWERS[shape.__name__]
            spec.components.schemas[shape.__name__]["examples"] = [example]
    union(converter, EVENTS)


def _add_parts(spec: APISpec) -> None:
    for name, parameter in PARAMETERS.items():
        place = parameter["in"]
        spec.components.parameter(name, place, {"name": name, **parameter})
    for name, header in HEADERS.items():
        spec.components.header(name, header)
    for status in WORDS:
        spec.components.response(f"Error{status}", error_response(status))
    for name, scheme in SECURITY_SCHEMES.items():
        spec.components.security_scheme(name, scheme)


def _operation(row: Described, *, passes: bool) -> Json:
    described = row.operation
    answers = {str(status): _response(answer) for status, answer in described.answers.items()}
    errors = {str(status): f"Error{status}" for status in described.statuses(row.access)}
    operation: Json = {
        "operationId": operation_id(row),
        "summary": described.summary,
        "tags": [described.tag],
        "parameters": _parameters(row),
        "responses": {**answers, **errors},
    }
    if described.notes:
        operation["description"] = described.notes
    if not row.access.keyed:
        operation["security"] = []
    if described.body is not None:
        operation["requestBody"] = _request_body(described.body)
    if passes:
        operation["responses"]["default"] = {"description": "A native upstream's own answer."}
    return operation


def _parameters(row: Described) -> list[str | Json]:
    """The path variables and the other parameters, as references to components if these exist."""
    in_path = _VARIABLE.findall(row.path)
    own = {name: {"name": name, "in": "path", "required": True, "schema": TEXT} for name in in_path}
    names = (*in_path, *row.operation.parameters)
    return [name if name in PARAMETERS else own[name] for name in names]


def _request_body(component: str) -> Json:
    schema = {"$ref": f"#/components/schemas/{component}"}
    content = {"schema": schema, "examples": examples.REQUESTS[component]}
    return {"required": True, "content": {"application/json": content}}


def operation_id(row: Described) -> str:
    """The operation id for generated clients: the method and the words of the path."""
    words = row.path.replace("{", "").replace("}", "").replace(".", "_").split("/")
    return "_".join(filter(None, (row.method.lower(), *words))).replace("-", "_")


def _response(answer: Answer) -> Json:
    response: Json = {
        "description": answer.description,
        "headers": header_references((*ALWAYS, *answer.headers)),
    }
    content = {
        media_type: _content(answer, media_type)
        for media_type in answer.media_types
        if answer.schema is not None or media_type != "application/json"
    }
    if content:
        response["content"] = content
    return response


def _content(answer: Answer, media_type: str) -> Json:
    if media_type == EVENT_STREAM:
        # In OpenAPI 3.1 a schema would describe the whole stream, not one event.
        event = {"$ref": "#/components/schemas/StreamEvent"}
        return {"x-event-schema": event, "example": examples.STREAM}
    if answer.schema is None:
        return {"schema": {}}
    own = {"$ref": f"#/components/schemas/{answer.schema.__name__}"}
    error = {"$ref": "#/components/schemas/Error"}
    return {"schema": {"anyOf": [own, error]} if answer.or_error else own}
