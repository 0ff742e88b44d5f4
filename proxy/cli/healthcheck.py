"""``claude-proxy healthcheck``: whether the service on this machine answers, for a container.

Rule: one request straight to the address that the configuration names, one line, within SECONDS.
Only HOST and PORT matter: the service may run well while a file that was edited since is bad.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException

from gevent import Timeout

from config.errors import ConfigError
from config.settings import Settings, read_sources
from proxy.cli.environment import operator_variables
from proxy.cli.server_urls import client_url, reachable_host

SECONDS = 3.0
ALIVE = "/health"
READY = "/readyz"


class Unhealthy(Exception):
    """The service does not answer, or not with 200; the message says what happened instead."""


def healthcheck(arguments: Mapping[str, object], *, ready: bool) -> None:
    """Print that ``/health`` (``ready``: ``/readyz``) answers 200; raises ``Unhealthy`` if not.

    ``arguments`` are values from the command line by field, None where absent.
    """
    try:
        host, port = listening_address(arguments)
    except ConfigError as error:
        raise Unhealthy(str(error)) from error
    if port == 0:
        raise Unhealthy(
            "PORT=0 takes any free port, and which one is not known here: name it with --port"
        )
    path = READY if ready else ALIVE
    url = client_url(host, port) + path
    status = _status(reachable_host(host), port, path, url)
    if status != 200:
        raise Unhealthy(f"{url} answered {status}")
    print(f"{url} answered 200")


def listening_address(arguments: Mapping[str, object]) -> tuple[str, int]:
    """HOST and PORT as all sources say; raises ``ConfigError`` only where these two are bad."""
    environ, dotenv = operator_variables()
    found, _ = read_sources(environ, dotenv, arguments, {})
    for field in ("host", "port"):
        if field in found.given and field not in found.values:
            name = found.given[field].name
            raise ConfigError([text for text in found.problems if text.startswith(f"{name}=")])
    standard = Settings()
    return found.values.get("host", standard.host), found.values.get("port", standard.port)


def _status(host: str, port: int, path: str, url: str) -> int:
    # http.client asks no proxy, whatever the environment says.
    connection = HTTPConnection(host, port)
    try:
        # Over all of it: a limit of the socket's would start anew with each byte.
        with Timeout(SECONDS, Unhealthy(f"{url} did not answer within {SECONDS:g} s")):
            connection.request("GET", path)
            return connection.getresponse().status
    except OSError as error:
        raise Unhealthy(f"{url} cannot be reached: {error.strerror or error}") from error
    except HTTPException as error:
        raise Unhealthy(f"{url} did not answer in HTTP ({type(error).__name__})") from error
    finally:
        connection.close()
