"""GET /v1/stats: what was counted since the start, here or on all machines, and how it is now."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from proxy.api.context import runtime
from proxy.api.operator import only_for_the_operator
from proxy.api.responses import json_response
from proxy.telemetry.multiprocess import read_off_loop
from proxy.telemetry.stats import machine_stats, totals

bp = Blueprint("stats", __name__)

AWAY = "Redis is away: these are the counts of this machine alone"


@bp.get("/v1/stats")
def stats() -> Response:
    """The counts of all machines that share a Redis, else of this machine's workers.

    Workers, requests under way and breakers are this machine's in either case.
    """
    only_for_the_operator()
    shared = runtime()
    body: dict[str, Any] = read_off_loop(machine_stats, shared.metrics)
    if shared.usage is None:
        return json_response(body)
    sums = shared.usage.sums() if shared.usage.flush() else None
    if sums is None:
        return json_response(body | {"note": AWAY})
    return json_response(body | {"scope": "all machines", **totals(*sums)})
