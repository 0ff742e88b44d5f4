"""Runs a recorded request through the application.

Rule: the application, its hooks and its WSGI layers are those of the service; only the upstream's answers
are recorded ones.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from time import monotonic
from typing import Any
from urllib.parse import unquote_to_bytes

from proxy.cli.replay.application import application
from proxy.cli.replay.observer import Replayer
from proxy.cli.replay.recorded import DAMAGED, Recorded, Unusable
from proxy.errors import ProxyError
from proxy.providers.profiles import overridden
from proxy.providers.profiles.base import Profile
from proxy.runtime import Runtime

_OF_THE_BODY = frozenset({"content-encoding", "content-length", "transfer-encoding", "expect"})
"""Headers of the body as it was sent; it is recorded decoded."""
LONG = 3600.0
UNFORESEEN = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)


def replay(recorded: Recorded) -> Replayer:
    """The exchange as the present code answers it; raises ``Unusable``."""
    try:
        replayer = Replayer(recorded)
        app, shared = application(recorded, lambda: replayer)
        _restore(shared, recorded)
    except UNFORESEEN as error:
        # What the parts of the service say to values that no service has recorded.
        raise Unusable(DAMAGED) from error
    try:
        _answered(app, _environ(recorded))
    finally:
        shared.close()
    return replayer


def _answered(app: Any, environ: dict[str, Any]) -> None:
    body = app(environ, lambda *_: None)
    try:
        for _ in body:
            pass
    except ProxyError:
        # A file that broke off: its outcome is compared.
        return
    finally:
        body.close()


def _restore(shared: Runtime, recorded: Recorded) -> None:
    """What the worker knew of the upstreams when the exchange began."""
    by_name = {
        entry["name"]: entry["url"] for route in recorded.routes for entry in route["providers"]
    }
    for route in recorded.routes:
        for entry in route["candidates"]:
            url, model = by_name[entry["provider"]], entry["model"]
            if flags := _valid(entry["learned"]):
                shared.learned.learn(url, model, flags)
            if entry["refused_images"]:
                shared.refused_images.add(url, model, entry["refused_images"])
            _restore_health(shared, entry)


def _restore_health(shared: Runtime, entry: Mapping[str, Any]) -> None:
    provider = shared.registry.provider(entry["provider"])
    if provider is None:
        return
    until = monotonic() + LONG
    if entry["breaker"] == "open":
        shared.states.breaker(provider).open_until = until
    ring = shared.states.keys(provider)
    for number in entry["resting_keys"]:
        if 0 <= number < len(ring.keys):
            ring.cool_down(ring.keys[number], until)


def _valid(flags: Mapping[str, Any]) -> dict[str, object]:
    """The learned flags that this version has."""
    valid: dict[str, object] = {}
    for name, value in flags.items():
        try:
            valid[name] = getattr(overridden(Profile(), {name: value}), name)
        except ValueError:
            continue
    return valid


def _environ(recorded: Recorded) -> dict[str, Any]:
    request, body = recorded.request, recorded.body
    path, _, query = request["target"].partition("?")
    environ = {
        "REQUEST_METHOD": request["method"],
        "RAW_URI": request["target"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request["headers"]:
        if name not in _OF_THE_BODY:
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    if request["method"] == "POST":
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ
