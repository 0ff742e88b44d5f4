"""GET /metrics: the metrics of all workers of this machine, for Prometheus."""

from __future__ import annotations

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from proxy.access.declaration import SCRAPED
from proxy.api.context import runtime
from proxy.api.openapi.operation import PLAIN, Answer, Operation
from proxy.api.operator import require_operator
from proxy.telemetry.multiprocess import read_off_loop
from proxy.telemetry.stats import exposition

bp = Blueprint("metrics", __name__)


SCRAPE = Operation(
    summary="Prometheus metrics",
    answers={200: Answer("The metrics.", None, (), (PLAIN,))},
    notes="If requests need no key, for callers from loopback only.",
    listed="metrics",
)


@bp.get("/metrics", access=SCRAPED, operation=SCRAPE)
def metrics() -> Response:
    """The metrics in Prometheus' text format."""
    require_operator()
    text = read_off_loop(exposition, runtime().metrics)
    return Response(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)
