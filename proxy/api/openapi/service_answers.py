"""Shapes of the dry run and of the connection test.

Rule: that of ``proxy.api.openapi.answers``.
"""

from __future__ import annotations

from marshmallow.validate import Range

from proxy.api.openapi.answers import AppliedEdits, always, or_null, sometimes
from proxy.schemas.fields import (
    Choice,
    Flag,
    Integer,
    Items,
    Number,
    Object,
    Shape,
    Text,
    WireSchema,
)


class Drop(WireSchema):
    name = always(Text)
    became = or_null(Text)
    count = always(Integer, validate=Range(min=0))
    routine = always(Flag)


class ShownRoute(WireSchema):
    provider = always(Text)
    model = always(Text)
    client_model = always(Text)
    reason = or_null(Text)
    direct = always(Flag)
    fallbacks = always(Items, Text())
    model_choice = sometimes(Text)
    api = sometimes(Choice, "responses")
    profile = sometimes(Text)
    profile_flags = sometimes(Object)


class DryRun(WireSchema):
    """``request`` and ``url`` are null if the answer needs no upstream call."""

    route = always(Shape, ShownRoute)
    request = or_null(Object)
    url = or_null(Text)
    dropped = always(Items, Shape(Drop))
    context_management = sometimes(Shape, AppliedEdits)


class Probe(WireSchema):
    status = always(Choice, "success", "failed")
    timestamp = sometimes(Text)
    model = sometimes(Text)
    model_used = sometimes(Text)
    provider = sometimes(Text)
    latency_ms = sometimes(Number)
    usage = Object()
    error_type = sometimes(Text)
    message = sometimes(Text)
    suggestion = sometimes(Text)


class Probes(Probe):
    models = sometimes(Items, Shape(Probe))
