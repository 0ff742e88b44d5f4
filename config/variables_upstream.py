"""The variables that say where requests go and what is sent there.

Rule: what concerns this server itself stands in ``variables_server``.
"""

from __future__ import annotations

from config.fields import (
    BaseUrl,
    Boolean,
    Choice,
    Hosts,
    Integer,
    Key,
    ProxyUrl,
    Seconds,
    Text,
    TokenCount,
)
from config.file_fields import CaBundle, ReadableFile
from config.variable import MOST, Variable, also_bare, own

REGISTRY_FIELD = "config"
"""The setting that names the registry file."""

UPSTREAM: tuple[Variable, ...] = (
    Variable("openai_api_key", ("OPENAI_API_KEY",), Key(), "key of the upstream", secret=True),
    Variable(
        "openai_base_url",
        ("OPENAI_BASE_URL",),
        BaseUrl(),
        "the upstream",
        "https://api.openai.com/v1",
    ),
    Variable(
        REGISTRY_FIELD,
        (*own("CONFIG"), "CONFIG_PATH", "CUSTOM_MODELS_FILE"),
        ReadableFile(),
        "registry file with providers, models and routes",
    ),
    Variable("big_model", also_bare("BIG_MODEL"), Text(), "model for opus and others", "gpt-4o"),
    Variable("middle_model", also_bare("MIDDLE_MODEL"), Text(), "model for sonnet", "= BIG_MODEL"),
    Variable("small_model", also_bare("SMALL_MODEL"), Text(), "model for haiku", "gpt-4o-mini"),
    Variable(
        "connect_timeout",
        own("CONNECT_TIMEOUT"),
        Seconds(),
        "seconds to connect to the upstream (REQUEST_TIMEOUT, where that is set)",
        "10",
    ),
    Variable(
        "first_byte_timeout",
        own("FIRST_BYTE_TIMEOUT"),
        Seconds(),
        "seconds to the upstream's first byte (REQUEST_TIMEOUT, where that is set)",
        "600",
    ),
    Variable(
        "request_timeout",
        also_bare("REQUEST_TIMEOUT"),
        Seconds(),
        "seconds between bytes of a stream",
        "90",
    ),
    Variable(
        "total_timeout",
        own("TOTAL_TIMEOUT"),
        Seconds(off=True),
        "seconds for a whole request",
        "off",
    ),
    Variable(
        "max_retries",
        also_bare("MAX_RETRIES"),
        Integer(0, 10),
        "repetitions on the same upstream after 408, 409, 5xx or a 429 with a short retry-after",
        "0",
    ),
    Variable(
        "failover_deadline",
        own("FAILOVER_DEADLINE"),
        Seconds(),
        "seconds after which nothing more is tried: no repetition, other key or fallback",
        "60",
    ),
    Variable(
        "image_block_data_max_size",
        also_bare("IMAGE_BLOCK_DATA_MAX_SIZE"),
        Integer(0, 2**40),
        "base64 characters of one image; 0 = no limit",
        "0",
    ),
    Variable(
        "max_tokens_limit",
        also_bare("MAX_TOKENS_LIMIT"),
        Integer(0, MOST, off=True),
        "most output tokens that are asked for; 0 = no limit",
    ),
    Variable(
        "min_tokens_limit",
        also_bare("MIN_TOKENS_LIMIT"),
        Integer(0, MOST, off=True),
        "least output tokens that are asked for; 0 = no limit",
    ),
    Variable(
        "default_max_tokens",
        also_bare("DEFAULT_MAX_TOKENS"),
        Integer(0, MOST, off=True),
        "output tokens where the client names none; 0 = none",
    ),
    Variable(
        "enable_token_estimation",
        also_bare("ENABLE_TOKEN_ESTIMATION"),
        Boolean(),
        "estimate usage that the upstream does not report",
        "true",
    ),
    Variable(
        "token_counting",
        own("TOKEN_COUNTING"),
        Choice({"local": "local", "upstream": "upstream"}),
        "who answers count_tokens: `local` or `upstream` (a call of one token for each count)",
        "local",
    ),
    Variable(
        "local_token_counting",
        also_bare("LOCAL_TOKEN_COUNTING"),
        Boolean(),
        "false: as TOKEN_COUNTING=upstream, unless that is set",
        "true",
    ),
    Variable(
        "tiktoken_model",
        also_bare("TIKTOKEN_MODEL"),
        Text(),
        "encoding, or model whose encoding counts tokens, for every model",
    ),
    Variable(
        "allowed_hosts",
        also_bare("ALLOWED_HOSTS"),
        Hosts(),
        "hosts that clients may name in the path, comma-separated; `.name` is its subdomains",
    ),
    Variable("strict", own("STRICT"), Boolean(), "refuse what the newest API refuses", "false"),
    Variable("strict_models", own("STRICT_MODELS"), Boolean(), "unknown models are 404", "false"),
    Variable(
        "router_default",
        also_bare("ROUTER_DEFAULT"),
        Text(),
        "model for Claude's names where no other route applies",
    ),
    Variable("router_think", also_bare("ROUTER_THINK"), Text(), "model for requests with thinking"),
    Variable(
        "router_background", also_bare("ROUTER_BACKGROUND"), Text(), "model for haiku's names"
    ),
    Variable(
        "router_long_context",
        also_bare("ROUTER_LONG_CONTEXT"),
        Text(),
        "model for requests above the threshold or above the chosen model's limit",
    ),
    Variable(
        "long_context_threshold",
        also_bare("LONG_CONTEXT_THRESHOLD"),
        TokenCount(),
        "estimated input tokens above which a request is long; 0 = the model's own limit alone",
        "128k",
    ),
    Variable(
        "azure_api_version",
        also_bare("AZURE_API_VERSION"),
        Text(),
        "api-version for Azure deployment URLs that name none",
        "2024-10-21",
    ),
    Variable(
        "https_proxy",
        (*own("UPSTREAM_PROXY"), "HTTPS_PROXY", "https_proxy"),
        ProxyUrl(),
        "forward proxy for https upstreams",
        secret=True,
    ),
    Variable(
        "http_proxy",
        (*own("UPSTREAM_PROXY"), "HTTP_PROXY", "http_proxy"),
        ProxyUrl(),
        "forward proxy for http upstreams",
        secret=True,
    ),
    Variable("no_proxy", ("NO_PROXY", "no_proxy"), Text(), "hosts reached without the proxy"),
    Variable(
        "ca_bundle",
        (*own("CA_BUNDLE"), "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"),
        CaBundle(),
        "certificates that the upstream's is checked against",
        "those of the package certifi",
    ),
)
