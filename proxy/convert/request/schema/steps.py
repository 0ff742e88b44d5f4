"""The table of the schema steps, in the order in which they are applied.

Rule: each step is a pure function from a whole schema to a whole schema that returns its argument if
that needs no change. A step relies on those above it, never on those below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from proxy.convert.request.schema.drafts import draft_2020
from proxy.convert.request.schema.features import (
    BARE_OBJECT,
    MIXED_ENUM,
    NO_ITEMS,
    NULL,
    ODD,
    TYPE_LIST,
    UNKNOWN_REQUIRED,
    UNTYPED,
)
from proxy.convert.request.schema.grammars import grammar, string_formats
from proxy.convert.request.schema.kinds import array_items, exclusive_bounds, type_lists, typed
from proxy.convert.request.schema.objects import (
    known_required,
    no_empty_objects,
    no_empty_properties,
    objects_as_json,
)
from proxy.convert.request.schema.refs import cuts_recursion, inline_refs, local_refs
from proxy.convert.request.schema.roots import merge_root
from proxy.convert.request.schema.unions import (
    any_of_alone,
    any_of_typed,
    merge_all_of,
    nullable,
    one_of_any,
)
from proxy.convert.request.schema.values import const_enum, enum_strings, enums_told, plain_enums
from proxy.convert.schema_values import Schema
from proxy.providers.profiles.schema_dialects import SchemaStep

Rewrite = Callable[[Schema], Schema]


def _always(_schema: Schema) -> bool:
    return True


def _never(_schema: Schema) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Step:
    """One rewrite and what it means for values."""

    rewrite: Rewrite
    acts_on: frozenset[str]
    """Keywords and features (features.py) without which it changes nothing; empty: it is always run."""
    adds: frozenset[str] | None = None
    """The features that its changes may bring; None: any."""
    loses: Callable[[Schema], bool] = _never
    """Whether rewriting a schema gives up something that it says."""
    recodes: bool = False
    """Values come back in another form, which the reply side translates."""
    for_answers: Rewrite | None = None
    """What replaces a step that recodes in schemas of answers, whose text the client gets as it is."""


_NOTHING: frozenset[str] = frozenset()
_REFS = frozenset({"$ref", "$dynamicRef", "$recursiveRef", "$defs", "definitions"})
_BOUNDS = frozenset({"exclusiveMinimum", "exclusiveMaximum"})
_REPEATS = frozenset({"pattern", "minLength", "maxLength", "minItems", "maxItems"})
_BARE = frozenset({BARE_OBJECT})
_ENUMS = frozenset({MIXED_ENUM})
_ANY_OF = frozenset({"anyOf"})

STEPS: Mapping[SchemaStep, Step] = {
    "draft_2020": Step(draft_2020, frozenset({ODD, "$ref"})),
    "inline_refs": Step(inline_refs, _REFS, loses=cuts_recursion),
    "local_refs": Step(local_refs, _REFS, loses=cuts_recursion),
    "merge_root": Step(merge_root, frozenset(), loses=_always),
    "merge_all_of": Step(merge_all_of, frozenset({"allOf"})),
    "one_of_any": Step(one_of_any, frozenset({"oneOf"})),
    "const_enum": Step(const_enum, frozenset({"const"}), _ENUMS | {"enum", "type"}),
    "type_lists": Step(type_lists, frozenset({TYPE_LIST})),
    "exclusive_bounds": Step(exclusive_bounds, _BOUNDS, frozenset({"minimum", "maximum"})),
    "array_items": Step(array_items, frozenset({NO_ITEMS})),
    "typed": Step(typed, frozenset({UNTYPED})),
    "any_of_typed": Step(any_of_typed, _ANY_OF),
    "nullable": Step(nullable, frozenset({NULL}), frozenset({"nullable"})),
    "any_of_alone": Step(any_of_alone, _ANY_OF),
    "plain_enums": Step(plain_enums, _ENUMS),
    "enum_strings": Step(
        enum_strings, _ENUMS, frozenset({"nullable"}), recodes=True, for_answers=enums_told
    ),
    "string_formats": Step(string_formats, frozenset({"format"}), _NOTHING, loses=_always),
    "objects_as_json": Step(
        objects_as_json, _BARE, recodes=True, for_answers=lambda schema: schema
    ),
    "no_empty_objects": Step(
        no_empty_objects, _BARE, _NOTHING, recodes=True, for_answers=no_empty_properties
    ),
    "known_required": Step(known_required, frozenset({UNKNOWN_REQUIRED}), _NOTHING),
    "grammar": Step(grammar, _REPEATS, _NOTHING, loses=_always),
}
