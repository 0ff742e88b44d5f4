"""The route to a host that a client named in its path.

Rule: such a provider has no key and no extra headers of the operator; its profile depends on its host
and model as for every provider (docs/features.md "Dynamic routing").
"""

from __future__ import annotations

from config.registry.values import Provider
from config.urls import models_url
from proxy.errors import PermissionDenied
from proxy.providers.allowed_hosts import HostRules
from proxy.providers.dynamic_path import DynamicTarget, parse_dynamic_target, upstream_path
from proxy.providers.profiles import base_path_for, overridden, profile_for
from proxy.providers.routing import Route, protocol_flags
from proxy.tokens.encodings import encoding_for


def allowed_target(raw: str, rules: HostRules) -> DynamicTarget:
    """The parts of a raw request target whose host ``rules`` allow.

    Raises ``PermissionDenied`` (also for a target that does not match the grammar) or ``NotFound``.
    """
    target = parse_dynamic_target(raw)
    if not rules:
        raise PermissionDenied("dynamic routing is off: CLAUDE_PROXY_ALLOWED_HOSTS lists no host")
    if not rules.allows(target.host, target.port_number):
        raise PermissionDenied(f"the host {target.authority} is not allowed here")
    return target


def dynamic_provider(target: DynamicTarget, azure_api_version: str) -> Provider:
    """The upstream that ``target`` names. Its name is the host; its URL has the client's query.

    ``azure_api_version`` is used for Azure's deployments if that query has no ``api-version``.
    """
    base_path = base_path_for(target.authority, target.prefix)
    path = upstream_path(target) if base_path is None else base_path
    query = f"?{target.query}" if target.query else ""
    return Provider(
        name=target.authority,
        base_url=f"{target.scheme}://{target.authority}{path}{query}",
        dynamic=True,
        azure_api_version=azure_api_version,
    )


def dynamic_route(
    target: DynamicTarget, model: str, encoding: str | None, azure_api_version: str
) -> Route:
    """The route for ``model``, whose name is sent unchanged.

    ``encoding`` is the operator's override of the encoding for every model.
    """
    provider = dynamic_provider(target, azure_api_version)
    return Route(
        provider=provider,
        model=model,
        profile=overridden(
            profile_for(target.authority, model, path=target.prefix), protocol_flags(provider)
        ),
        base_path=base_path_for(target.authority, target.prefix),
        encoding=encoding_for(model, encoding),
        reason="path",
    )


def dynamic_models_url(target: DynamicTarget, provider: Provider) -> str:
    """The URL of the model list of ``provider``, the upstream that ``target`` names."""
    base_path = base_path_for(target.authority, target.prefix)
    return models_url(provider, base_path)
