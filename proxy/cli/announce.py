"""The start line, and warnings about a questionable configuration.

Rule: pure; the callers decide where the texts are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from config.registry.values import is_anthropic, mode, registry_in_force
from config.settings import Settings
from config.urls import without_query
from proxy.access.admission import admission_warning
from proxy.access.limits.build import chosen_limits
from proxy.providers.default_models import are_routed, tiers_in_force, undecided_tiers
from proxy.providers.profiles.lookup import vendor_for
from proxy.providers.profiles.vendors import UNKNOWN
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
        models = ", ".join(dict.fromkeys(tiers_in_force(settings, registry)))
        if undecided_tiers(settings, registry):
            models = f"the only one of the upstream, else {models}"
    return f"mode: {mode(registry.providers)} | {upstream} | models: {models}"


def _first_few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MAX_MODELS_SHOWN])
    more = len(names) - MAX_MODELS_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "the models of the upstream"


def unconfigured(settings: Settings, command: str) -> str | None:
    """What a first start without any setting does, and what to do; None if there is a setting.

    ``command``: how this shell calls ``claude-proxy``.
    """
    unset = Settings()
    same = (
        settings.openai_base_url == unset.openai_base_url
        and settings.big_model == unset.big_model
        and settings.openai_api_key is None
    )
    if not same or registry_in_force(settings).from_file:
        return None
    return (
        "No provider is configured, in the environment or in .env here: each client's own key is "
        f"sent to {settings.openai_base_url}. "
        f"To choose a provider, a key and models, stop this and run: {command} init"
    )


def start_warnings(settings: Settings, *, open_files: int | None = None) -> tuple[str, ...]:
    """A line for each valid but questionable setting (docs/features.md "Modes and authentication").

    ``open_files`` is the process's limit of open files.
    """
    return (
        *settings.mistakes,
        *settings.warnings,
        *_record_warning(settings),
        *missing_extras(settings),
        *_key_warnings(settings),
        *_model_warnings(settings),
        *_plain_http_warnings(settings),
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


def _model_warnings(settings: Settings) -> Iterator[str]:
    registry = registry_in_force(settings)
    if undecided_tiers(settings, registry) and not are_routed(registry):
        models = " and ".join(dict.fromkeys(tiers_in_force(settings, registry)))
        yield (
            f"CLAUDE_PROXY_BIG_MODEL is not set and the upstream {registry.default.name} is not OpenAI: "
            "Claude's names are sent to its only model if it lists exactly one, else to "
            f"{models}, which it may not have: set CLAUDE_PROXY_BIG_MODEL"
        )


def _plain_http_warnings(settings: Settings) -> Iterator[str]:
    for provider in registry_in_force(settings).providers:
        parts = urlsplit(provider.base_url)
        known = is_anthropic(provider.base_url) or vendor_for(parts.hostname or "") is not UNKNOWN
        if parts.scheme == "http" and known:
            yield (
                f"http://{parts.hostname} sends keys and prompts unencrypted: "
                f"write https://{parts.hostname}"
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
