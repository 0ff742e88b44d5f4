"""What the operator chose, as one frozen value.

Rule: read once at the edge (``wsgi.py``, ``proxy.cli``, ``deploy/``), handed in everywhere else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from config.errors import ConfigError
from config.registry.entries import RegistryFile, load_registry_file
from config.registry.file import file_registry
from config.registry.values import DEFAULT_BASE_URL, LONG_CONTEXT_THRESHOLD, Registry
from config.sources import Checks, Resolution, chosen_file, resolve
from config.variables import PREFIX

DRAIN_RESERVE = 5
"""Seconds of the graceful timeout that a drain delay must leave to running requests."""


def _default_workers() -> int:
    return min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its default (docs/features.md "Configuration"); times are in seconds."""

    openai_api_key: str | None = field(default=None, repr=False)
    openai_base_url: str = DEFAULT_BASE_URL
    auth_keys: tuple[str, ...] = field(default=(), repr=False)
    config: str | None = None
    """The registry file; what it says stands in ``registry``, and in the fields that it sets."""
    registry: Registry | None = field(default=None, repr=False)

    big_model: str = "gpt-4o"
    middle_model: str = "gpt-4o"
    small_model: str = "gpt-4o-mini"

    host: str = "0.0.0.0"
    port: int = 8085
    workers: int = field(default_factory=_default_workers)
    worker_connections: int = 1000
    max_concurrency: int = 900
    """Requests that one worker answers at a time."""
    graceful_timeout: int = 60
    """From the signal to stop until nothing runs any more, ``drain_delay`` included."""
    drain_delay: int = 0
    """How long a stopping server still takes requests."""

    log_level: str = "INFO"
    log_format: str = "text"
    log_body_max_chars: int = 0
    log_stream_text_preview_chars: int = 0
    log_file: str | None = None

    connect_timeout: float = 10.0
    first_byte_timeout: float = 600.0
    request_timeout: float = 90.0
    """Between bytes, once a stream's deltas flow."""
    total_timeout: float | None = None
    max_retries: int = 0
    failover_deadline: float = 60.0
    """From the beginning of a request; afterwards nothing more is tried for it."""

    max_body_bytes: int = 33_554_432
    body_timeout: float = 30.0
    image_block_data_max_size: int = 0
    """Characters of base64 in one image; 0 is no limit."""

    max_tokens_limit: int | None = None
    min_tokens_limit: int | None = None
    default_max_tokens: int | None = None
    enable_token_estimation: bool = True
    token_counting: str | None = None
    """``local`` or ``upstream``; None is what ``local_token_counting`` says."""
    local_token_counting: bool = True
    tiktoken_model: str | None = None
    """Whether it is known is checked where the tokenizers are, at the start."""

    allowed_hosts: tuple[str, ...] = ()
    """Hosts that clients may name in their paths, normalised; empty: dynamic routing is off."""
    allowed_origins: tuple[str, ...] = ()
    strict: bool = False
    strict_models: bool = False
    public_metrics: bool = False
    """Statistics for callers from elsewhere too, where no key is in force."""
    redis_url: str | None = field(default=None, repr=False)
    rate_limit_rpm: int | None = None
    rate_limit_tpm: int | None = None
    rate_limit_streams: int | None = None
    rate_limit_fail: str = "open"
    """``open`` or ``closed``: whether requests are served while Redis is away."""

    otel_endpoint: str | None = None
    otel_traces_endpoint: str | None = None
    otel_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    otel_service_name: str = "claude-proxy"
    sentry_dsn: str | None = field(default=None, repr=False)

    router_default: str | None = None
    router_think: str | None = None
    router_background: str | None = None
    router_long_context: str | None = None
    long_context_threshold: int | None = LONG_CONTEXT_THRESHOLD
    azure_api_version: str = "2024-10-21"
    custom_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Name and value of each header that is added to upstream requests."""

    https_proxy: str | None = field(default=None, repr=False)
    http_proxy: str | None = field(default=None, repr=False)
    no_proxy: str | None = None
    ca_bundle: str | None = None
    """None: the certificates of the package certifi."""

    warnings: tuple[str, ...] = field(default=(), compare=False)
    """What was ignored while loading, for the log."""

    @property
    def counts_upstream(self) -> bool:
        """True where the upstream is asked how many tokens a request has."""
        if self.token_counting is None:
            return not self.local_token_counting
        return self.token_counting == "upstream"

    @property
    def traces_url(self) -> str | None:
        """Where traces are sent; None where nobody collects them."""
        if self.otel_traces_endpoint is not None or self.otel_endpoint is None:
            return self.otel_traces_endpoint
        return f"{self.otel_endpoint.rstrip('/')}/v1/traces"

    @property
    def proxies(self) -> dict[str, str]:
        """Forward proxies by the scheme of the upstream's URL."""
        chosen = {"https": self.https_proxy, "http": self.http_proxy}
        return {scheme: url for scheme, url in chosen.items() if url is not None}


def load_settings(
    environ: Mapping[str, str],
    *,
    dotenv: Mapping[str, str] | None = None,
    arguments: Mapping[str, object] | None = None,
    checks: Checks | None = None,
) -> Settings:
    """The settings that the sources give together.

    ``dotenv`` is the content of a ``.env`` file; ``arguments`` are values from the command line by
    field, None where absent; ``checks`` are what only other packages can judge. Nothing outside
    the arguments is read but the files that CONFIG, CA_BUNDLE and LOG_FILE name. Raises ``ConfigError``
    naming every bad variable.
    """
    found, file = read_sources(environ, dotenv or {}, arguments or {}, checks or {})
    if found.problems:
        raise ConfigError(found.problems)
    settings = Settings(
        **found.values,
        custom_headers=tuple((name, given.text) for name, given in found.headers.items()),
        warnings=tuple(found.warnings),
    )
    _check_drain(settings)
    return settings if file is None else replace(settings, registry=file_registry(file, settings))


def _check_drain(settings: Settings) -> None:
    """Refuse a delay that leaves running requests no time."""
    delay, graceful = settings.drain_delay, settings.graceful_timeout
    if delay > max(graceful - DRAIN_RESERVE, 0):
        raise ConfigError(
            [
                f"{PREFIX}DRAIN_DELAY={delay} must be at most {max(graceful - DRAIN_RESERVE, 0)}, "
                f"five seconds less than {PREFIX}GRACEFUL_TIMEOUT={graceful}"
            ]
        )


def read_sources(
    environ: Mapping[str, str],
    dotenv: Mapping[str, str],
    arguments: Mapping[str, object],
    checks: Checks,
) -> tuple[Resolution, RegistryFile | None]:
    """What all sources say, the registry file among them, and what else is in that file.

    What is wrong with any of them is listed in the resolution's problems, not raised.
    """
    path = chosen_file(environ, dotenv, arguments)
    if path is None:
        # That a file is not there is among the resolution's problems.
        return resolve(environ, dotenv, arguments, checks), None
    try:
        file = load_registry_file(Path(path), {**dotenv, **environ})
    except ConfigError as error:
        found = resolve(environ, dotenv, arguments, checks)
        found.problems += error.problems
        return found, None
    found = resolve(environ, dotenv, arguments, checks, file.settings)
    found.problems += file.problems
    return found, file
