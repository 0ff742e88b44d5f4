"""Parsers for the variables of OpenTelemetry and Sentry.

Rule: as in ``config.fields``: text in, value out, or ``ValidationError`` with a phrase about the value.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from marshmallow import ValidationError
from marshmallow.fields import Field

from config.fields import checked_url
from config.headers import is_header_name, is_header_value


class OtlpEndpoint(Field[str]):
    """URL of a collector: http or https, without credentials."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        parts = checked_url(str(value), userinfo=True)
        if "@" in parts.netloc:
            raise ValidationError("contains credentials: give them in OTEL_EXPORTER_OTLP_HEADERS")
        return str(value)


class OtlpHeaders(Field[tuple[tuple[str, str], ...]]):
    """Headers, ``name=value,name=value``, values percent-encoded."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[tuple[str, str], ...]:
        headers = []
        for pair in filter(str.strip, str(value).split(",")):
            name, equals, text = pair.partition("=")
            name, text = name.strip().lower(), unquote(text.strip())
            if not equals or not is_header_name(name) or not is_header_value(text):
                raise ValidationError("must be headers such as authorization=Basic%20abc,x-team=me")
            headers.append((name, text))
        return tuple(headers)


class SentryDsn(Field[str]):
    """Sentry's address of a project, ``https://KEY@HOST/PROJECT``."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        parts = checked_url(str(value), userinfo=True)
        if not parts.username or not parts.path.rpartition("/")[2].isdigit():
            raise ValidationError("must be a DSN such as https://KEY@HOST/PROJECT")
        return str(value)
