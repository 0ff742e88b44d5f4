"""The operator's configuration as one frozen value, and how it is loaded.

Rule: only ``proxy.cli`` loads it (also for ``wsgi.py`` and ``deploy/``), at start and at a reload; all
other modules get it, or parts of it, as an argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from config.errors import ConfigError
from config.registry.entries import RegistryFile, load_registry_file
from config.registry.file import file_registry
from config.registry.values import Registry, is_anthropic
from config.sources import Checks, Resolution, chosen_file, resolve
from config.variables import server, upstream
from config.variables.row import PREFIX
from config.wrapping import without_wrapping

DRAIN_RESERVE = 5
"""Seconds of GRACEFUL_TIMEOUT that DRAIN_DELAY must leave to running requests."""
MODEL_SETTINGS = ("big_model", "middle_model", "small_model")
"""The models of Claude's model classes."""


@dataclass(frozen=True, kw_only=True)
class Settings(
    upstream.Upstream,
    upstream.Models,
    upstream.Attempts,
    upstream.Conversion,
    upstream.Tokens,
    upstream.Network,
    server.Server,
    server.Access,
    server.RateLimits,
    server.Log,
    server.Reports,
):
    """Every setting; the variables and their defaults are in ``config.variables``.

    Times are in seconds.
    """

    registry: Registry | None = field(default=None, repr=False)
    """Content of the registry file that ``config`` names."""
    custom_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Name and value of each header that is added to upstream requests."""
    unset_models: tuple[str, ...] = field(default=(), repr=False, compare=False)
    """The settings among MODEL_SETTINGS that no source names, so that they have their defaults."""
    warnings: tuple[str, ...] = field(default=(), compare=False)
    """Messages for the log about values that were ignored."""
    mistakes: tuple[str, ...] = field(default=(), compare=False)
    """Messages about variables that are not read; ``--check`` refuses them."""

    @property
    def counts_upstream(self) -> bool:
        """Whether the upstream counts the tokens for count_tokens."""
        if self.token_counting is None:
            return not self.local_token_counting
        return self.token_counting == "upstream"

    @property
    def traces_url(self) -> str | None:
        """URL that traces are sent to; None if tracing is off."""
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
    """The settings from all sources.

    ``dotenv`` is the content of a ``.env`` file; ``arguments`` are values from the command line by
    field, None if absent; ``checks`` are further checks by field. The only files that are opened are
    the registry file, CA bundles and the log file. Raises ``ConfigError``, which names every invalid
    variable.
    """
    found, file = read_sources(environ, dotenv or {}, arguments or {}, checks or {})
    if found.problems:
        raise ConfigError(found.problems)
    settings = Settings(
        **found.values,
        custom_headers=tuple((name, given.text) for name, given in found.headers.items()),
        unset_models=tuple(name for name in MODEL_SETTINGS if name not in found.given),
        warnings=tuple(found.warnings),
        mistakes=tuple(map(str, found.misnamed)),
    )
    _check_drain(settings)
    _check_protocol(settings)
    return settings if file is None else replace(settings, registry=file_registry(file, settings))


def _check_drain(settings: Settings) -> None:
    delay, graceful = settings.drain_delay, settings.graceful_timeout
    most = max(graceful - DRAIN_RESERVE, 0)
    if delay > most:
        raise ConfigError(
            [
                f"{PREFIX}DRAIN_DELAY={delay} must be at most {most}, "
                f"five seconds less than {PREFIX}GRACEFUL_TIMEOUT={graceful}"
            ]
        )


def _check_protocol(settings: Settings) -> None:
    if settings.openai_api != "auto" and is_anthropic(settings.openai_base_url):
        raise ConfigError(
            [
                f"OPENAI_API={settings.openai_api} is given together with the OPENAI_BASE_URL of "
                "Anthropic, to which requests are sent unchanged: remove one of them"
            ]
        )


def read_sources(
    environ: Mapping[str, str],
    dotenv: Mapping[str, str],
    arguments: Mapping[str, object],
    checks: Checks,
) -> tuple[Resolution, RegistryFile | None]:
    """The values from all sources including the registry file, and the content of that file.

    Problems are listed in the resolution, not raised.
    """
    path = chosen_file(environ, dotenv, arguments)
    if path is None:
        # No file is named, or ``resolve`` reports that it cannot be read.
        return resolve(environ, dotenv, arguments, checks), None
    try:
        file = load_registry_file(Path(path), {**dotenv, **without_wrapping(environ)})
    except ConfigError as error:
        found = resolve(environ, dotenv, arguments, checks)
        found.problems += error.problems
        return found, None
    found = resolve(environ, dotenv, arguments, checks, file.settings, file.key_variables)
    found.problems += file.problems
    return found, file
