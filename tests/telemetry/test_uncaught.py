"""Exceptions in the log: where and what, and not a word that they quote."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys

import pytest

from config.errors import ConfigError
from proxy.telemetry.uncaught import trace_words

WORDS = "a-word-of-a-prompt"

START = """
from gevent import monkey; monkey.patch_all()
import gc, gevent, logging, logging.config, threading, sys, warnings
from config.settings import Settings
from proxy.telemetry.logs import logging_config
from proxy.telemetry.uncaught import Logged, log_uncaught_errors
logging.config.dictConfig(logging_config(Settings()))
log_uncaught_errors()
def fail(*_, kind=ValueError):
    word = sys.argv[1]
    try:
        raise KeyError(word)
    except KeyError as cause:
        raise kind(word) from cause
class Dying:
    def __del__(self):
        fail()
class Unprintable:
    def __str__(self):
        raise ValueError(sys.argv[1])
log = logging.getLogger("proxy.test")
"""
PLACES = {
    "a greenlet": "gevent.spawn(fail).join()",
    "a system error": "gevent.spawn(fail, kind=SystemError).join()",
    "the loop": "gevent.get_hub().loop.run_callback(fail); gevent.sleep(0.01)",
    "a timer": "gevent.get_hub().loop.timer(0.001).start(fail); gevent.sleep(0.1)",
    "a thread": "t = threading.Thread(target=fail); t.start(); t.join()",
    "a finalizer": "Dying(); gc.collect()",
    "a warning": "warnings.warn(sys.argv[1])",
    "a block": "with Logged(): fail()",
    "arguments of the log": "log.error('%d', sys.argv[1])",
    "an argument of the log": "log.error('%s', Unprintable())",
    "another handler": """
root = logging.getLogger(); root.handlers.insert(0, logging.StreamHandler(open('/dev/null', 'w')))
try: fail()
except ValueError: log.exception('failed')
""",
}


def run(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", START + code, WORDS]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.long(except_every=3)
def test_what_nobody_catches_is_told_without_words(place: str) -> None:
    done = run(PLACES[place] + "\nprint('alive')")
    assert done.stdout == "alive\n"
    assert WORDS not in done.stderr
    # Where a line has too few arguments is known by its logger's name alone.
    assert ("proxy.test" if place == "arguments of the log" else "<string>") in done.stderr
    assert ("UserWarning" if place == "a warning" else "Error") in done.stderr


def test_what_ends_the_program_is_told_without_words() -> None:
    done = run("fail()")
    assert done.returncode == 1
    assert WORDS not in done.stderr
    assert "builtins.KeyError" in done.stderr
    assert "builtins.ValueError" in done.stderr


@pytest.mark.parametrize("kind", ["SystemExit(3)", "KeyboardInterrupt"])
@pytest.mark.long(except_every=2)
def test_an_end_by_wish_is_no_error(kind: str) -> None:
    done = run(f"raise {kind}")
    assert done.returncode != 0
    assert done.stderr == ""


def test_who_waits_for_a_thread_gets_its_error_and_the_log_does_not() -> None:
    done = run(
        """
try: gevent.get_hub().threadpool.apply(fail)
except ValueError: print('got it')
"""
    )
    assert (done.stdout, done.stderr) == ("got it\n", "")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        pytest.param(ValueError(WORDS), "builtins.ValueError", id="no message"),
        pytest.param(
            ConfigError(["PORT=x: must be a number"]),
            "config.errors.ConfigError: bad configuration: PORT=x: must be a number",
            id="our own words for the operator",
        ),
        pytest.param(
            PermissionError(13, WORDS, WORDS),
            "builtins.PermissionError: Permission denied",
            id="the system's words for its number",
        ),
        pytest.param(OSError(WORDS), "builtins.OSError", id="no number"),
        pytest.param(OSError(WORDS, WORDS), "builtins.OSError", id="a number that is none"),
        pytest.param(OSError(1 << 40, WORDS), "builtins.OSError", id="a number of nobody's"),
        pytest.param(socket.gaierror(-2, WORDS), "socket.gaierror", id="a resolver's number"),
        pytest.param(ssl.SSLError(1, WORDS), "ssl.SSLError", id="a number of OpenSSL's"),
    ],
)
def test_the_last_line(error: BaseException, line: str) -> None:
    assert trace_words(error).splitlines()[-1] == line


def test_what_led_to_it_is_told_once_and_in_order() -> None:
    first, second = KeyError(WORDS), ValueError(WORDS)
    second.__cause__, first.__context__ = first, second
    told = [line for line in trace_words(second).splitlines() if line.startswith("builtins")]
    assert told == ["builtins.KeyError", "builtins.ValueError"]


def test_a_cause_that_counts_as_false_is_told_too() -> None:
    class Empty(ValueError):
        def __len__(self) -> int:
            return 0

    error = ValueError(WORDS)
    error.__cause__ = Empty(WORDS)
    assert "Empty\n" in trace_words(error)


@pytest.mark.parametrize("stream", ["None", "Reentered()"])
@pytest.mark.long(except_every=2)
def test_where_not_even_that_can_be_written_the_program_goes_on(stream: str) -> None:
    done = run(f"""
class Reentered:
    def write(self, text): raise RuntimeError(text)
    def flush(self): pass
logging.getLogger().handlers[0].stream, sys.stderr = Reentered(), {stream}
log.error("lost"); gevent.spawn(fail).join()
print("alive")
""")
    assert (done.stdout, done.stderr) == ("alive\n", "")


def test_what_was_suppressed_is_not_told() -> None:
    error = ValueError(WORDS)
    error.__context__, error.__suppress_context__ = KeyError(WORDS), True
    assert "KeyError" not in trace_words(error)
