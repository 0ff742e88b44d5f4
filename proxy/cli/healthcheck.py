"""``claude-proxy healthcheck``: checks the service on this machine, for use in containers.

Rule: one request without a forward proxy to the configured address, one line of output, within
SECONDS. Only HOST and PORT must be valid: another bad value does not affect the running service.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException

from gevent import Timeout

from config.errors import ConfigError
from config.settings import Settings, read_sources
from proxy.cli.environment import operator_variables
from proxy.cli.errors import CommandError
from proxy.cli.options import add_config, add_host_and_port
from proxy.cli.server_urls import client_url, reachable_host

SECONDS = 3.0
ALIVE = "/health"
READY = "/readyz"


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
    environ, dotenv = operator_variables()
    found, _ = read_sources(environ, dotenv, arguments, {})
    for field in ("host", "port"):
        if field in found.given and field not in found.values:
            name = found.given[field].name
            raise ConfigError([text for text in found.problems if text.startswith(f"{name}=")])
    standard = Settings()
    return found.values.get("host", standard.host), found.values.get("port", standard.port)


def _status(host: str, port: int, path: str, url: str) -> int:
    # http.client never uses a forward proxy.
    connection = HTTPConnection(host, port)
    try:
        # For the whole exchange: a timeout of the socket would apply to each read.
        with Timeout(SECONDS, Unhealthy(f"{url} did not answer within {SECONDS:g} s")):
            connection.request("GET", path)
            return connection.getresponse().status
    except OSError as error:
        raise Unhealthy(f"{url} cannot be reached: {error.strerror or error}") from error
    except HTTPException as error:
        raise Unhealthy(f"{url} did not answer in HTTP ({type(error).__name__})") from error
    finally:
        connection.close()
