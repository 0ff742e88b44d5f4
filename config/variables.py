"""Every variable: its names, its form, its meaning.

Rule: a variable stands here once; loading, ``--print-config``, the README's table and the tests
all read this table (docs/features.md "Configuration").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow.fields import Field

from config.fields import (
    BaseUrl,
    CaBundle,
    Choice,
    Hosts,
    Key,
    Keys,
    ListenHost,
    LogFile,
    Origins,
    ProxyUrl,
    ReadableFile,
    Seconds,
    Text,
    TokenCount,
    Truth,
    Whole,
)

PREFIX = "CLAUDE_PROXY_"
CUSTOM_HEADER_PREFIX = "CUSTOM_HEADER_"
"""``CUSTOM_HEADER_X_Y=v`` is sent upstream as ``X-Y: v``."""

LOG_LEVELS = {
    "debug": "DEBUG",
    "info": "INFO",
    "warning": "WARNING",
    "warn": "WARNING",
    "error": "ERROR",
    "critical": "CRITICAL",
}
MOST = 2**31 - 1
REGISTRY_FIELD = "config"
"""The setting that names the registry file."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One value that an operator can choose."""

    field: str
    """The attribute of ``Settings``."""
    names: tuple[str, ...]
    """Environment variables, the winning one first."""
    form: Field[Any]
    help: str
    default: str = "-"
    """As the README shows it."""
    secret: bool = False
    """Never shown, neither in an error nor by ``--print-config``."""
    bare_may_be_foreign: bool = False
    """Shells and tools export a variable of this name for purposes of their own."""


def _own(name: str) -> tuple[str, ...]:
    return (PREFIX + name,)


def _also_bare(name: str) -> tuple[str, ...]:
    return (PREFIX + name, name)


VARIABLES: tuple[Variable, ...] = (
    Variable("openai_api_key", ("OPENAI_API_KEY",), Key(), "key of the upstream", secret=True),
    Variable(
        "openai_base_url",
        ("OPENAI_BASE_URL",),
        BaseUrl(),
        "the upstream",
        "https://api.openai.com/v1",
    ),
    Variable(
        "auth_keys", _own("AUTH_KEY"), Keys(), "keys of clients, comma-separated", secret=True
    ),
    Variable(
        REGISTRY_FIELD,
        (*_own("CONFIG"), "CONFIG_PATH", "CUSTOM_MODELS_FILE"),
        ReadableFile(),
        "registry file with providers, models and routes",
    ),
    Variable("big_model", _also_bare("BIG_MODEL"), Text(), "model for opus and others", "gpt-4o"),
    Variable("middle_model", _also_bare("MIDDLE_MODEL"), Text(), "model for sonnet", "= BIG_MODEL"),
    Variable("small_model", _also_bare("SMALL_MODEL"), Text(), "model for haiku", "gpt-4o-mini"),
    Variable(
        "host",
        _also_bare("HOST"),
        ListenHost(),
        "address to listen on",
        "0.0.0.0",
        bare_may_be_foreign=True,
    ),
    Variable(
        "port",
        _also_bare("PORT"),
        Whole(0, 65535),
        "port to listen on; 0 takes a free one",
        "8085",
        bare_may_be_foreign=True,
    ),
    Variable(
        "log_level",
        _also_bare("LOG_LEVEL"),
        Choice(LOG_LEVELS),
        "debug, info, warning, error or critical",
        "INFO",
        bare_may_be_foreign=True,
    ),
    Variable(
        "log_format",
        _own("LOG_FORMAT"),
        Choice({"text": "text", "json": "json"}),
        "text or json",
        "text",
    ),
    Variable(
        "log_body_max_chars",
        _own("LOG_BODY_MAX_CHARS"),
        Whole(0, MOST),
        "characters of bodies that are logged; 0 = none",
        "0",
    ),
    Variable(
        "log_stream_text_preview_chars",
        _own("LOG_STREAM_TEXT_PREVIEW_CHARS"),
        Whole(0, MOST),
        "characters of streamed text that are logged; 0 = none",
        "0",
    ),
    Variable("log_file", _own("LOG_FILE"), LogFile(), "file for the log instead of stderr"),
    Variable("workers", _own("WORKERS"), Whole(1, 256), "worker processes", "min(4, cores)"),
    Variable(
        "worker_connections",
        _own("WORKER_CONNECTIONS"),
        Whole(1, 100_000),
        "connections that one worker takes",
        "1000",
    ),
    Variable(
        "connect_timeout",
        _own("CONNECT_TIMEOUT"),
        Seconds(),
        "seconds to connect to the upstream (REQUEST_TIMEOUT, where that is set)",
        "10",
    ),
    Variable(
        "first_byte_timeout",
        _own("FIRST_BYTE_TIMEOUT"),
        Seconds(),
        "seconds to the upstream's first byte (REQUEST_TIMEOUT, where that is set)",
        "600",
    ),
    Variable(
        "request_timeout",
        _also_bare("REQUEST_TIMEOUT"),
        Seconds(),
        "seconds between bytes of a stream",
        "90",
    ),
    Variable(
        "total_timeout",
        _own("TOTAL_TIMEOUT"),
        Seconds(off=True),
        "seconds for a whole request",
        "off",
    ),
    Variable(
        "max_retries",
        _also_bare("MAX_RETRIES"),
        Whole(0, 10),
        "repetitions on the same upstream after 408, 409, 5xx or a 429 with a short retry-after",
        "0",
    ),
    Variable(
        "failover_deadline",
        _own("FAILOVER_DEADLINE"),
        Seconds(),
        "seconds after which nothing more is tried: no repetition, other key or fallback",
        "60",
    ),
    Variable(
        "max_body_bytes",
        _own("MAX_BODY_BYTES"),
        Whole(1, 2**40),
        "longest request body; above it 413",
        "33554432",
    ),
    Variable(
        "body_timeout",
        _own("BODY_TIMEOUT"),
        Seconds(),
        "seconds for a request body to arrive; then 408",
        "30",
    ),
    Variable(
        "image_block_data_max_size",
        _also_bare("IMAGE_BLOCK_DATA_MAX_SIZE"),
        Whole(0, 2**40),
        "base64 characters of one image; 0 = no limit",
        "0",
    ),
    Variable(
        "graceful_timeout",
        _own("GRACEFUL_TIMEOUT"),
        Whole(1, 86_400),
        "seconds that running requests get at a stop",
        "60",
    ),
    Variable(
        "max_tokens_limit",
        _also_bare("MAX_TOKENS_LIMIT"),
        Whole(0, MOST, off=True),
        "most output tokens that are asked for; 0 = no limit",
    ),
    Variable(
        "min_tokens_limit",
        _also_bare("MIN_TOKENS_LIMIT"),
        Whole(0, MOST, off=True),
        "least output tokens that are asked for; 0 = no limit",
    ),
    Variable(
        "default_max_tokens",
        _also_bare("DEFAULT_MAX_TOKENS"),
        Whole(0, MOST, off=True),
        "output tokens where the client names none; 0 = none",
    ),
    Variable(
        "enable_token_estimation",
        _also_bare("ENABLE_TOKEN_ESTIMATION"),
        Truth(),
        "estimate usage that the upstream does not report",
        "true",
    ),
    Variable(
        "token_counting",
        _own("TOKEN_COUNTING"),
        Choice({"local": "local", "upstream": "upstream"}),
        "who answers count_tokens: `local` or `upstream` (a call of one token for each count)",
        "local",
    ),
    Variable(
        "local_token_counting",
        _also_bare("LOCAL_TOKEN_COUNTING"),
        Truth(),
        "false: as TOKEN_COUNTING=upstream, unless that is set",
        "true",
    ),
    Variable(
        "tiktoken_model",
        _also_bare("TIKTOKEN_MODEL"),
        Text(),
        "encoding, or model whose encoding counts tokens, for every model",
    ),
    Variable(
        "allowed_hosts",
        _also_bare("ALLOWED_HOSTS"),
        Hosts(),
        "hosts that clients may name in the path, comma-separated; `.name` is its subdomains",
    ),
    Variable(
        "allowed_origins",
        _also_bare("ALLOWED_ORIGINS"),
        Origins(),
        "web origins that may call (CORS), comma-separated",
    ),
    Variable("strict", _own("STRICT"), Truth(), "refuse what the newest API refuses", "false"),
    Variable("strict_models", _own("STRICT_MODELS"), Truth(), "unknown models are 404", "false"),
    Variable(
        "public_metrics",
        _own("PUBLIC_METRICS"),
        Truth(),
        "statistics for callers from elsewhere too, where no key is in force",
        "false",
    ),
    Variable(
        "router_default",
        _also_bare("ROUTER_DEFAULT"),
        Text(),
        "model for Claude's names where no other route applies",
    ),
    Variable(
        "router_think", _also_bare("ROUTER_THINK"), Text(), "model for requests with thinking"
    ),
    Variable(
        "router_background", _also_bare("ROUTER_BACKGROUND"), Text(), "model for haiku's names"
    ),
    Variable(
        "router_long_context",
        _also_bare("ROUTER_LONG_CONTEXT"),
        Text(),
        "model for requests above the threshold or above the chosen model's limit",
    ),
    Variable(
        "long_context_threshold",
        _also_bare("LONG_CONTEXT_THRESHOLD"),
        TokenCount(),
        "estimated input tokens above which a request is long; 0 = the model's own limit alone",
        "128k",
    ),
    Variable(
        "azure_api_version",
        _also_bare("AZURE_API_VERSION"),
        Text(),
        "api-version for Azure deployment URLs that name none",
        "2024-10-21",
    ),
    Variable(
        "https_proxy",
        (*_own("UPSTREAM_PROXY"), "HTTPS_PROXY", "https_proxy"),
        ProxyUrl(),
        "forward proxy for https upstreams",
        secret=True,
    ),
    Variable(
        "http_proxy",
        (*_own("UPSTREAM_PROXY"), "HTTP_PROXY", "http_proxy"),
        ProxyUrl(),
        "forward proxy for http upstreams",
        secret=True,
    ),
    Variable("no_proxy", ("NO_PROXY", "no_proxy"), Text(), "hosts reached without the proxy"),
    Variable(
        "ca_bundle",
        (*_own("CA_BUNDLE"), "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"),
        CaBundle(),
        "certificates that the upstream's is checked against",
        "those of the package certifi",
    ),
)
