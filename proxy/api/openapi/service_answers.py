"""Shapes of what this proxy answers about itself.

Rule: as in ``proxy.api.openapi.answers``.
"""

from __future__ import annotations

from marshmallow.validate import Range

from proxy.api.openapi.answers import (
    Error,
    Message,
    Model,
    ModelPage,
    TokenCount,
    always,
    count,
    or_null,
    sometimes,
)
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


class Health(WireSchema):
    status = always(Choice, "healthy")
    timestamp = always(Text)
    version = always(Text)
    mode = always(Choice, "fixed", "passthrough", "mixed")
    openai_api_configured = always(Flag)
    client_api_key_validation = always(Flag)


class Readiness(WireSchema):
    status = always(Choice, "ready", "draining")


class Service(WireSchema):
    name = always(Choice, "claude-proxy")
    message = always(Text)
    version = always(Text)
    status = always(Choice, "running")
    health = always(Choice, "ok")
    endpoints = always(Object)
    features = always(Items, Text())
    configuration = sometimes(Object)


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
    profile = sometimes(Text)
    profile_flags = sometimes(Object)


class DryRun(WireSchema):
    """``request`` and ``url`` are null where the answer needs no call."""

    route = always(Shape, ShownRoute)
    request = or_null(Object)
    url = or_null(Text)
    dropped = always(Items, Shape(Drop))


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


class Healing(WireSchema):
    provider = always(Text)
    model = always(Text)
    flag = always(Text)
    healings = count()


class Stats(WireSchema):
    """Counters since the start, of all machines where a Redis is shared."""

    scope = always(Choice, "this process", "this machine", "all machines")
    since = always(Text)
    requests = count()
    statuses = always(Object)
    errors = always(Object)
    total = always(Object)
    models = always(Object)
    healings = always(Items, Shape(Healing))
    upstream_errors = always(Object)
    upstream_retries = always(Object)
    workers = count()
    requests_in_progress = count()
    streams_open = count()
    providers = always(Object)
    note = sometimes(Text)


class Nothing(WireSchema):
    """An empty object."""


ANSWERS: tuple[type[WireSchema], ...] = (
    Error,
    Message,
    TokenCount,
    Model,
    ModelPage,
    Health,
    Readiness,
    Service,
    DryRun,
    Probes,
    Stats,
    Nothing,
)
"""Answers; each has a component of its name."""
