"""What the operator chose, as one frozen value.

Rule: read once at the edge (``wsgi.py``, ``proxy.cli``, ``deploy/``), handed in everywhere else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from config.errors import ConfigError
from config.sources import Checks, resolve


def _default_workers() -> int:
    return min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its default (docs/features.md "Configuration"); times are in seconds."""

    openai_api_key: str | None = field(default=None, repr=False)
    openai_base_url: str = "https://api.openai.com/v1"
    auth_keys: tuple[str, ...] = field(default=(), repr=False)

    big_model: str = "gpt-4o"
    middle_model: str = "gpt-4o"
    small_model: str = "gpt-4o-mini"

    host: str = "0.0.0.0"
    port: int = 8085
    workers: int = field(default_factory=_default_workers)
    worker_connections: int = 1000
    graceful_timeout: int = 60

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

    max_body_bytes: int = 33_554_432
    body_timeout: float = 30.0
    image_block_data_max_size: int = 0
    """Characters of base64 in one image; 0 is no limit."""

    max_tokens_limit: int | None = None
    min_tokens_limit: int | None = None
    default_max_tokens: int | None = None
    enable_token_estimation: bool = True
    tiktoken_model: str | None = None
    """Whether it is known is checked where the tokenizers are, at the start."""

    allowed_origins: tuple[str, ...] = ()
    strict: bool = False
    strict_models: bool = False
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
    the arguments is read but the files that CA_BUNDLE and LOG_FILE name. Raises ``ConfigError``
    naming every bad variable.
    """
    found = resolve(environ, dotenv or {}, arguments or {}, checks or {})
    if found.problems:
        raise ConfigError(found.problems)
    return Settings(
        **found.values,
        custom_headers=tuple((name, given.text) for name, given in found.headers.items()),
        warnings=tuple(found.warnings),
    )
