"""``/https/HOST/PREFIX/v1/messages``: the usual views with an upstream that the client names.

Rule: decided on the raw request target, before the URL map, which only sees a decoded path. The
access declaration is that of the view. Nothing is looked up, read or connected to before the client
and the host are allowed (docs/features.md "Dynamic routing").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flask import Flask, Response, request

from proxy.access.auth import check_client
from proxy.api.body import json_body
from proxy.api.candidates import credential
from proxy.api.context import credential_headers, present_request, record, runtime
from proxy.api.declaration import DeclaredRule, declared_rules
from proxy.api.limits import limit_client
from proxy.api.messages import answer_message
from proxy.api.models import models_page
from proxy.api.tokens import answer_count, parsed_body
from proxy.api.upstream_models import provider_entries
from proxy.errors import MethodNotAllowed
from proxy.providers.dynamic_path import DynamicTarget, Endpoint, is_dynamic
from proxy.providers.dynamic_route import (
    allowed_target,
    dynamic_models_url,
    dynamic_provider,
    dynamic_route,
)
from proxy.providers.routing import Route
from proxy.relay.upstream_call import encoded
from proxy.schemas import parse_json_object

_USERINFO = re.compile(r"^(/https?/)[^/]*@")
"""Refused, but logged before that."""


def register_dynamic(app: Flask) -> None:
    """Attach the decision to ``app``, after the hooks of the lifecycle and all its blueprints."""
    rules = {rule.endpoint: rule for rule in declared_rules(app.url_map)}
    by_name = {name: rules[endpoint] for name, (endpoint, _) in VIEWS.items()}
    app.before_request(partial(answer_dynamic, by_name))


def answer_dynamic(rules: Mapping[Endpoint, DeclaredRule]) -> Response | None:
    """The answer to a dynamic route; None where the request is none.

    ``rules`` are those of the views. A server that hands over no raw target has no dynamic routes.
    """
    environ = present_request().environ
    raw = str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or "")
    if not is_dynamic(raw):
        return None
    record().path = _USERINFO.sub(r"\1***@", raw.partition("?")[0])
    check_client(_shown_to_the_proxy(), runtime().auth_keys)
    target = allowed_target(raw, runtime().clients.allowed_hosts)
    rule = rules[target.endpoint]
    record().route = f"/dynamic{rule.rule}"
    _check_method(rule)
    if rule.access.counted:
        limit_client(spends=rule.access.spends, dynamic=True)
    _, view = VIEWS[target.endpoint]
    return view(target)


def _check_method(rule: DeclaredRule) -> None:
    allowed = sorted((rule.methods or set()) - {"OPTIONS"})
    if request.method not in allowed:
        raise MethodNotAllowed(
            f"{request.method} is not allowed on {record().path}",
            headers={"allow": ", ".join((*allowed, "OPTIONS"))},
        )


def _shown_to_the_proxy() -> dict[str, str]:
    """The headers that may open this proxy: ``authorization`` is the upstream's."""
    headers = credential_headers()
    headers.pop("authorization", None)
    return headers


def _messages(target: DynamicTarget) -> Response:
    return answer_message(_body(target), _route_to(target))


def _count_tokens(target: DynamicTarget) -> Response:
    body = _body(target)
    return answer_count(parsed_body(body), len(body), _route_to(target))


def _models(target: DynamicTarget) -> Response:
    provider = dynamic_provider(target, runtime().settings.azure_api_version)
    url = dynamic_models_url(target, provider)
    entries = provider_entries(provider, url, credential(provider))
    # Names pass unchanged on the way back, so none is listed under an alias.
    return models_page(entries, aliases=False)


VIEWS: Mapping[Endpoint, tuple[str, Callable[[DynamicTarget], Response]]] = {
    "messages": ("messages.create_message", _messages),
    "count_tokens": ("tokens.count_tokens", _count_tokens),
    "models": ("models.list_models", _models),
}
"""For each end of a path the view whose declaration applies, and what answers in its place."""


def _body(target: DynamicTarget) -> bytes:
    """The request's body with the model of the path, which wins."""
    body = json_body()
    if target.model is None:
        return body
    return encoded(parse_json_object(body) | {"model": target.model})


def _route_to(target: DynamicTarget) -> Callable[[Mapping[str, Any]], Route]:
    settings = runtime().settings
    return lambda message_request: dynamic_route(
        target, message_request["model"], settings.tiktoken_model, settings.azure_api_version
    )
