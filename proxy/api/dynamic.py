"""``/https/HOST/PREFIX/v1/messages``: the Messages endpoints with an upstream that the path names.

Rule: the raw request target decides, before the URL map, which only gets a decoded path. The access
declaration of the view applies. No DNS look-up, body read or connection is made before the client and the
host are allowed (docs/features.md "Dynamic routing").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flask import Flask, Response, request

from proxy.access.auth import check_client
from proxy.api.body import json_body, parsed_object
from proxy.api.candidates import credential
from proxy.api.context import credential_headers, present_request, record, runtime
from proxy.api.declaration import DeclaredRule, declared_rules
from proxy.api.limits import limit_client
from proxy.api.messages import answer_message
from proxy.api.models import models_page
from proxy.api.tokens import answer_count
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

_USERINFO = re.compile(r"^(/https?/)[^/]*@")
"""User information in the path. Such a request is refused, but its path is logged before that."""


def register_dynamic(app: Flask) -> None:
    """Add dynamic routes to ``app``; call it after the lifecycle hooks and all blueprints are registered."""
    rules = {rule.endpoint: rule for rule in declared_rules(app.url_map)}
    by_name = {name: rules[endpoint] for name, (endpoint, _) in VIEWS.items()}
    app.before_request(partial(answer_dynamic, by_name))


def answer_dynamic(rules: Mapping[Endpoint, DeclaredRule]) -> Response | None:
    """The answer to a request with a dynamic route; None for any other request.

    ``rules`` are those of the views. Without a raw target from the server there are no dynamic routes.
    """
    environ = present_request().environ
    raw = str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or "")
    if not is_dynamic(raw):
        return None
    record().path = _USERINFO.sub(r"\1***@", raw.partition("?")[0])
    record().client_key = check_client(_shown_to_the_proxy(), runtime().auth_keys)
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
    """The headers with a key of this proxy: not ``authorization``, which is for the upstream."""
    headers = credential_headers()
    headers.pop("authorization", None)
    return headers


def _messages(target: DynamicTarget) -> Response:
    return answer_message(_body(target), _route_to(target))


def _count_tokens(target: DynamicTarget) -> Response:
    body = _body(target)
    return answer_count(parsed_object(body), len(body), _route_to(target))


def _models(target: DynamicTarget) -> Response:
    provider = dynamic_provider(target, runtime().settings.azure_api_version)
    url = dynamic_models_url(target, provider)
    entries = provider_entries(provider, url, credential(provider))
    # Model names are not mapped for dynamic routes, so the list has no aliases.
    return models_page(entries, aliases=False)


VIEWS: Mapping[Endpoint, tuple[str, Callable[[DynamicTarget], Response]]] = {
    "messages": ("messages.create_message", _messages),
    "count_tokens": ("tokens.count_tokens", _count_tokens),
    "models": ("models.list_models", _models),
}
"""By the end of the path: the view whose declaration applies, and the function that answers instead."""


def _body(target: DynamicTarget) -> bytes:
    """The request's body with the model in the path, which takes precedence."""
    body = json_body()
    if target.model is None:
        return body
    return encoded(parsed_object(body) | {"model": target.model})


def _route_to(target: DynamicTarget) -> Callable[[Mapping[str, Any]], Route]:
    settings = runtime().settings
    return lambda message_request: dynamic_route(
        target, message_request["model"], settings.tiktoken_model, settings.azure_api_version
    )
