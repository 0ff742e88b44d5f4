"""The variables about upstreams and models: addresses, names, timeouts, conversion, token counts.

Rule: variables about this server itself are in ``server``.
"""

from __future__ import annotations

from dataclasses import dataclass

from config.fields import (
    BaseUrl,
    Boolean,
    Choice,
    Hosts,
    Integer,
    IntegerOrOff,
    Key,
    ProxyUrl,
    Seconds,
    SecondsOrOff,
    Text,
    TokenCount,
)
from config.file_fields import CaBundle, ReadableFile
from config.registry.values import (
    APIS,
    AZURE_API_VERSION,
    DEFAULT_BASE_URL,
    LONG_CONTEXT_THRESHOLD,
)
from config.variables.row import MAX_INT, also_bare, own, setting


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """Upstream"""

    openai_api_key: str | None = setting(
        None,
        Key(),
        ("OPENAI_API_KEY",),
        "API key for the upstream; if not set, the key of each client is passed through",
        example="sk-...",
        secret=True,
    )
    openai_base_url: str = setting(
        DEFAULT_BASE_URL, BaseUrl(), ("OPENAI_BASE_URL",), "Base URL of the upstream"
    )
    openai_api: str = setting(
        "auto",
        Choice({name: name for name in APIS}),
        ("OPENAI_API", *own("OPENAI_API")),
        "Protocol of the upstream: `chat` (Chat Completions), `responses` (Responses, also chosen by a "
        "base URL that ends in `/responses`), or `auto`: as docs/providers.md says for its provider",
        mistaken_for_secret=True,
    )
    config: str | None = setting(
        None,
        ReadableFile(),
        (*own("CONFIG"), "CONFIG_PATH", "CUSTOM_MODELS_FILE"),
        "Registry file (YAML or JSON) with providers, models and routes",
        example="/etc/claude-proxy/providers.yaml",
    )
    azure_api_version: str = setting(
        AZURE_API_VERSION,
        Text(),
        also_bare("AZURE_API_VERSION"),
        "`api-version` for Azure deployment URLs that do not contain one",
    )
    allowed_hosts: tuple[str, ...] = setting(
        (),
        Hosts(),
        also_bare("ALLOWED_HOSTS"),
        "Upstream hosts that clients may name in the path, comma-separated; `.name` allows the "
        "subdomains of `name`; if not set, dynamic routing is off",
        example="qiniu.com,.qiniu.com,sufy.com,.sufy.com,qnaigc.com,.qnaigc.com",
    )


@dataclass(frozen=True, kw_only=True)
class Models:
    """Models"""

    big_model: str = setting(
        "gpt-4o",
        Text(),
        also_bare("BIG_MODEL"),
        "Upstream model for Claude's opus names and all Claude names without a tier; if not set, an "
        "upstream other than OpenAI and Azure that lists exactly one model gets that one",
    )
    middle_model: str = setting(
        "gpt-4o",
        Text(),
        also_bare("MIDDLE_MODEL"),
        "Upstream model for Claude's sonnet names",
        shown="= BIG_MODEL",
        example="gpt-4o",
        follows="big_model",
    )
    small_model: str = setting(
        "gpt-4o-mini",
        Text(),
        also_bare("SMALL_MODEL"),
        "Upstream model for Claude's haiku names; the default is for OpenAI and Azure, elsewhere it is "
        "BIG_MODEL",
    )
    strict_models: bool = setting(
        False,
        Boolean(),
        own("STRICT_MODELS"),
        "`true`: a model that is not registered is refused with 404",
    )
    router_default: str | None = setting(
        None,
        Text(),
        also_bare("ROUTER_DEFAULT"),
        "Model for Claude's names if no other `ROUTER_` variable applies",
        example="gpt-4o",
    )
    router_think: str | None = setting(
        None,
        Text(),
        also_bare("ROUTER_THINK"),
        "Model for requests with thinking enabled",
        example="o3",
    )
    router_background: str | None = setting(
        None,
        Text(),
        also_bare("ROUTER_BACKGROUND"),
        "Model for Claude's haiku names",
        example="gpt-4o-mini",
    )
    router_long_context: str | None = setting(
        None,
        Text(),
        also_bare("ROUTER_LONG_CONTEXT"),
        "Model for requests longer than LONG_CONTEXT_THRESHOLD or than the chosen model's limit",
        example="gpt-4.1",
    )
    long_context_threshold: int | None = setting(
        LONG_CONTEXT_THRESHOLD,
        TokenCount(),
        also_bare("LONG_CONTEXT_THRESHOLD"),
        "Estimated input tokens (such as `128k`) above which a request is long; 0: only the "
        "model's own limit counts",
    )


@dataclass(frozen=True, kw_only=True)
class Attempts:
    """Timeouts and retries"""

    connect_timeout: float = setting(
        10.0,
        Seconds(),
        own("CONNECT_TIMEOUT"),
        "Seconds to look up the upstream's name and connect to it; if not set: REQUEST_TIMEOUT if that is set",
        follows="request_timeout",
    )
    first_byte_timeout: float = setting(
        600.0,
        Seconds(),
        own("FIRST_BYTE_TIMEOUT"),
        "Seconds until the upstream's first byte; if not set: REQUEST_TIMEOUT if that is set",
        follows="request_timeout",
    )
    request_timeout: float = setting(
        300.0,
        Seconds(),
        also_bare("REQUEST_TIMEOUT"),
        "Seconds between two reads of a stream after its first byte",
    )
    content_timeout: float | None = setting(
        None,
        Seconds(),
        own("CONTENT_TIMEOUT"),
        "Seconds between two reads with output of the model after the first, in a stream that goes "
        "on with comments, pings or empty deltas",
        shown="= FIRST_BYTE_TIMEOUT",
        example="600",
    )
    early_start: float | None = setting(
        45.0,
        SecondsOrOff(),
        own("EARLY_START"),
        "Seconds without the upstream's answer after which a stream begins with pings, so that nothing "
        "between client and proxy closes it; 0: never",
    )
    total_timeout: float | None = setting(
        None,
        SecondsOrOff(),
        own("TOTAL_TIMEOUT"),
        "Seconds for a whole request; `off` or 0: no limit",
        shown="off",
    )
    max_retries: int = setting(
        0,
        Integer(0, 10),
        also_bare("MAX_RETRIES"),
        "Retries on the same upstream after 408, 409, 5xx or a 429 with a short `retry-after`",
    )
    failover_deadline: float = setting(
        60.0,
        Seconds(),
        own("FAILOVER_DEADLINE"),
        "Seconds from the start of a request, and again from an early start, after which there is no "
        "retry, no other key and no fallback",
    )


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """Conversion"""

    strict: bool = setting(
        False,
        Boolean(),
        own("STRICT"),
        "`true`: validate requests as strictly as the newest Messages API",
    )
    image_block_data_max_size: int = setting(
        0,
        Integer(0, 2**40),
        also_bare("IMAGE_BLOCK_DATA_MAX_SIZE"),
        "Maximum size of one image in base64 characters; 0: no limit",
    )
    max_tokens_limit: int | None = setting(
        None,
        IntegerOrOff(0, MAX_INT),
        also_bare("MAX_TOKENS_LIMIT"),
        "Upper limit in tokens for the `max_tokens` sent upstream; 0: no limit",
        example="16384",
    )
    min_tokens_limit: int | None = setting(
        None,
        IntegerOrOff(0, MAX_INT),
        also_bare("MIN_TOKENS_LIMIT"),
        "Lower limit in tokens for the `max_tokens` sent upstream; 0: no limit",
        example="100",
    )
    default_max_tokens: int | None = setting(
        None,
        IntegerOrOff(0, MAX_INT),
        also_bare("DEFAULT_MAX_TOKENS"),
        "`max_tokens` sent for requests without a positive one; 0: no default",
        example="8192",
    )


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Token counts"""

    enable_token_estimation: bool = setting(
        True,
        Boolean(),
        also_bare("ENABLE_TOKEN_ESTIMATION"),
        "`true`: estimate usage that the upstream does not report; `false`: it is 0",
    )
    token_counting: str | None = setting(
        None,
        Choice({"local": "local", "upstream": "upstream"}),
        own("TOKEN_COUNTING"),
        "Where tokens are counted for count_tokens: `local`, or `upstream` (one call with one output "
        "token for each count)",
        shown="local",
    )
    local_token_counting: bool = setting(
        True,
        Boolean(),
        also_bare("LOCAL_TOKEN_COUNTING"),
        "`false`: same as TOKEN_COUNTING=upstream; ignored if TOKEN_COUNTING is set",
    )
    count_tokens_details: bool = setting(
        False,
        Boolean(),
        own("COUNT_TOKENS_DETAILS"),
        "`true`: the answer of count_tokens also has `type`, `cache_creation_input_tokens` and "
        "`cache_read_input_tokens`, as that of some older proxies",
    )
    tiktoken_model: str | None = setting(
        None,
        Text(),
        also_bare("TIKTOKEN_MODEL"),
        "tiktoken encoding, or an OpenAI model that has it, to count the tokens of every model",
        example="o200k_base",
    )


@dataclass(frozen=True, kw_only=True)
class Network:
    """Network"""

    https_proxy: str | None = setting(
        None,
        ProxyUrl(),
        (*own("UPSTREAM_PROXY"), "HTTPS_PROXY", "https_proxy"),
        "Forward proxy for https upstreams",
        example="http://proxy.example.com:3128",
        secret=True,
    )
    http_proxy: str | None = setting(
        None,
        ProxyUrl(),
        (*own("UPSTREAM_PROXY"), "HTTP_PROXY", "http_proxy"),
        "Forward proxy for http upstreams",
        example="http://proxy.example.com:3128",
        secret=True,
    )
    no_proxy: str | None = setting(
        None,
        Text(),
        ("NO_PROXY", "no_proxy"),
        "Hosts that are reached without the forward proxy, comma-separated",
        example="localhost,10.0.0.0/8",
    )
    ca_bundle: str | None = setting(
        None,
        CaBundle(),
        (*own("CA_BUNDLE"), "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"),
        "CA certificates that upstream certificates are verified with: a PEM file, or a directory "
        "of them",
        shown="certificates of the package certifi",
        example="/etc/ssl/certs/ca-certificates.crt",
    )
