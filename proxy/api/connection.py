"""GET /test-connection: one real, minimal call to the upstream."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from typing import Any

import orjson
from flask import Blueprint, Response, request

from proxy.access.declaration import Access
from proxy.api.attempt import open_attempt
from proxy.api.context import credential_headers, record, runtime
from proxy.api.openapi.operation import LIMITS, Answer, Operation
from proxy.api.openapi.service_answers import Probes
from proxy.api.responses import begin_call, json_response, watched
from proxy.errors import ProxyError, UpstreamError
from proxy.failures.policy import failure_kind
from proxy.providers.model_names import NAME_OF_TIER
from proxy.relay.call import Call
from proxy.relay.native.request import Sent
from proxy.relay.protocols import protocol_for
from proxy.relay.upstream_call import decoded
from proxy.telemetry.logs import error_words

bp = Blueprint("connection", __name__)

HINTS = {
    401: "check the key: OPENAI_API_KEY, or the one you sent in passthrough mode",
    402: "check the account's balance and quota at the provider",
    403: "check what this key may do at the provider",
    404: "check the model names (BIG_MODEL, MIDDLE_MODEL, SMALL_MODEL) and OPENAI_BASE_URL",
    429: "wait, or raise the rate limit at the provider",
    502: "check OPENAI_BASE_URL, DNS, the certificate and the network path to the upstream",
    504: "check the network path to the upstream, and FIRST_BYTE_TIMEOUT for a slow model",
    529: "the upstream is overloaded: try again later",
}


PROBES = Operation(
    summary="One real call of a few tokens",
    answers={
        200: Answer("The upstream answered.", Probes, (LIMITS,)),
        503: Answer(
            "The upstream did not answer correctly.", Probes, (LIMITS, "retry-after"), or_error=True
        ),
    },
    parameters=("model", "all", "x-request-id"),
    listed="test_connection",
)


@bp.get(
    "/test-connection",
    access=Access(counted=True, spends=True, costly_get=True),
    operation=PROBES,
)
def test_connection() -> Response:
    """``?model=ID`` tests one model, ``?all=1`` every registered model; default: the small model."""
    results = [_probe(model) for model in _models()]
    failed = any(result["status"] == "failed" for result in results)
    if len(results) == 1:
        body = results[0]
    else:
        body = {"status": "failed" if failed else "success", "models": results}
    body["timestamp"] = datetime.now(UTC).isoformat()
    return json_response(body, 503 if failed else 200)


def _models() -> list[str]:
    registered = runtime().registry.models
    if request.args.get("all", "") not in ("", "0", "false"):
        names = [model.id for model in registered] or _tier_names()
        return list(dict.fromkeys(names))
    return [request.args.get("model") or _tier_names()[-1]]


def _tier_names() -> list[str]:
    """Names of the models of the classes opus, sonnet and haiku; of an undecided one its own name."""
    router = runtime().router
    chosen = router.tiers._asdict()
    return [
        NAME_OF_TIER[tier] if tier in router.undecided else model for tier, model in chosen.items()
    ]


def _probe(model: str) -> dict[str, Any]:
    started = monotonic()
    record().begin_next_call()
    try:
        route = runtime().router.resolve(model)
        probe = {
            "model": model,
            "max_tokens": protocol_for(route.profile).probe_tokens,
            "messages": [{"role": "user", "content": "Hi"}],
        }
        call = begin_call(probe, route)
        with watched(call.exchange):
            usage = _ask(call, probe)
    except ProxyError as error:
        record().error = error_words(error)
        if isinstance(error, UpstreamError):
            record().record_event("error", failure_kind(error))
        return {
            "status": "failed",
            "model": model,
            "error_type": error.type,
            "message": error.message,
            "suggestion": HINTS.get(error.status, "see the message"),
        }
    return {
        "status": "success",
        "model": model,
        "model_used": call.route.model,
        "provider": call.route.provider.name,
        "latency_ms": round((monotonic() - started) * 1000, 1),
        "usage": usage,
    }


def _ask(call: Call, probe: dict[str, Any]) -> object:
    """The usage of the answer to ``probe``."""
    headers, body = list(credential_headers().items()), orjson.dumps(probe)
    sent = Sent(method="POST", headers=headers, query="", body=body)
    answer = open_attempt(call, lambda: sent, lambda: None)
    message = decoded(answer.body)
    return message.get("usage") if isinstance(message, dict) else None
