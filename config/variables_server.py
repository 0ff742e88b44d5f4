"""The variables that say how this server listens, logs, limits and stops.

Rule: what concerns upstreams and models stands in ``variables_upstream``.
"""

from __future__ import annotations

from config.fields import (
    Boolean,
    Choice,
    Integer,
    Keys,
    ListenHost,
    Origins,
    RedisUrl,
    Seconds,
    Text,
)
from config.file_fields import LogFile
from config.report_fields import OtlpEndpoint, OtlpHeaders, SentryDsn
from config.variable import MOST, Variable, also_bare, own

LOG_LEVELS = {
    "debug": "DEBUG",
    "info": "INFO",
    "warning": "WARNING",
    "warn": "WARNING",
    "error": "ERROR",
    "critical": "CRITICAL",
}

SERVER: tuple[Variable, ...] = (
    Variable("auth_keys", own("AUTH_KEY"), Keys(), "keys of clients, comma-separated", secret=True),
    Variable(
        "host",
        also_bare("HOST"),
        ListenHost(),
        "address to listen on",
        "0.0.0.0",
        bare_may_be_foreign=True,
    ),
    Variable(
        "port",
        also_bare("PORT"),
        Integer(0, 65535),
        "port to listen on; 0 takes a free one",
        "8085",
        bare_may_be_foreign=True,
    ),
    Variable(
        "log_level",
        also_bare("LOG_LEVEL"),
        Choice(LOG_LEVELS),
        "debug, info, warning, error or critical",
        "INFO",
        bare_may_be_foreign=True,
    ),
    Variable(
        "log_format",
        own("LOG_FORMAT"),
        Choice({"text": "text", "json": "json"}),
        "text or json",
        "text",
    ),
    Variable(
        "log_body_max_chars",
        own("LOG_BODY_MAX_CHARS"),
        Integer(0, MOST),
        "characters of bodies that are logged; 0 = none",
        "0",
    ),
    Variable(
        "log_stream_text_preview_chars",
        own("LOG_STREAM_TEXT_PREVIEW_CHARS"),
        Integer(0, MOST),
        "characters of streamed text that are logged; 0 = none",
        "0",
    ),
    Variable("log_file", own("LOG_FILE"), LogFile(), "file for the log instead of stderr"),
    Variable("workers", own("WORKERS"), Integer(1, 256), "worker processes", "min(4, cores)"),
    Variable(
        "worker_connections",
        own("WORKER_CONNECTIONS"),
        # One request, and the two that a worker keeps for probes (proxy/access/admission.py).
        Integer(3, 100_000),
        "connections that one worker takes",
        "1000",
    ),
    Variable(
        "max_concurrency",
        own("MAX_CONCURRENCY"),
        Integer(1, 100_000),
        "requests that one worker answers at a time, below WORKER_CONNECTIONS; the rest get 529",
        "900",
    ),
    Variable(
        "max_body_bytes",
        own("MAX_BODY_BYTES"),
        Integer(1, 2**40),
        "longest request body; above it 413",
        "33554432",
    ),
    Variable(
        "body_timeout",
        own("BODY_TIMEOUT"),
        Seconds(),
        "seconds for a request body to arrive; then 408",
        "30",
    ),
    Variable(
        "graceful_timeout",
        own("GRACEFUL_TIMEOUT"),
        Integer(1, 86_400),
        "seconds that running requests get at a stop",
        "60",
    ),
    Variable(
        "drain_delay",
        own("DRAIN_DELAY"),
        Integer(0, 3600),
        "seconds that a stopping server still takes requests while `/readyz` says 503",
        "0",
    ),
    Variable(
        "allowed_origins",
        also_bare("ALLOWED_ORIGINS"),
        Origins(),
        "web origins that may call (CORS), comma-separated",
    ),
    Variable(
        "public_metrics",
        own("PUBLIC_METRICS"),
        Boolean(),
        "statistics for callers from elsewhere too, where no key is in force",
        "false",
    ),
    Variable(
        "redis_url",
        own("REDIS_URL"),
        RedisUrl(),
        "Redis or Valkey, where rate limits and usage are shared by all workers and machines",
        secret=True,
    ),
    Variable(
        "rate_limit_rpm",
        own("RATE_LIMIT_RPM"),
        Integer(0, MOST, off=True),
        "requests a minute for each client key; 0 = no limit",
        "off",
    ),
    Variable(
        "rate_limit_tpm",
        own("RATE_LIMIT_TPM"),
        Integer(0, MOST, off=True),
        "tokens a minute, in and out, for each client key; 0 = no limit",
        "off",
    ),
    Variable(
        "rate_limit_streams",
        own("RATE_LIMIT_STREAMS"),
        Integer(0, MOST, off=True),
        "streams at a time for each client key; 0 = no limit",
        "off",
    ),
    Variable(
        "rate_limit_fail",
        own("RATE_LIMIT_FAIL"),
        Choice({"open": "open", "closed": "closed"}),
        "what happens to requests while Redis is away: `open` serves, `closed` refuses",
        "open",
    ),
    Variable(
        "otel_endpoint",
        ("OTEL_EXPORTER_OTLP_ENDPOINT",),
        OtlpEndpoint(),
        "OpenTelemetry collector that gets traces at /v1/traces below it (extra `otel`)",
    ),
    Variable(
        "otel_traces_endpoint",
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",),
        OtlpEndpoint(),
        "the same, as the whole URL; wins",
    ),
    Variable(
        "otel_headers",
        ("OTEL_EXPORTER_OTLP_HEADERS",),
        OtlpHeaders(),
        "headers for the collector, `name=value,name=value`",
        secret=True,
    ),
    Variable(
        "otel_service_name",
        ("OTEL_SERVICE_NAME",),
        Text(),
        "name of this service in traces",
        "claude-proxy",
    ),
    Variable(
        "sentry_dsn",
        ("SENTRY_DSN",),
        SentryDsn(),
        "Sentry project that gets bugs and error lines (extra `sentry`)",
        secret=True,
    ),
)
