"""The variables that say where traces and error reports go."""

from __future__ import annotations

import pytest

from config.errors import ConfigError
from config.settings import Settings, load_settings
from proxy.telemetry.tracing import missing_extras, tracing_for


@pytest.mark.parametrize(
    ("base", "own", "url"),
    [
        (None, None, None),
        ("http://c:4318", None, "http://c:4318/v1/traces"),
        ("http://c:4318/x/", None, "http://c:4318/x/v1/traces"),
        (None, "http://c/own", "http://c/own"),
        ("http://c:4318", "http://c/own", "http://c/own"),
    ],
)
def test_where_traces_go(base: str | None, own: str | None, url: str | None) -> None:
    assert Settings(otel_endpoint=base, otel_traces_endpoint=own).traces_url == url


def test_what_is_read() -> None:
    settings = load_settings(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://c.test",
            "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20abc%3D, x-team=me",
            "OTEL_SERVICE_NAME": "mine",
            "SENTRY_DSN": "https://key@sentry.test/42",
        }
    )
    assert settings.otel_headers == (("authorization", "Basic abc="), ("x-team", "me"))
    assert (settings.traces_url, settings.otel_service_name, settings.sentry_dsn) == (
        "https://c.test/v1/traces",
        "mine",
        "https://key@sentry.test/42",
    )
    assert "abc" not in repr(settings)
    assert "key@" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "collector:4317",
            "OTEL_EXPORTER_OTLP_ENDPOINT='collector:4317' must begin with http:// or https://",
        ),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://u:p@c",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT contains credentials: "
            "give them in OTEL_EXPORTER_OTLP_HEADERS",
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "secret",
            "OTEL_EXPORTER_OTLP_HEADERS must be headers such as "
            "authorization=Basic%20abc,x-team=me",
        ),
        (
            "SENTRY_DSN",
            "https://s.test/1",
            "SENTRY_DSN must be a DSN such as https://KEY@HOST/PROJECT",
        ),
        (
            "SENTRY_DSN",
            "https://k@s.test/x",
            "SENTRY_DSN must be a DSN such as https://KEY@HOST/PROJECT",
        ),
    ],
)
def test_what_is_refused(name: str, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_settings({name: text})
    assert refused.value.problems == (problem,)


def test_nothing_asked_for_is_nothing_missing() -> None:
    assert missing_extras(Settings()) == []
    assert tracing_for(Settings()) is None
