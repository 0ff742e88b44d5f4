"""``claude-proxy healthcheck``: checks the service on this machine, for use in containers.

Rule: one request without a forward proxy to the configured address, one line of output, within
SECONDS. Only HOST and PORT must be valid: another bad value does not affect the running service. It
runs every few seconds beside the service, so it imports nothing that takes long
(``tests/cli/test_healthcheck.py``).
"""

from __future__ import annotations

import argparse
import re
import socket
from collections.abc import Mapping
from time import monotonic

from config.errors import ConfigError
from config.sources import Resolution, chosen_file, resolve
from config.variables.server import Server
from proxy.cli.environment import operator_variables
from proxy.cli.errors import CommandError
from proxy.cli.options import add_config, add_host_and_port
from proxy.cli.server_urls import client_url, reachable_host

SECONDS = 3.0
ALIVE = "/health"
READY = "/readyz"

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r\n]")
_LONGEST_LINE = 8192
"""Bytes."""


class Unhealthy(CommandError):
    """The service does not answer with 200; the message gives the reason."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_host_and_port(parser)
    add_config(parser)
    parser.add_argument(
        "--ready",
        action="store_true",
        help="use /readyz instead: it fails while the service is stopping",
    )


def run(options: argparse.Namespace, chosen: Mapping[str, object]) -> None:
    """Run the command; raises ``Unhealthy``."""
    healthcheck(chosen, ready=options.ready)


def healthcheck(arguments: Mapping[str, object], *, ready: bool) -> None:
    """Check that ``/health`` (``ready``: ``/readyz``) answers 200; raises ``Unhealthy`` if not.

    ``arguments`` are values from the command line by field, None if absent.
    """
    try:
        host, port = listening_address(arguments)
    except ConfigError as error:
        raise Unhealthy(str(error)) from error
    if port == 0:
        raise Unhealthy(
            "PORT=0 selects any free port, which this command cannot find: set it with --port"
        )
    path = READY if ready else ALIVE
    url = client_url(host, port) + path
    status = _status(reachable_host(host), port, path, url)
    if status != 200:
        raise Unhealthy(f"{url} answered {status}")
    print(f"{url} answered 200")


def listening_address(arguments: Mapping[str, object]) -> tuple[str, int]:
    """HOST and PORT from all sources; raises ``ConfigError`` only if one of them is bad."""
    found = _resolved(arguments)
    for field in ("host", "port"):
        if field in found.given and field not in found.values:
            name = found.given[field].name
            raise ConfigError([text for text in found.problems if text.startswith(f"{name}=")])
    standard = Server()
    return found.values.get("host", standard.host), found.values.get("port", standard.port)


def _resolved(arguments: Mapping[str, object]) -> Resolution:
    environ, dotenv = operator_variables()
    if chosen_file(environ, dotenv, arguments) is None:
        return resolve(environ, dotenv, arguments, {})
    # Imports what reads and checks registry files.
    from config.settings import read_sources

    return read_sources(environ, dotenv, arguments, {})[0]


def _status(host: str, port: int, path: str, url: str) -> int:
    deadline = monotonic() + SECONDS
    authority = url.removeprefix("http://").removesuffix(path)
    head = f"GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n"
    try:
        with _connected(host, port, deadline) as connection:
            connection.sendall(head.encode())
            line = _first_line(connection, deadline)
    except TimeoutError as error:
        raise Unhealthy(f"{url} did not answer within {SECONDS:g} s") from error
    except OSError as error:
        raise Unhealthy(f"{url} cannot be reached: {error.strerror or error}") from error
    status = _STATUS_LINE.match(line)
    if status is None:
        raise Unhealthy(f"{url} did not answer in HTTP")
    return int(status[1])


def _connected(host: str, port: int, deadline: float) -> socket.socket:
    """A connection to the first address of ``host`` that accepts one; raises ``OSError``."""
    failure = OSError("the name has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        connection = socket.socket(family, kind, protocol)
        try:
            _limit(connection, deadline)
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


def _first_line(connection: socket.socket, deadline: float) -> bytes:
    """What was sent up to the end of the first line, or of the connection; raises ``OSError``."""
    received = b""
    while b"\n" not in received and len(received) < _LONGEST_LINE:
        _limit(connection, deadline)
        piece = connection.recv(_LONGEST_LINE)
        if not piece:
            break
        received += piece
    return received


def _limit(connection: socket.socket, deadline: float) -> None:
    # For the whole exchange: a fixed timeout would apply to each read.
    remaining = deadline - monotonic()
    if remaining <= 0:
        raise TimeoutError
    connection.settimeout(remaining)
