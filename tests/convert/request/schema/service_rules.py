"""What services require of schemas, from their documents and refusals: each rule as a complaint.

Rule: written from the documents alone, with no code of the proxy, so that the two can disagree. A
function gives the complaints about one schema, with paths; an empty list means that it passes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator

Schema = Mapping[str, Any]
Complaints = list[str]
TYPES = {"object", "array", "string", "number", "integer", "boolean", "null"}
ROOT_UNIONS = {"anyOf", "oneOf", "allOf", "enum", "not"}


def schemas_in(schema: Any, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every schema in ``schema`` with its path, where draft 2020-12 has schemas."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for key in ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas"):
        for name, member in (schema.get(key) or {}).items():
            yield from schemas_in(member, f"{path}.{key}[{name}]")
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for number, part in enumerate(schema.get(key) or ()):
            yield from schemas_in(part, f"{path}.{key}[{number}]")
    for key in ("items", "additionalProperties", "not", "propertyNames", "contains", "if", "then"):
        yield from schemas_in(schema.get(key), f"{path}.{key}")


def _invalid(schema: Schema) -> Complaints:
    errors = Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema)
    return [f"meta-schema: {error.json_path}: {error.message[:80]}" for error in errors]


def _lost_refs(root: Schema) -> Complaints:
    found = []
    for path, schema in schemas_in(root):
        target: Any = root
        for part in str(schema.get("$ref", "#")).removeprefix("#").split("/")[1:]:
            target = target.get(part) if isinstance(target, dict) else None
        if target is None or not str(schema.get("$ref", "#")).startswith("#"):
            found.append(f"{path}.$ref: reference to component which was not found in the schema")
    return found


def openai(parameters: Schema | None) -> Complaints:
    """Functions without ``strict``: error texts of the API; the function calling guide."""
    if parameters is None:
        return []
    found = _invalid(parameters) + _lost_refs(parameters)
    if parameters.get("type") != "object" or ROOT_UNIONS & parameters.keys():
        found.append("schema must have type 'object' and no union at the top level")
    if not isinstance(parameters.get("properties"), dict):
        found.append("object schema missing properties")
    for path, schema in schemas_in(parameters):
        kinds = schema.get("type")
        if "array" in (kinds if isinstance(kinds, list) else [kinds]) and "items" not in schema:
            found.append(f"{path}: array schema missing items")
    return found


STRICT_WORDS = {"allOf", "oneOf", "not", "if", "then", "else", "dependentRequired"}


def openai_strict(schema: Schema) -> Complaints:
    """Structured Outputs, "Supported schemas"."""
    found = openai(schema)
    for path, inner in schemas_in(schema):
        found += [f"{path}: '{word}' is not permitted" for word in STRICT_WORDS & inner.keys()]
        if inner.get("type") == "object" or "properties" in inner:
            if inner.get("additionalProperties") is not False:
                found.append(f"{path}: 'additionalProperties' must be false")
            if set(inner.get("required") or ()) != set(inner.get("properties") or ()):
                found.append(f"{path}: 'required' must name every property")
    return found


GEMINI_WORDS = {
    "type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems",
    "properties", "required", "minProperties", "maxProperties", "minLength", "maxLength",
    "pattern", "example", "anyOf", "propertyOrdering", "default", "items", "minimum", "maximum",
}  # fmt: skip
GEMINI_FORMATS = {
    "string": {"enum", "date-time"},
    "number": {"float", "double"},
    "integer": {"int32", "int64"},
}


def gemini(parameters: Schema | None) -> Complaints:
    """``Schema`` of the Gemini API's reference, and its refusals."""
    found: Complaints = []
    for path, schema in schemas_in(parameters):
        found += _gemini(f"parameters{path}", schema)
    if parameters is not None and parameters.get("type") != "object":
        found.append("parameters: schema should be of type OBJECT")
    return found


def _gemini(path: str, schema: Schema) -> Complaints:
    found = [f'Unknown name "{key}" at {path}' for key in schema.keys() - GEMINI_WORDS]
    kind, enum = schema.get("type"), schema.get("enum")
    if "anyOf" in schema:
        if len(schema) > 1:
            found.append(f"{path}: when using any_of, it must be the only field set")
    elif not isinstance(kind, str) or kind not in TYPES - {"null"}:
        found.append(f"{path}.type: must be specified when not using any_of")
    if enum is not None and (kind != "string" or not all(isinstance(v, str) and v for v in enum)):
        found.append(f"{path}.enum: only allowed for STRING type, values must not be empty")
    if kind == "array" and not schema.get("items"):
        found.append(f"{path}.items: missing field")
    if schema.get("properties") == {}:
        found.append(f"{path}.properties: should be non-empty for OBJECT type")
    if "format" in schema and schema["format"] not in GEMINI_FORMATS.get(str(kind), ()):
        found.append(f"{path}.format: only 'enum' and 'date-time' are supported")
    for name in schema.get("required") or ():
        if name not in (schema.get("properties") or {}):
            found.append(f"{path}.required: property {name} is not defined")
    return found


def moonshot(parameters: Schema | None) -> Complaints:
    """Moonshot Flavored JSON Schema: walle.md and validation-principles.md.

    Keywords that MFJS does not have are accepted and deleted by the service, so they are no complaint.
    """
    if parameters is None:
        return []
    found = [] if parameters.get("type") == "object" else ["type is required and must be object"]
    for path, schema in schemas_in(parameters):
        found += [f"At path '{path or 'root'}': {text}" for text in _moonshot(schema, parameters)]
        if path and "$defs" in schema:
            found.append(f"At path '{path}': $defs may only appear at the root")
    return found


def _moonshot(schema: Schema, root: Schema) -> Iterator[str]:
    kind = schema.get("type")
    union = {"anyOf", "$ref"} & schema.keys()
    if union:
        extra = schema.keys() & (MOONSHOT_LIMITS | {"type", "enum", "properties", "required"})
        if extra:
            yield f"when using anyOf, {sorted(extra)} should be defined in anyOf items"
    elif not isinstance(kind, str) or kind not in TYPES:
        yield "type is not defined"
    if {"allOf", "oneOf", "const"} & schema.keys():
        yield "keyword is not supported"
    yield from _moonshot_values(schema, root)


def _moonshot_values(schema: Schema, root: Schema) -> Iterator[str]:
    enum = schema.get("enum")
    if not 1 <= len(schema.get("anyOf", [0])) <= 500:
        yield "anyOf must have 1-500 items"
    ref = schema.get("$ref")
    if ref is not None and ref.removeprefix("#/$defs/") not in (root.get("$defs") or {}):
        yield f"$defs not found for reference: {ref}"
    if enum is not None:
        kinds = {type(value) for value in enum}
        if not enum or not (kinds <= {int, float} or kinds == {str}):
            yield "enum values must be of one type, strings or numbers"
    if "items" in schema and not schema["items"]:
        yield "items must not be empty"
    for name in schema.get("required") or ():
        if name not in (schema.get("properties") or {}):
            yield f"required property {name} is not declared"


MOONSHOT_LIMITS = {"minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "items"}


def mistral(parameters: Schema | None) -> Complaints:
    """Parameters are required, valid by draft 2020-12, and compiled without ``$id`` and ``$schema``."""
    if parameters is None:
        return ["function.parameters: Field required"]
    found = _invalid(parameters) + _lost_refs(parameters)
    for path, schema in schemas_in(parameters):
        found += [f"{path}: Grammar error" for key in ("$id", "$schema") if key in schema]
    if parameters.get("type") != "object":
        found.append("Invalid tool schema: type")
    return found


def bedrock(parameters: Schema | None) -> Complaints:
    """``toolSpec.inputSchema.json`` of the Converse API, with Claude's own check behind it."""
    if parameters is None:
        return ["toolSpec.inputSchema: required"]
    found = _invalid(parameters)
    if parameters.get("type") != "object":
        found.append("inputSchema.json.type must be one of the following: object")
    if {"anyOf", "oneOf", "allOf"} & parameters.keys():
        found.append("input_schema does not support oneOf, allOf, or anyOf at the top level")
    found += [
        f"Property keys should match pattern: {name}"
        for name in parameters.get("properties") or ()
        if not re.fullmatch(r"[a-zA-Z0-9_.-]{1,64}", name)
    ]
    return found


LONGEST_REPETITION = 2000


def llamacpp(parameters: Schema | None) -> Complaints:
    """llama.cpp's grammars/README.md and the errors of json-schema-to-grammar and its parser."""
    found = [] if parameters is None else _lost_refs(parameters)
    for path, schema in schemas_in(parameters):
        found += [f"{path or 'root'}: {text}" for text in _grammar(schema)]
    return found


def _grammar(schema: Schema) -> Iterator[str]:
    kinds = schema.get("type")
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind is not None and kind not in TYPES:
            yield f"Unrecognized schema: type {kind}"
    if {"anyOf", "oneOf"} & schema.keys() and {"properties", "required"} & schema.keys():
        yield "properties beside anyOf or oneOf are ignored"
    if schema.get("enum") == []:
        yield "an empty list of alternatives"
    for key in ("minLength", "maxLength", "minItems", "maxItems"):
        if schema.get(key, 0) > LONGEST_REPETITION:
            yield "number of repetitions exceeds sane defaults, please reduce the number"
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        if not (pattern.startswith("^") and pattern.endswith("$")):
            yield "Pattern must start with '^' and end with '$'"
        if "(?" in pattern or re.search(r"\\[A-Za-mo-qsu-z0-9]", pattern):
            yield f"failed to parse grammar: {pattern}"


XGRAMMAR_UNKNOWN = {
    "multipleOf", "uniqueItems", "contains", "minContains", "maxContains", "patternProperties",
    "propertyNames", "minProperties", "maxProperties", "format",
}  # fmt: skip


def xgrammar(parameters: Schema | None) -> Complaints:
    """vLLM's check before xgrammar compiles a schema, and llguidance's unimplemented keys."""
    unknown = XGRAMMAR_UNKNOWN | {"not", "if", "then", "else", "dependentSchemas"}
    return [
        f"{path}: features not supported by xgrammar: {sorted(unknown & schema.keys())}"
        for path, schema in schemas_in(parameters)
        if unknown & schema.keys()
    ]


RULES: Mapping[str, Callable[[Schema | None], Complaints]] = {
    "openai": openai,
    "gemini": gemini,
    "moonshot": moonshot,
    "mistral": mistral,
    "bedrock": bedrock,
    "llamacpp": llamacpp,
}
