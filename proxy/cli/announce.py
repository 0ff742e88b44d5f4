"""The start line, and warnings about a questionable configuration.

Rule: pure; the callers decide where the texts are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address

from config.registry.values import mode, registry_in_force
from config.settings import Settings
from config.urls import without_query
from proxy.access.admission import admission_warning
from proxy.access.limits.build import chosen_limits
from proxy.telemetry.tracing import missing_extras

MAX_MODELS_SHOWN = 5


def ready_line(settings: Settings, addresses: Iterable[str]) -> str:
    """``Listening on URL | mode: fixed | upstream: URL | models: BIG, SMALL``."""
    return f"Listening on {', '.join(addresses)} | {summary(settings)}"


def summary(settings: Settings) -> str:
    """``mode: fixed | upstream: URL | models: BIG, SMALL``; with a registry file its providers and
    first models."""
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
    shown = ", ".join(names[:MAX_MODELS_SHOWN])
    more = len(names) - MAX_MODELS_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "the models of the upstream"


def start_warnings(settings: Settings, *, open_files: int | None = None) -> tuple[str, ...]:
    """A line for each valid but questionable setting (docs/features.md "Modes and authentication").

    ``open_files`` is the process's limit of open files.
    """
    return (
        *settings.warnings,
        *_record_warning(settings),
        *missing_extras(settings),
        *_key_warnings(settings),
        *filter(None, (admission_warning(settings, open_files),)),
        *_limit_warnings(settings),
    )


def _record_warning(settings: Settings) -> Iterator[str]:
    if settings.record is not None:
        yield (
            f"CLAUDE_PROXY_RECORD is set: each exchange is recorded in {settings.record} with its "
            "prompts and answers; unset it when you have what you need"
        )


def _key_warnings(settings: Settings) -> Iterator[str]:
    registry = registry_in_force(settings)
    has_key = any(provider.api_keys for provider in registry.providers)
    key = "the registry's keys" if registry.from_file else "OPENAI_API_KEY"
    if settings.auth_keys and not has_key:
        yield f"CLAUDE_PROXY_AUTH_KEY is ignored: without {key} each client's key is sent upstream"
    if has_key and not settings.auth_keys and not is_loopback(settings.host):
        yield (
            f"no auth key is set: any client that can reach {settings.host}:{settings.port} can use "
            f"{key}: set CLAUDE_PROXY_AUTH_KEY, or listen on 127.0.0.1"
        )


def _limit_warnings(settings: Settings) -> Iterator[str]:
    if chosen_limits(settings) and settings.redis_url is None and settings.workers > 1:
        yield (
            f"each of the {settings.workers} workers counts rate limits separately: "
            "set CLAUDE_PROXY_REDIS_URL, or CLAUDE_PROXY_WORKERS=1"
        )


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
