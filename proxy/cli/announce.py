"""What an operator is told at the start: one line, and what looks like a mistake.

Rule: text from values; the callers decide where it goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from config.registry.values import mode, registry_in_force
from config.settings import Settings
from config.urls import without_query
from proxy.access.admission import admission_warning
from proxy.access.limits.build import chosen_limits
from proxy.telemetry.tracing import missing_extras

MODELS_SHOWN = 5


def ready_line(settings: Settings, addresses: Iterable[str]) -> str:
    """``Listening on URL | mode: fixed | upstream: URL | models: BIG, SMALL``."""
    return f"Listening on {', '.join(addresses)} | {summary(settings)}"


def summary(settings: Settings) -> str:
    """``mode: fixed | upstream: URL | models: BIG, SMALL``; of a registry file its providers and
    its first models."""
    registry = registry_in_force(settings)
    if registry.from_file:
        upstream = f"upstreams: {', '.join(provider.name for provider in registry.providers)}"
        models = _first_few([model.id for model in registry.models])
    else:
        upstream = f"upstream: {without_query(settings.openai_base_url)}"
        tiers = (settings.big_model, settings.middle_model, settings.small_model)
        models = ", ".join(dict.fromkeys(tiers))
    return f"mode: {mode(registry.providers)} | {upstream} | models: {models}"


def _first_few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MODELS_SHOWN])
    more = len(names) - MODELS_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "those of the upstream"


def start_warnings(settings: Settings, *, open_files: int | None = None) -> tuple[str, ...]:
    """What works but is hardly meant (docs/features.md "Modes and authentication").

    ``open_files`` is how many files the process may open.
    """
    warnings = [*settings.warnings, *missing_extras(settings)]
    registry = registry_in_force(settings)
    has_key = any(provider.api_keys for provider in registry.providers)
    key = "the registry's keys" if registry.from_file else "OPENAI_API_KEY"
    if settings.auth_keys and not has_key:
        warnings.append(
            f"CLAUDE_PROXY_AUTH_KEY is ignored: without {key} each client's own key goes upstream"
        )
    if has_key and not settings.auth_keys and not is_loopback(settings.host):
        warnings.append(
            f"whoever reaches {settings.host}:{settings.port} can spend {key}: "
            "set CLAUDE_PROXY_AUTH_KEY, or listen on 127.0.0.1"
        )
    lowered = admission_warning(settings, open_files)
    if lowered is not None:
        warnings.append(lowered)
    if chosen_limits(settings) and settings.redis_url is None and settings.workers > 1:
        warnings.append(
            f"each of the {settings.workers} workers counts rate limits for itself: "
            "set CLAUDE_PROXY_REDIS_URL, or CLAUDE_PROXY_WORKERS=1"
        )
    return tuple(warnings)


def is_loopback(host: str) -> bool:
    """True when only this machine can reach ``host``."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
