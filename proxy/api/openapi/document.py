"""The OpenAPI document, put together.

Rule: plain data from the tables beside; built once by whoever asks for it.
"""

from __future__ import annotations

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema

from proxy import __version__
from proxy.api.openapi import examples
from proxy.api.openapi.answers import EVENTS
from proxy.api.openapi.fields import teach, union
from proxy.api.openapi.operations import (
    DYNAMIC_OPERATIONS,
    NATIVE_OPERATIONS,
    OPERATIONS,
    Answer,
    Operation,
)
from proxy.api.openapi.operations import EVENTS as EVENT_STREAM
from proxy.api.openapi.parts import (
    ALWAYS,
    HEADERS,
    PARAMETERS,
    SECURITY,
    SECURITY_SCHEMES,
    WORDS,
    error_response,
    header_references,
)
from proxy.api.openapi.service_answers import ANSWERS
from proxy.schemas.messages import DefaultedMessageRequest, MessageRequest
from proxy.schemas.request import BARE_CHOICES

Json = dict[str, Any]

DESCRIPTION = """\
Anthropic's Messages API in front of OpenAI-compatible and native upstreams.

Rules between members (results for every tool use, tools for a tool choice, unique names) are checked
too and refused with 400; unknown members are tolerated. Every error has the same shape."""
TAGS = {
    "messages": "Messages",
    "models": "Models",
    "service": "The service itself",
    "dynamic": "The same at an upstream that the path names",
    "native": "What else a native upstream offers",
}


def openapi_document(
    *, native_paths: bool = False, native_answers: bool = False, max_tokens_required: bool = True
) -> Json:
    """The document.

    ``native_paths``: every other path goes to a native upstream. ``native_answers``: a native
    upstream may answer, whose statuses are its own. Without ``max_tokens_required`` a default
    stands in for it.
    """
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
    _add_schemas(
        spec, converter, MessageRequest if max_tokens_required else DefaultedMessageRequest
    )
    _add_parts(spec)
    rows = (*OPERATIONS, *DYNAMIC_OPERATIONS, *(NATIVE_OPERATIONS if native_paths else ()))
    for row in rows:
        spec.path(row.path, operations={row.method: _operation(row, native_answers)})
    document: Json = spec.to_dict()
    return document


def _nested_name(schema: Schema | type[Schema], spec: APISpec) -> str:
    """The component of a schema that no union names; some stand in a union too, with a ``type``."""
    name = (schema if isinstance(schema, type) else type(schema)).__name__
    return f"Untagged{name}" if name in spec.components.schemas else name


def _add_schemas(spec: APISpec, converter: Any, request: type[MessageRequest]) -> None:
    choice = {"type": "string", "enum": list(BARE_CHOICES)}
    for name, schema in (
        ("MessageRequest", request()),
        ("CountTokensRequest", request(exclude=("max_tokens", "stream"))),
    ):
        component = converter.schema2jsonschema(schema)
        component["properties"]["tool_choice"]["anyOf"].append(choice)
        spec.components.schema(name, component)
    for answer in ANSWERS:
        converter.resolve_nested_schema(answer)
        if answer.__name__ in examples.ANSWERS:
            example = examples.ANSWERS[answer.__name__]
            spec.components.schemas[answer.__name__]["examples"] = [example]
    union(converter, EVENTS)
    spec.components.schema("OpenApi", {"type": "object", "required": ["openapi", "paths"]})


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


def _operation(row: Operation, native_answers: bool) -> Json:
    operation: Json = {
        "operationId": operation_id(row),
        "summary": row.summary,
        "tags": [row.tag],
        "parameters": list(row.parameters),
        "responses": {str(status): _response(answer) for status, answer in row.answers.items()},
    }
    if row.notes:
        operation["description"] = row.notes
    if row.open:
        operation["security"] = []
    if row.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": f"#/components/schemas/{row.body}"},
                    "examples": examples.REQUESTS[row.body],
                }
            },
        }
    for status in sorted(row.errors):
        operation["responses"][str(status)] = f"Error{status}"
    if row.passes and native_answers:
        operation["responses"]["default"] = {"description": "A native upstream's own answer."}
    return operation


def operation_id(row: Operation) -> str:
    """A name for clients that are generated: the method and the words of the path."""
    words = row.path.replace("{", "").replace("}", "").replace(".", "_").split("/")
    return "_".join(filter(None, (row.method, *words))).replace("-", "_")


def _response(answer: Answer) -> Json:
    response: Json = {
        "description": answer.description,
        "headers": header_references((*ALWAYS, *answer.headers)),
    }
    content: Json = {}
    for media_type in answer.media_types:
        if answer.schema is not None and media_type != EVENT_STREAM:
            names = (answer.schema, "Error") if answer.or_error else (answer.schema,)
            parts = [{"$ref": f"#/components/schemas/{name}"} for name in names]
            content[media_type] = {"schema": {"anyOf": parts} if answer.or_error else parts[0]}
        elif media_type == EVENT_STREAM:
            event = {"$ref": "#/components/schemas/StreamEvent"}
            content[media_type] = {
                # In OpenAPI 3.1 a schema would be that of the whole stream.
                "x-event-schema": event,
                "example": examples.STREAM,
            }
        elif media_type != "application/json":
            content[media_type] = {"schema": {}}
    if content:
        response["content"] = content
    return response
