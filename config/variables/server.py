"""The variables about this server: how it listens, limits, logs, reports and stops.

Rule: variables about upstreams and models are in ``upstream``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from config.fields import (
    Boolean,
    Choice,
    Integer,
    IntegerOrOff,
    Keys,
    ListenHost,
    Origins,
    RedisUrl,
    Seconds,
    Text,
)
from config.file_fields import LogFile, RecordDirectory
from config.telemetry_fields import OtlpEndpoint, OtlpHeaders, SentryDsn
from config.variables.row import MAX_INT, also_bare, own, setting

LOG_LEVELS = {
    "debug": "DEBUG",
    "info": "INFO",
    "warning": "WARNING",
    "warn": "WARNING",
    "error": "ERROR",
    "critical": "CRITICAL",
}


@dataclass(frozen=True, kw_only=True)
class Server:
    """Server"""

    host: str = setting(
        "0.0.0.0",
        ListenHost(),
        also_bare("HOST"),
        "Address to listen on",
        bare_may_be_foreign=True,
    )
    port: int = setting(
        8085,
        Integer(0, 65535),
        also_bare("PORT"),
        "Port to listen on; 0: any free port",
        bare_may_be_foreign=True,
    )
    workers: int = setting(
        min(4, os.cpu_count() or 1),
        Integer(1, 256),
        own("WORKERS"),
        "Number of worker processes",
        shown="min(4, cores)",
        example="4",
    )
    worker_connections: int = setting(
        1000,
        # At least one for a request, and two that are reserved for probes (proxy/access/admission.py).
        Integer(3, 100_000),
        own("WORKER_CONNECTIONS"),
        "Client connections for each worker",
    )
    max_concurrency: int = setting(
        900,
        Integer(1, 100_000),
        own("MAX_CONCURRENCY"),
        "Concurrent requests for each worker, less than WORKER_CONNECTIONS; above it: 529",
    )
    max_body_bytes: int = setting(
        33_554_432,
        Integer(1, 2**40),
        own("MAX_BODY_BYTES"),
        "Maximum size of a request body in bytes; above it: 413",
    )
    body_timeout: float = setting(
        30.0,
        Seconds(),
        own("BODY_TIMEOUT"),
        "Seconds for a request body to arrive; then: 408",
    )
    write_timeout: float = setting(
        60.0,
        Seconds(),
        own("WRITE_TIMEOUT"),
        "Seconds for which a client may leave its answer unread (less than 256 bytes a second); then "
        "its connection is closed, under full load after 5",
    )
    graceful_timeout: int = setting(
        60,
        Integer(1, 86_400),
        own("GRACEFUL_TIMEOUT"),
        "Seconds from the stop signal to the end of the process, DRAIN_DELAY included",
    )
    drain_delay: int = setting(
        0,
        Integer(0, 3600),
        own("DRAIN_DELAY"),
        "Seconds for which a stopping server still accepts requests while `/readyz` answers 503",
        example="10",
    )


@dataclass(frozen=True, kw_only=True)
class Access:
    """Access"""

    auth_keys: tuple[str, ...] = setting(
        (),
        Keys(),
        own("AUTH_KEY"),
        "Keys that clients must send, comma-separated",
        example="key-of-alice,key-of-bob",
        secret=True,
    )
    allowed_origins: tuple[str, ...] = setting(
        (),
        Origins(),
        also_bare("ALLOWED_ORIGINS"),
        "Web origins whose pages may send requests (CORS), comma-separated, or `*`",
        example="https://app.example.com",
    )
    public_metrics: bool = setting(
        False,
        Boolean(),
        own("PUBLIC_METRICS"),
        "`true`: if no auth key is set, clients on other machines may read the statistics too",
    )


@dataclass(frozen=True, kw_only=True)
class RateLimits:
    """Rate limits for each client key"""

    redis_url: str | None = setting(
        None,
        RedisUrl(),
        own("REDIS_URL"),
        "Redis or Valkey server through which all workers and machines share rate limits and usage",
        example="redis://127.0.0.1:6379/0",
        secret=True,
    )
    rate_limit_rpm: int | None = setting(
        None,
        IntegerOrOff(0, MAX_INT),
        own("RATE_LIMIT_RPM"),
        "Requests per minute; 0: no limit",
        shown="off",
        example="600",
    )
    rate_limit_tpm: int | None = setting(
        None,
        IntegerOrOff(0, MAX_INT),
        own("RATE_LIMIT_TPM"),
        "Input and output tokens per minute; 0: no limit",
        shown="off",
        example="2000000",
    )
    rate_limit_streams: int | None = setting(
        None,
        IntegerOrOff(0, MAX_INT),
        own("RATE_LIMIT_STREAMS"),
        "Concurrent streams; 0: no limit",
        shown="off",
        example="20",
    )
    rate_limit_fail: str = setting(
        "open",
        Choice({"open": "open", "closed": "closed"}),
        own("RATE_LIMIT_FAIL"),
        "Requests while Redis is unavailable: `open` accepts them, `closed` refuses them",
    )


@dataclass(frozen=True, kw_only=True)
class Log:
    """Log"""

    log_level: str = setting(
        "INFO",
        Choice(LOG_LEVELS),
        also_bare("LOG_LEVEL"),
        "`debug`, `info`, `warning`, `error` or `critical`",
        bare_may_be_foreign=True,
    )
    log_format: str = setting(
        "text", Choice({"text": "text", "json": "json"}), own("LOG_FORMAT"), "`text` or `json`"
    )
    log_file: str | None = setting(
        None,
        LogFile(),
        own("LOG_FILE"),
        "File that the log is appended to, instead of stderr",
        example="/var/log/claude-proxy.log",
    )
    record: str | None = setting(
        None,
        RecordDirectory(),
        own("RECORD"),
        "Directory in which each exchange is recorded, with its prompts and answers, for a bug report "
        "(`claude-proxy replay`)",
        shown="off",
        example="/tmp/claude-proxy-recordings",
    )
    log_body_max_chars: int = setting(
        0,
        Integer(0, MAX_INT),
        own("LOG_BODY_MAX_CHARS"),
        "Characters of request and response bodies in the log; 0: none",
    )
    log_stream_text_preview_chars: int = setting(
        0,
        Integer(0, MAX_INT),
        own("LOG_STREAM_TEXT_PREVIEW_CHARS"),
        "Characters of streamed text in the log; 0: none",
    )


@dataclass(frozen=True, kw_only=True)
class Reports:
    """Traces and error reports"""

    otel_endpoint: str | None = setting(
        None,
        OtlpEndpoint(),
        ("OTEL_EXPORTER_OTLP_ENDPOINT",),
        "Base URL of the OpenTelemetry collector; traces go to `/v1/traces` below it (needs the "
        "extra `otel`)",
        example="http://localhost:4318",
    )
    otel_traces_endpoint: str | None = setting(
        None,
        OtlpEndpoint(),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",),
        "Full URL for traces; takes precedence over OTEL_EXPORTER_OTLP_ENDPOINT",
        example="http://localhost:4318/v1/traces",
    )
    otel_headers: tuple[tuple[str, str], ...] = setting(
        (),
        OtlpHeaders(),
        ("OTEL_EXPORTER_OTLP_HEADERS",),
        "Headers for the collector, `name=value,name=value`, values percent-encoded",
        example="authorization=Basic%20dXNlcjpwYXNz",
        secret=True,
    )
    otel_service_name: str = setting(
        "claude-proxy",
        Text(),
        ("OTEL_SERVICE_NAME",),
        "Name of this service in traces",
    )
    sentry_dsn: str | None = setting(
        None,
        SentryDsn(),
        ("SENTRY_DSN",),
        "DSN of the Sentry project that receives uncaught exceptions and error log lines (needs "
        "the extra `sentry`)",
        example="https://public-key@sentry.example.com/1",
        secret=True,
    )
