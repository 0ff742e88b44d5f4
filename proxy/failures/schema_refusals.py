"""Refusals of a tool's or an answer's schema -> the schema steps that avoid the next one.

Rule: a row is taken by the service's own words for what is wrong with a schema. Rows of a dialect add
all its steps, because a service that refuses one keyword refuses the others of the same request next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.failures.complaints import COMPLAINT, Refusal
from proxy.providers.profiles import Profile
from proxy.providers.profiles.schema_dialects import (
    GEMINI_KEYWORDS,
    GEMINI_STEPS,
    GRAMMAR_STEPS,
    MOONSHOT_KEYWORDS,
    MOONSHOT_STEPS,
    SchemaStep,
)

GRAMMAR_BREAKERS = ("pattern", "format", "minLength", "maxLength", "minItems", "maxItems")
"""Keywords that servers which compile schemas to grammars often do not support."""
GRAMMAR_UNKNOWN = (
    "$schema",
    "$id",
    "propertyNames",
    "patternProperties",
    "minProperties",
    "maxProperties",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "multipleOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedItems",
    "unevaluatedProperties",
)
"""Keywords that xgrammar, llguidance or llama.cpp cannot express."""


@dataclass(frozen=True, slots=True)
class SchemaRefusal:
    """Words of a refusal (a regular expression in lower case) and what avoids it."""

    words: str
    steps: tuple[SchemaStep, ...]
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()

    def flags(self, profile: Profile) -> dict[str, object]:
        """What ``profile`` lacks of it."""
        flags: dict[str, object] = {}
        steps = _added(profile.schema_steps, self.steps)
        if steps != profile.schema_steps:
            flags["schema_steps"] = steps
        if self.keep and not profile.schema_keep:
            flags["schema_keep"] = self.keep
        drop = _added(profile.schema_drop, self.drop)
        if drop != profile.schema_drop:
            flags["schema_drop"] = drop
        return flags


def _added(present: tuple[Any, ...], more: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*present, *(name for name in more if name not in present))


SCHEMA_REFUSALS: tuple[SchemaRefusal, ...] = (
    SchemaRefusal(r"non-empty for object", GEMINI_STEPS, keep=GEMINI_KEYWORDS),
    SchemaRefusal(r"non-empty for object", ("objects_as_json",)),
    SchemaRefusal(
        r"function_?declarations?\W[^\n]{0,80}parameters|\(type_string\)"
        r"|only allowed for string type|must be specified when not using one_of"
        r"|any_of, it must be the only field|alongside any_of|'date-time' are supported",
        GEMINI_STEPS,
        keep=GEMINI_KEYWORDS,
    ),
    SchemaRefusal(
        r"moonshot flavored json schema|type should be defined in anyof"
        r"|conflict in schema definitions",
        MOONSHOT_STEPS,
    ),
    SchemaRefusal(
        r"moonshot flavored json schema", ("inline_refs", "array_items"), keep=MOONSHOT_KEYWORDS
    ),
    SchemaRefusal(
        r"(?:one|any|all)_?of\W[^\n]{0,60}(?:top.level|root)"
        r"|(?:top.level|root)[^\n]{0,40}\W(?:one|any|all)_?of\b"
        r"|(?:type|schema)\b[^\n]{0,40} must (?:be|have)[^\n]{0,30}\Wobject\b"
        r"|of 'type: .?object",
        ("draft_2020", "merge_root"),
    ),
    SchemaRefusal(
        r"missing items|items: missing field|arrays?\b[^\n]{0,40}\bitems\b[^\n]{0,20}"
        r"(?:required|missing|specified)",
        ("draft_2020", "array_items"),
    ),
    SchemaRefusal(
        r"\$(?:ref|defs|dynamicref)\b|\breference to component|pointertonowhere|unresolvable"
        r"|(?:recursive|circular|infinite recursion)[^\n]{0,60}(?:schema|ref)"
        r"|(?:schema|ref)[^\n]{0,80}(?:recursive|circular|infinite recursion)",
        ("draft_2020", "inline_refs"),
    ),
    SchemaRefusal(
        r"draft.2020|not valid under any of the given schemas|meta.?schema"
        r"|is not of type '\w+'|invalid (?:tool|json) schema|json schema is invalid",
        ("draft_2020", "merge_root", "array_items"),
    ),
)
"""In order; the first that changes a flag is taken."""

GRAMMARS = SchemaRefusal(
    r"(?:failed|unable|not possible) to (?:parse|compile|convert|build|initialize)"
    r"[^\n]{0,40}(?:grammar|json schema)"
    r"|grammar error|json schema conversion failed|not supported by (?:xgrammar|llguidance|outlines)"
    r"|unimplemented keys?|unrecognized schema|repetitions exceeds"
    r"|error (?:parsing|compiling) (?:the )?grammar",
    (*GRAMMAR_STEPS, "local_refs"),
    drop=(*GRAMMAR_BREAKERS, *GRAMMAR_UNKNOWN),
)
UNTYPED_GRAMMARS = SchemaRefusal(GRAMMARS.words, ("draft_2020", "inline_refs", "typed"))
"""After GRAMMARS did not help."""

_STEP_FOR_KEYWORD: Mapping[str, tuple[SchemaStep, ...]] = {
    "oneOf": ("merge_root", "one_of_any"),
    "anyOf": ("merge_root", "any_of_typed"),
    "allOf": ("merge_root", "merge_all_of"),
    "const": ("const_enum",),
    "$ref": ("inline_refs",),
    "$defs": ("inline_refs",),
    "definitions": ("inline_refs",),
    "exclusiveMinimum": ("exclusive_bounds",),
    "exclusiveMaximum": ("exclusive_bounds",),
}
_DROPPED_KEYWORDS = (
    "$schema",
    "$id",
    "$comment",
    "$anchor",
    "additionalProperties",
    "additionalItems",
    "prefixItems",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "dependencies",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "examples",
    "readOnly",
    "writeOnly",
    "deprecated",
    *(word for word in GRAMMAR_UNKNOWN if len(word) > 4 and word != "contains" and word[0] != "$"),
)
"""Keywords that a sentence names on purpose only."""
_KEYWORD_FOR_WORD = {word.lower(): word for word in (*_STEP_FOR_KEYWORD, *_DROPPED_KEYWORDS)}
_KEYWORD = "|".join(re.escape(word) for word in _KEYWORD_FOR_WORD)
_NAMED = re.compile(rf"(?<![\w$-])(?:{_KEYWORD})(?![\w-])")
_SCHEMA_WORDS = r"schema|parameter|property|properties|keyword|function|tool|json|payload|field|key"


def schema_flags(profile: Profile, body: Mapping[str, Any], refusal: Refusal) -> dict[str, object]:
    """The flags that avoid a refusal of a schema in ``body``; empty for any other refusal."""
    schemas = list(_schemas(body))
    if not schemas:
        return {}
    for row in SCHEMA_REFUSALS:
        if refusal.says(row.words):
            flags = row.flags(profile)
            if flags:
                return flags
    return _named_keywords(schemas, refusal).flags(profile)


def grammar_flags(profile: Profile, body: Mapping[str, Any], refusal: Refusal) -> dict[str, object]:
    """The flags for a schema in ``body`` that could not be compiled to a grammar."""
    if not refusal.says(GRAMMARS.words) or not any(_schemas(body)):
        return {}
    return GRAMMARS.flags(profile) or UNTYPED_GRAMMARS.flags(profile)


def _named_keywords(schemas: list[Any], refusal: Refusal) -> SchemaRefusal:
    """What avoids the keywords that the refusal complains of and the request holds."""
    none = SchemaRefusal("", ())
    if not refusal.says(_SCHEMA_WORDS):
        return none
    places = ("tools", "response_format")
    if not any(refusal.about(_KEYWORD, under=place, complaint=COMPLAINT) for place in places):
        return none
    named = {_KEYWORD_FOR_WORD[word] for word in _NAMED.findall(refusal.text)}
    held = named & _keys(schemas)
    steps = [step for word in sorted(held) for step in _STEP_FOR_KEYWORD.get(word, ())]
    drop = sorted(word for word in held if word not in _STEP_FOR_KEYWORD)
    return SchemaRefusal("", tuple(dict.fromkeys(steps)), drop=tuple(drop))


def _schemas(body: Mapping[str, Any]) -> Iterator[Any]:
    for tool in body.get("tools") or ():
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if isinstance(function, Mapping) and function.get("parameters"):
            yield function["parameters"]
    wanted = body.get("response_format")
    if isinstance(wanted, Mapping) and isinstance(wanted.get("json_schema"), Mapping):
        yield wanted["json_schema"].get("schema")


def _keys(schemas: list[Any]) -> set[str]:
    """Every name of a member in ``schemas``."""
    found: set[str] = set()
    waiting = list(schemas)
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            found.update(each)
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return found
