"""The lines in the log: what they hold and what they never hold."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.registry.values import Provider, Registry
from config.settings import Settings
from proxy.errors import Complaint, InvalidRequest, ProxyError, UpstreamError
from proxy.telemetry.logs import (
    TextFormatter,
    body_preview,
    error_words,
    log_access,
    logging_config,
)
from proxy.telemetry.request_record import RequestRecord

SECRET = "front-door-secret"


@pytest.fixture
def record() -> RequestRecord:
    return RequestRecord(
        request_id="req_1",
        correlation_id="nginx-123",
        method="POST",
        path="/v1/messages",
        status=200,
        client_model="claude-x",
        upstream_model="gpt-4o",
        provider="openai",
        stop_reason="end_turn",
        stream=True,
        first_event=0.25,
        usage={"input_tokens": 5, "cache_read_input_tokens": 3, "output_tokens": 2},
    )


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    for name in ("proxy", "config", "gunicorn.error", "gunicorn.access", "urllib3", "sseclient"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def written(settings: Settings, log: Any) -> list[str]:
    """The lines that ``log()`` leaves under the shipped logging configuration."""
    stream = io.StringIO()
    config = logging_config(settings)
    handler = {"class": "logging.StreamHandler", "stream": stream, "formatter": "line"}
    config["handlers"]["main"] = handler
    logging.config.dictConfig(config)
    log()
    return stream.getvalue().splitlines()


@pytest.mark.usefixtures("restored")
def test_two_lines_a_request(record: RequestRecord) -> None:
    access, tokens = written(Settings(), lambda: log_access(record))
    assert " INFO [" in access
    for word in (
        "POST /v1/messages 200 claude-x -> gpt-4o",
        "provider=openai",
        "stop_reason=end_turn",
        "stream=True",
        "first_event_ms=250.0",
        "request_id=req_1",
        "x_request_id=nginx-123",
    ):
        assert word in access
    assert tokens.endswith(
        "Token Usage [Stream] | Model: claude-x → gpt-4o | Input: 8 | Output: 2 | Total: 10"
    )


@pytest.mark.usefixtures("restored")
def test_an_estimate_is_marked(record: RequestRecord) -> None:
    estimated = replace(record, estimated=True, stream=False)
    tokens = written(Settings(), lambda: log_access(estimated))[1]
    assert "Token Usage | Model" in tokens
    assert tokens.endswith("| Total: 10 | estimated")


@pytest.mark.usefixtures("restored")
def test_json_is_one_object_with_both(record: RequestRecord) -> None:
    (line,) = written(Settings(log_format="json"), lambda: log_access(record))
    fields = json.loads(line)
    assert fields["levelname"] == "INFO"
    assert (
        fields.items()
        >= {
            "request_id": "req_1",
            "x_request_id": "nginx-123",
            "client_model": "claude-x",
            "upstream_model": "gpt-4o",
            "status": 200,
            "input_tokens": 8,
            "output_tokens": 2,
            "estimated": False,
            "stream": True,
        }.items()
    )


@pytest.mark.usefixtures("restored")
def test_probes_are_quiet(record: RequestRecord) -> None:
    probe = replace(record, quiet=True, usage=None)
    assert written(Settings(), lambda: log_access(probe)) == []
    assert len(written(Settings(log_level="DEBUG"), lambda: log_access(probe))) == 1


WRONG = "api_error: no"


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(
    ("facts", "level"),
    [
        pytest.param({"status": 200}, "INFO", id="success"),
        pytest.param({"status": 404, "error": WRONG}, "INFO", id="the client's mistake"),
        pytest.param({"status": 429, "error": WRONG}, "INFO", id="our own rate limit"),
        pytest.param({"status": 499, "error": WRONG}, "INFO", id="the client left"),
        pytest.param({"status": 500, "error": WRONG}, "WARNING", id="a bug"),
        pytest.param({"status": 502, "error": WRONG}, "WARNING", id="the upstream is away"),
        pytest.param({"status": 529, "error": WRONG}, "WARNING", id="overload"),
        pytest.param({"status": 200, "error": WRONG}, "WARNING", id="in a stream"),
        pytest.param({"status": 400, "error": WRONG, "kind": "refused"}, "INFO", id="refused"),
        pytest.param({"status": 401, "error": WRONG, "kind": "key"}, "WARNING", id="a bad key"),
        pytest.param({"status": 402, "error": WRONG, "kind": "quota"}, "WARNING", id="no money"),
        pytest.param({"status": 429, "error": WRONG, "kind": "rate_limit"}, "WARNING", id="busy"),
        pytest.param({"status": 200, "kind": "server_error"}, "INFO", id="retried with success"),
        pytest.param({"status": 503, "quiet": True}, "DEBUG", id="a probe while draining"),
        pytest.param(
            {"status": 500, "quiet": True, "error": WRONG}, "WARNING", id="a probe failed"
        ),
    ],
)
def test_failures_are_warnings(record: RequestRecord, facts: dict[str, Any], level: str) -> None:
    kind = facts.pop("kind", None)
    events = [("error", "openai", "gpt-4o", kind)] if kind else []
    ended = replace(record, usage=None, upstream_events=events, **facts)
    (line,) = written(Settings(log_level="DEBUG"), lambda: log_access(ended))
    assert f" {level} [" in line


@pytest.mark.usefixtures("restored")
def test_a_stop_reason_in_words_of_the_upstream_is_not_logged(record: RequestRecord) -> None:
    odd = replace(record, stop_reason="PROMPT", usage=None)
    (line,) = written(Settings(), lambda: log_access(odd))
    assert "stop_reason=other" in line
    assert "PROMPT" not in line


@pytest.mark.usefixtures("restored")
def test_a_line_cannot_be_forged(record: RequestRecord) -> None:
    forged = replace(record, client_model="x\n2026-01-01 INFO all is well", usage=None)
    (line,) = written(Settings(), lambda: log_access(forged))
    assert "x\\n2026-01-01" in line


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_key_at_any_level(log_format: str) -> None:
    settings = Settings(
        log_format=log_format,
        log_level="DEBUG",
        openai_api_key="upstream-secret-key",
        auth_keys=(SECRET,),
    )

    words = f"sk-proj-1234567890abcdef and {SECRET} and the prompt"

    def leak() -> None:
        log = logging.getLogger("proxy.test")
        log.debug("with %s", SECRET)
        log.info("Authorization: Bearer abcdefgh12345678")
        log.warning("key upstream-secret-key")
        try:
            raise RuntimeError(words)
        except RuntimeError:
            log.exception("failed")

    text = "\n".join(written(settings, leak))
    for secret in (SECRET, "abcdefgh12345678", "upstream-secret-key", "1234567890abcdef"):
        assert secret not in text
    assert "Traceback" in text
    assert "builtins.RuntimeError" in text
    assert "the prompt" not in text


@pytest.mark.parametrize(
    ("body", "limit", "shown"),
    [
        pytest.param(b"short", 10, "short", id="whole"),
        pytest.param(b"0123456789abc", 10, "0123456789... [13 in all]", id="cut"),
        pytest.param("a\nb", 10, "a\\nb", id="one line"),
        pytest.param(
            '{"data": "' + "A" * 40 + '"}', 60, '{"data": "..."}', id="image data is replaced"
        ),
        pytest.param(
            "data:image/png;base64," + "A" * 40, 60, "data:image/png;base64,...", id="data URL"
        ),
    ],
)
def test_body_previews(body: bytes | str, limit: int, shown: str) -> None:
    assert body_preview(body, limit) == shown


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(
            InvalidRequest("model: Field required"),
            "invalid_request_error: model: Field required",
            id="our own words are told",
        ),
        pytest.param(
            UpstreamError("upstream closed the stream before it finished"),
            "api_error: upstream closed the stream before it finished",
            id="also about the upstream",
        ),
        pytest.param(
            UpstreamError(
                "no: PROMPT", status=429, upstream_status=429, code="slow", text="PROMPT"
            ),
            "rate_limit_error: the upstream answered 429, code slow",
            id="the upstream's words are not",
        ),
        pytest.param(
            InvalidRequest(Complaint("tools.0: 'PROMPT' is unknown", "tools.0: unknown")),
            "invalid_request_error: tools.0: unknown",
            id="a quotation is not",
        ),
        pytest.param(
            UpstreamError("PROMPT", code="a b", text="PROMPT"),
            "api_error: the upstream reported an error",
            id="nor a code that is no word",
        ),
    ],
)
def test_an_upstreams_words_may_hold_the_prompt(error: ProxyError, words: str) -> None:
    assert error_words(error) == words


@pytest.mark.usefixtures("restored")
def test_no_key_of_a_registered_provider() -> None:
    provider = Provider(
        "one", "https://one.test/v1", api_keys=("first-of-two-keys", "second-of-two-keys")
    )
    settings = Settings(registry=Registry((provider,), provider))
    (line,) = written(
        settings,
        lambda: logging.getLogger("proxy.test").info("first-of-two-keys second-of-two-keys"),
    )
    assert line.endswith(": *** ***")


def test_the_two_lines_have_the_same_head_as_any_other_line(record: RequestRecord) -> None:
    stock = logging.Formatter("%(asctime)s %(levelname)s [%(process)d] %(name)s: %(message)s")
    made = logging.makeLogRecord({"name": "proxy.access", "msg": "one", "more": ("two",)})
    first, second = TextFormatter().format(made).split("\n")
    assert first == stock.format(made)
    assert second == first.removesuffix("one") + "two"


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="%"), max_size=12)


@given(
    moments=st.lists(st.floats(0, 4e9), min_size=1, max_size=4),
    name=WORDS,
    lines=st.lists(WORDS, min_size=1, max_size=3),
    arguments=st.sampled_from([(), ("x", 1)]),
)
def test_the_lines_of_one_record_are_those_of_as_many_records(
    moments: list[float], name: str, lines: list[str], arguments: tuple[object, ...]
) -> None:
    stock = logging.Formatter("%(asctime)s %(levelname)s [%(process)d] %(name)s: %(message)s")
    ours = TextFormatter()
    for moment in [*moments, moments[0]]:
        facts = {"name": name, "created": moment, "msecs": moment % 1 * 1000, "levelname": "INFO"}
        words = " %s %d" if arguments else ""
        made = [
            logging.makeLogRecord({**facts, "msg": line + words, "args": arguments})
            for line in lines[:1]
        ] + [logging.makeLogRecord({**facts, "msg": line}) for line in lines[1:]]
        expected = "\n".join([stock.format(each) for each in made])
        made[0].more = tuple(lines[1:])
        assert ours.format(made[0]) == expected
