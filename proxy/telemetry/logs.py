"""The access line and the token line of a request, and the format of every log line.

Rule: a log line contains names, numbers and ids: no key at any level, no prompt at INFO, no message of
an exception (``proxy.telemetry.uncaught``). Bodies are logged only if configured: truncated, and with
image data and keys replaced.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from time import localtime, monotonic, strftime
from typing import Any

from pythonjsonlogger.orjson import OrjsonFormatter

from config.registry.values import environment_provider, registry_in_force
from config.settings import Settings
from proxy.errors import ClientGone, ProxyError, UpstreamError, logged_words
from proxy.redaction import mask_secrets, mask_short_secrets
from proxy.telemetry.log_outputs import ENCODING, FileOutput, stream_writer
from proxy.telemetry.log_writer import LogWriter
from proxy.telemetry.request_record import RequestRecord, total_input
from proxy.telemetry.uncaught import RedactingFormatter

ACCESS = logging.getLogger("proxy.access")
BODIES = logging.getLogger("proxy.bodies")
log = logging.getLogger(__name__)
_QUOTING = frozenset({BODIES.name, log.name})
"""The loggers of lines that quote text of clients and upstreams."""
_FAILURES = frozenset({"key", "quota", "rate_limit", "timeout"})
"""Kinds of refusals of an upstream that concern the operator (``proxy.failures.policy``)."""
_STOP_REASONS = frozenset(
    {
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "pause_turn",
        "compaction",
        "refusal",
        "model_context_window_exceeded",
    }
)
"""A native upstream may send others, in words of its own."""
_CODE = re.compile(r"[\w.-]{1,64}")
_BASE64 = re.compile(r"(;base64,|\"data\":\s*\")[A-Za-z0-9+/=_-]{32,}")
_TEXT_HEAD = "%(asctime)s %(levelname)s [%(process)d] %(name)s: "
_TEXT_FORMAT = _TEXT_HEAD + "%(message)s"


def log_access(record: RequestRecord) -> None:
    """Write the access line of a finished request and, if tokens were used, the token line."""
    level = logging.WARNING if _failed(record) else logging.DEBUG if record.quiet else logging.INFO
    if not ACCESS.isEnabledFor(level):
        return
    facts = access_facts(record)
    # One log record for both lines: a second record would take as long as formatting both.
    calls = (*record.earlier, record) if record.earlier else (record,)
    more = tuple([token_line(call) for call in calls if call.usage is not None])
    ACCESS.log(level, access_line(facts), extra={"access": facts, "more": more})


def _failed(record: RequestRecord) -> bool:
    """Whether this service or an upstream failed, also in a stream that had begun with a 200.

    Not for a client that left, nor for a refusal that depends on the request.
    """
    status = record.status
    if record.error is None or status == ClientGone.status:
        return False
    return not 400 <= status < 500 or any(
        what == "error" and kind in _FAILURES for what, _, _, kind in record.upstream_events
    )


def error_words(error: ProxyError) -> str:
    """The type and reason of ``error``, for the access line.

    An upstream's message may repeat the prompt, so its status and code replace it; the message is
    logged at DEBUG.
    """
    if not (isinstance(error, UpstreamError) and error.quoted):
        return f"{error.type}: {logged_words(error.message)}"
    if log.isEnabledFor(logging.DEBUG):
        text = mask_short_secrets(error.text, error.secrets)
        log.debug("message of the upstream: %s", _one_line(text))
    status = error.upstream_status
    answered = "reported an error" if status is None else f"answered {status}"
    code = f", code {error.code}" if error.code and _CODE.fullmatch(error.code) else ""
    return f"{error.type}: the upstream {answered}{code}"


def access_facts(record: RequestRecord) -> dict[str, Any]:
    """The record as flat fields, without those that do not apply."""
    facts: dict[str, Any] = {
        "request_id": record.request_id,
        "x_request_id": record.correlation_id,
        "method": record.method,
        "path": record.path,
        "status": record.status,
        "duration_ms": round((monotonic() - record.started) * 1000, 1),
    }
    if record.client_model:
        facts |= {
            "client_model": record.client_model,
            "upstream_model": record.upstream_model,
            "provider": record.provider,
            "stream": record.stream,
            "stop_reason": _known_reason(record.stop_reason),
        }
    optional = {
        "api": record.api or None,
        "first_event_ms": None
        if record.first_event is None
        else round(record.first_event * 1000, 1),
        "error": record.error,
        "dropped": record.dropped or None,
        "oddities": record.oddities or None,
    }
    facts |= {name: value for name, value in optional.items() if value is not None}
    if record.earlier:
        facts |= _summed((*record.earlier, record))
    elif record.usage is not None:
        facts |= {
            "input_tokens": total_input(record.usage),
            "output_tokens": record.usage.get("output_tokens", 0),
            "estimated": record.estimated,
        }
    return facts


def _known_reason(stop_reason: str | None) -> str | None:
    return stop_reason if stop_reason is None or stop_reason in _STOP_REASONS else "other"


def _summed(calls: Iterable[RequestRecord]) -> dict[str, Any]:
    """The usage of all ``calls`` of one request."""
    used = [call for call in calls if call.usage is not None]
    return {
        "input_tokens": sum(total_input(call.usage or {}) for call in used),
        "output_tokens": sum((call.usage or {}).get("output_tokens") or 0 for call in used),
        "estimated": any(call.estimated for call in used),
    }


def access_line(facts: Mapping[str, Any]) -> str:
    """One readable line: ``POST /v1/messages 200 a -> b provider=... 12.3 ms``."""
    words = [str(facts["method"]), str(facts["path"]), str(facts["status"])]
    if "client_model" in facts:
        words += [facts["client_model"], "->", facts["upstream_model"]]
    shown = ("provider", "stop_reason", "stream", "duration_ms", "first_event_ms", "error")
    words += [f"{name}={facts[name]}" for name in shown if facts.get(name) is not None]
    if facts.get("api", "chat") != "chat":
        words.append(f"api={facts['api']}")
    words += [f'{name}="{facts[name]}"' for name in ("dropped", "oddities") if name in facts]
    words.append(f"request_id={facts['request_id']}")
    if facts["x_request_id"] != facts["request_id"]:
        words.append(f"x_request_id={facts['x_request_id']}")
    return _one_line(" ".join(words))


def token_line(record: RequestRecord) -> str:
    """``Token Usage | Model: a → b | Input: x | Output: y | Total: z`` (docs/features.md "Logs")."""
    usage = record.usage or {}
    received, sent = total_input(usage), usage.get("output_tokens", 0)
    parts = [
        "Token Usage [Stream]" if record.stream else "Token Usage",
        f"Model: {record.client_model} → {record.upstream_model}",
        f"Input: {received}",
        f"Output: {sent}",
        f"Total: {received + sent}",
    ]
    if record.estimated:
        parts.append("estimated")
    return _one_line(" | ".join(parts))


def log_body(what: str, request_id: str, body: bytes | str, max_chars: int) -> None:
    """Log the beginning of a body if that is configured (``max_chars`` > 0)."""
    if max_chars and body:
        BODIES.info("%s request_id=%s: %s", what, request_id, body_preview(body, max_chars))


class StreamPreview:
    """The beginning of the text of a stream, for the log."""

    __slots__ = ("_max_chars", "_pieces")

    def __init__(self, max_chars: int) -> None:
        self._max_chars = max_chars
        self._pieces: list[str] = []

    def add(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Keep the text of ``events``, up to the limit."""
        for event in events:
            text = event.get("delta", {}).get("text")
            if text and self._max_chars > 0:
                self._pieces.append(text)
                self._max_chars -= len(text)

    @property
    def text(self) -> str:
        return "".join(self._pieces)


def body_preview(body: bytes | str, max_chars: int) -> str:
    """A body truncated to ``max_chars`` for the log, image data and keys replaced, on one line."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    text = mask_secrets(_BASE64.sub(r"\1...", text[: max_chars * 8 + 65536]))
    cut = text[:max_chars]
    return _one_line(cut if len(text) == len(cut) else f"{cut}... [{len(body)} in all]")


def _one_line(text: str) -> str:
    """``text`` with characters that are not printable escaped, so that no value can add a log line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class TextFormatter(RedactingFormatter):
    """Plain lines, with everything that looks like a key masked.

    A record's attribute ``more`` contains further lines, which get the same head.
    """

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        super().__init__(_TEXT_FORMAT)
        self._secrets = secrets
        # One value, because records of several threads may be formatted at a time.
        self._second = (-1, "")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """As in ``Formatter``, but the part up to the second is formatted once a second."""
        second, text = self._second
        if int(record.created) != second:
            text = strftime(self.default_time_format, localtime(record.created))
            self._second = (int(record.created), text)
        return f"{text},{int(record.msecs):03d}"

    def format(self, record: logging.LogRecord) -> str:
        _mask_quoted(record, self._secrets)
        more = getattr(record, "more", None)
        if more is None:
            return mask_secrets(super().format(record), self._secrets)
        # As in ``Formatter`` for a record without a traceback, but once for all its lines.
        record.asctime = self.formatTime(record)
        head = _TEXT_HEAD % vars(record)
        lines = "\n".join([head + line for line in (record.getMessage(), *more)])
        return mask_secrets(lines, self._secrets)


class JsonFormatter(RedactingFormatter, OrjsonFormatter):
    """One JSON object per line, masked; the fields of the access line are members of it."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(process)d %(name)s %(message)s")
        self._secrets = secrets

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        super().add_fields(log_data, record, message_dict)
        log_data |= log_data.pop("access", {})
        # The further lines repeat the fields.
        log_data.pop("more", None)

    def format(self, record: logging.LogRecord) -> str:
        _mask_quoted(record, self._secrets)
        return mask_secrets(super().format(record), self._secrets)


def _mask_quoted(record: logging.LogRecord, secrets: tuple[str, ...]) -> None:
    """Mask short keys in a line that quotes a body or an upstream's message.

    Not in other lines: our own words may equal such a key (``provider=ollama``).
    """
    if record.name in _QUOTING:
        record.msg, record.args = mask_short_secrets(record.getMessage(), secrets), ()


class LineHandler(logging.StreamHandler[Any]):
    """Queues each line for the thread that writes to ``path``, or to stderr if that is None.

    Needs no lock: formatters keep no state that two lines share, and the queue is atomic.
    """

    def __init__(self, path: str | None = None) -> None:
        stderr = stream_writer("stderr")
        self.writer = stderr if path is None else LogWriter(FileOutput(path, stderr))
        super().__init__(_LineStream(self.writer))

    def handle(self, record: logging.LogRecord) -> bool:
        """As in ``Handler``, without filters and without a lock."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Queue ``record``, and before it the number of lines that were dropped meanwhile."""
        if dropped := self.writer.dropped_to_report():
            facts = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING"}
            text = f"{dropped} log lines were dropped: the log could not be written in time"
            super().emit(logging.makeLogRecord({**facts, "msg": text}))
        super().emit(record)

    def flush(self) -> None:
        """Does nothing, as it is called for each line; at the end ``flush_all`` waits for the lines."""

    def close(self) -> None:
        """End the thread of a file after its last line."""
        if self.writer is not stream_writer("stderr"):
            self.writer.close()
        super().close()


class _LineStream:
    """What ``StreamHandler`` writes whole lines to."""

    def __init__(self, writer: LogWriter) -> None:
        self._put = writer.put

    def write(self, text: str) -> None:
        self._put(text.encode(*ENCODING))


def omit_unused_log_fields() -> None:
    """Do not collect fields of a log record that no format contains: each takes time at every line."""
    # As in Python's logging HOWTO, "Optimization"; the first is the source file of the caller.
    logging._srcfile = None
    logging.logThreads = False
    logging.logMultiprocessing = False


def logging_config(settings: Settings) -> dict[str, Any]:
    """A ``logging.config.dictConfig`` for both gunicorn's master and its workers."""
    providers = (environment_provider(settings), *registry_in_force(settings).providers)
    secrets = (*(key for provider in providers for key in provider.secrets), *settings.auth_keys)
    formatter = JsonFormatter if settings.log_format == "json" else TextFormatter
    handler = {"()": LineHandler, "path": settings.log_file or None, "formatter": "line"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        # A function, because gunicorn's dump of its settings at DEBUG shows every value.
        "formatters": {"line": {"()": lambda: formatter(secrets)}},
        "handlers": {"main": handler},
        "root": {"level": settings.log_level, "handlers": ["main"]},
        "loggers": {
            # urllib3's warnings contain URLs with their query, which may be a credential.
            name: {"level": "ERROR", "propagate": True, "handlers": []}
            for name in ("urllib3", "sseclient")
        }
        # pypdf's warnings quote the document.
        | {"pypdf": {"level": "CRITICAL", "propagate": True, "handlers": []}}
        | {
            name: {"level": settings.log_level, "propagate": True, "handlers": []}
            for name in ("gunicorn.error", "gunicorn.access", "proxy", "config")
        },
    }
