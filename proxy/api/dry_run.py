"""POST /v1/messages/test_conversion: shows the converted request and its route without sending it.

Rule: no upstream call, and no secret in the answer. It is counted against the client's limit of requests,
because it may read PDFs. The request is validated, routed and converted like any other, so an invalid one
gets the same error (docs/features.md "Endpoints").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import orjson
from flask import Blueprint, Response, request

from proxy.access.declaration import COUNTED
from proxy.api.body import json_body, parsed_object
from proxy.api.default_model import known_decision
from proxy.api.messages import checked_request, chosen_route
from proxy.api.native_responses import may_be_native, native_route, sent_request
from proxy.api.openapi.operation import CLIENT, Operation, json_answer
from proxy.api.openapi.service_answers import DryRun
from proxy.api.responses import begin_call, json_response
from proxy.convert.request.drops import Drops
from proxy.providers.profiles.base import Profile
from proxy.relay.call import Call
from proxy.relay.compaction import due_compaction
from proxy.relay.model_overrides import check_input, input_limit
from proxy.relay.native.own_thinking import without_own_thinking
from proxy.relay.native.request import message_call
from proxy.relay.protocols import convert, protocol_for
from proxy.schemas import check_chat_support

bp = Blueprint("dry_run", __name__)

SHOWN_PARAMETERS = frozenset({"api-version", "beta"})
"""Query parameters that contain no key; the values of all others are hidden."""
UNSENT_HEADERS = ("anthropic-beta", "anthropic-user-profile-id", "anthropic-workspace-id")
UNSENT_FAMILY = "x-stainless-"
SECRET_WORDS = ("key", "token", "secret", "password", "authorization", "credential")
HIDDEN = "***"


DRY_RUN = Operation(
    summary="The converted request and its route, without an upstream call",
    answers=json_answer("The converted request.", DryRun),
    errors=(404,),
    tag="messages",
    parameters=CLIENT,
    body="MessageRequest",
    listed="test_conversion",
)


@bp.post("/v1/messages/test_conversion", access=COUNTED, operation=DRY_RUN)
def test_conversion() -> Response:
    body = json_body()
    parsed = parsed_object(body)
    if may_be_native():
        route = native_route(parsed, body)
        if route is not None:
            return _shown_native(begin_call(parsed, route), body)
    message_request = checked_request(parsed)
    route, choice = chosen_route(message_request), ""
    if route.undecided:
        route, choice = known_decision(route)
    call = begin_call(message_request, route)
    check_chat_support(message_request)
    return _shown_converted(call, choice)


def _shown_converted(call: Call, choice: str) -> Response:
    """``choice``: what is known of the choice of the model if the upstream's list decides, else empty."""
    route, profile = call.route, call.profile()
    if call.max_tokens(profile) != 0 and (due := due_compaction(call)) is not None:
        # The request for the summary would be sent first.
        call = replace(call, request=due.request)
    converted = convert(call, profile)
    edits = converted.reply.context_management
    for name in unsent_headers(request.headers.keys()):
        converted.drops.routine(name)
    if call.max_tokens(profile) == 0:
        # A cache pre-warm is answered without an upstream call.
        return _report(call, profile, None, None, converted.drops, edits, choice)
    check_input(converted.body, route.encoding, input_limit(route.registered, route.profile))
    sent = _without_registered_secrets(call, converted.body)
    url = protocol_for(profile).url(route)
    return _report(call, profile, sent, url, converted.drops, edits, choice)


def _shown_native(call: Call, body: bytes) -> Response:
    drops = Drops()
    without_own_thinking(call.request, drops)
    sent = message_call(call, sent_request(body)).upstream
    betas = request.headers.get("anthropic-beta")
    if betas and call.route.provider.deny_betas and sent.headers.get("anthropic-beta") != betas:
        drops.routine("anthropic-beta")
    return _report(call, None, orjson.loads(sent.body or b"{}"), sent.url, drops)


def _report(
    call: Call,
    profile: Profile | None,
    sent: object,
    url: str | None,
    drops: Drops,
    edits: Mapping[str, Any] | None = None,
    choice: str = "",
) -> Response:
    route = call.route
    shown: dict[str, Any] = {
        "provider": route.provider.name,
        "model": route.model,
        "client_model": call.request["model"],
        "reason": route.reason,
        "direct": route.native,
        "fallbacks": list(route.fallbacks),
    }
    if choice:
        shown["model_choice"] = choice
    if profile is not None:
        if profile.api != "chat":
            shown["api"] = profile.api
        shown |= {"profile": profile.name, "profile_flags": changed_flags(profile)}
    report = {
        "route": shown,
        "request": sent,
        "url": None if url is None else shown_url(url),
        "dropped": drops.report(),
    }
    return json_response(report if edits is None else report | {"context_management": edits})


def changed_flags(profile: Profile) -> dict[str, object]:
    """The flags of ``profile`` that differ from the defaults in docs/protocol.md."""
    plain = Profile()
    values = {flag.name: getattr(profile, flag.name) for flag in fields(Profile)}
    return {
        name: value
        for name, value in values.items()
        if name != "name" and value != getattr(plain, name)
    }


def shown_url(url: str) -> str:
    """``url`` without user information, and with only the query values that contain no key."""
    parts = urlsplit(url)
    query = "&".join(
        f"{name}={value if name in SHOWN_PARAMETERS else HIDDEN}"
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query))


def unsent_headers(names: Iterable[str]) -> list[str]:
    """The headers among ``names`` that are not sent with a converted request."""
    sent = {name.lower() for name in names}
    unsent = [name for name in UNSENT_HEADERS if name in sent]
    if any(name.startswith(UNSENT_FAMILY) for name in sent):
        unsent.append(f"{UNSENT_FAMILY}*")
    return unsent


def _without_registered_secrets(call: Call, body: Mapping[str, Any]) -> dict[str, Any]:
    """``body`` with keys hidden that come from the registry's ``extra_body``."""
    registered = call.route.registered
    if registered is None:
        return dict(body)
    ours = registered.extra_body
    return {name: hidden(value, name) if name in ours else value for name, value in body.items()}


def hidden(value: Any, name: str = "") -> Any:
    """``value`` of the member ``name``, with texts hidden if their member's name is that of a key."""
    if isinstance(value, Mapping):
        return {member: hidden(inner, member) for member, inner in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(inner, name) for inner in value]
    is_secret = isinstance(value, str) and any(word in name.lower() for word in SECRET_WORDS)
    return HIDDEN if is_secret else value
