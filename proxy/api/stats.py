"""GET /v1/stats: the counts since the start, of this machine or of all machines, and the present state."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from proxy.access.declaration import STATISTICS
from proxy.api.context import runtime
from proxy.api.openapi.answers import always, count, sometimes
from proxy.api.openapi.operation import Operation, json_answer
from proxy.api.operator import require_operator
from proxy.api.responses import json_response
from proxy.schemas.fields import Choice, Items, Object, Shape, Text, WireSchema
from proxy.telemetry.multiprocess import read_off_loop
from proxy.telemetry.stats import machine_stats, totals

bp = Blueprint("stats", __name__)

UNSHARED = "Redis does not answer: these are the counts of this machine only"


class Healing(WireSchema):
    provider = always(Text)
    model = always(Text)
    flag = always(Text)
    healings = count()


class Stats(WireSchema):
    """Counters since the start; of all machines if they share a Redis."""

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
    clients = always(Object)
    log_lines_dropped = always(Object)
    workers = count()
    requests_in_progress = count()
    streams_open = count()
    providers = always(Object)
    note = sometimes(Text)


SHOW = Operation(
    summary="The counters since the start",
    answers=json_answer("The counters.", Stats),
    notes="If requests need no key, for callers from loopback only.",
    listed="stats",
)


@bp.get("/v1/stats", access=STATISTICS, operation=SHOW)
def stats() -> Response:
    """The counts of all machines that share a Redis; without Redis, of this machine's workers.

    Workers, requests in progress and circuit breakers are always those of this machine.
    """
    require_operator()
    shared = runtime()
    body: dict[str, Any] = read_off_loop(machine_stats, shared.metrics)
    if shared.usage is None:
        return json_response(body)
    sums = shared.usage.sums() if shared.usage.flush() else None
    if sums is None:
        return json_response(body | {"note": UNSHARED})
    return json_response(body | {"scope": "all machines", **totals(*sums)})
