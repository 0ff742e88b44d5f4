"""HTTP exchanges with the proxy under test, each in bounded time.

Rule: every failure is a ``Failed`` that says what happened on the connection. Without a forward proxy;
no redirect is followed. The key is only sent, never shown.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import (
    BadStatusLine,
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
    RemoteDisconnected,
)
from typing import Any
from urllib.parse import urlsplit

from gevent import Timeout

from proxy import __version__
from proxy.cli.smoke.outcome import Failed

LONGEST = 5
"""An exchange may last so many times as long as its longest silence."""
MAX_ANSWER_BYTES = 16 * 1024 * 1024
TOO_LONG = f"the answer has more than {MAX_ANSWER_BYTES} bytes"
READ_BYTES = 65536
ANY_KEY = "any"
"""Where no key is known: upstreams without keys (a local Ollama) take any."""
VERSION = "2023-06-01"
"""Of the Messages API."""


@dataclass(frozen=True, slots=True)
class Target:
    """A proxy, and how long to wait for it."""

    url: str
    """Without a trailing slash or ``/v1``."""
    key: str | None = field(repr=False)
    """None: none is known, and ``ANY_KEY`` is sent."""
    seconds: float
    """Longest silence."""
    passthrough_key: str | None = field(default=None, repr=False)
    """The key for a proxy in passthrough, where none is known for the proxy itself."""

    @property
    def origin(self) -> str:
        """The URL that has ``/health``: dynamic routes (``/https/HOST``) have none of their own."""
        parts = urlsplit(self.url)
        dynamic = parts.path.startswith(("/http/", "/https/"))
        return f"{parts.scheme}://{parts.netloc}" if dynamic else self.url


class Silent(Failed):
    """The proxy or the model sent nothing for too long."""


class Unreachable(Failed):
    """There is no connection to the proxy."""


@contextmanager
def exchange(
    target: Target,
    method: str,
    url: str,
    body: bytes | None = None,
    *,
    key: str | None = None,
    unread: bool = False,
) -> Iterator[Any]:
    """The response to one request, whose connection is closed at the end of the block.

    ``key`` is sent instead of the target's; ``unread``: the block gets None. Raises ``Failed``, also for what the block reads.
    """
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    connection = (HTTPSConnection if secure else HTTPConnection)(
        parts.netloc, timeout=target.seconds
    )
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    limit = target.seconds * LONGEST
    try:
        # For the whole exchange: the connection's own limit applies to each read.
        with Timeout(limit, Failed(f"it took longer than {limit:g} s in all")):
            _connect(connection, f"{parts.scheme}://{parts.netloc}")
            connection.request(method, path, body, _headers(key or target.key, body))
            yield None if unread else connection.getresponse()
    except TimeoutError as error:
        raise Silent(f"it sent nothing for {target.seconds:g} s") from error
    except IncompleteRead as error:
        raise Failed("the answer was cut before its end") from error
    except RemoteDisconnected as error:
        raise Failed("it closed the connection without an answer") from error
    except BadStatusLine as error:
        raise Failed(f"it does not answer in HTTP: {str(error).strip()}") from error
    except (OSError, HTTPException) as error:
        raise Failed(f"the connection broke: {_words(error)}") from error
    finally:
        connection.close()


def _connect(connection: HTTPConnection, where: str) -> None:
    try:
        connection.connect()
    except TimeoutError as error:
        raise Unreachable(f"{where} accepts no connection") from error
    except OSError as error:
        raise Unreachable(f"{where} cannot be reached: {_words(error)}") from error


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{error.verify_message} (SSL_CERT_FILE names the certificate of its authority)"
    if isinstance(error, ssl.SSLError):
        return f"no TLS there ({error.reason})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _headers(key: str | None, body: bytes | None) -> Mapping[str, str]:
    headers = {
        "accept-encoding": "identity",
        "anthropic-version": VERSION,
        "x-api-key": key or ANY_KEY,
        "user-agent": f"claude-proxy-smoke/{__version__}",
    }
    if body is not None:
        headers["content-type"] = "application/json"
    return headers


def whole_body(response: HTTPResponse) -> bytes:
    """The response's body; raises ``Failed`` above ``MAX_ANSWER_BYTES``."""
    data = response.read(MAX_ANSWER_BYTES + 1)
    if len(data) > MAX_ANSWER_BYTES:
        raise Failed(TOO_LONG)
    return data


class Pieces:
    """The pieces of a streamed body as they arrive, and how it ended."""

    def __init__(self, response: HTTPResponse) -> None:
        self._response = response
        self.cut = False
        """Whether the connection ended inside the HTTP answer."""

    def read(self) -> Iterator[bytes]:
        """The pieces, each as soon as it is there."""
        size = 0
        try:
            while data := self._response.read1(READ_BYTES):
                size += len(data)
                if size > MAX_ANSWER_BYTES:
                    raise Failed(TOO_LONG)
                yield data
        except (IncompleteRead, ConnectionError):
            self.cut = True
