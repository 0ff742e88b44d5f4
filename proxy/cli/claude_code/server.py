"""Asks a running proxy what Claude Code's settings depend on.

Rule: the key goes to the given address only, so no redirect is followed. Every failure is one sentence
that names the address, what was found and what to do.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from email.message import Message
from http.client import HTTPException
from typing import IO, Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from gevent import Timeout

from proxy.cli.claude_code.facts import Facts, Listed
from proxy.cli.errors import CommandError
from proxy.cli.one_line import printable
from proxy.cli.proxy_address import Address
from proxy.cli.server_urls import is_here
from proxy.providers.tier_models import SMART, TIERS, TierModel, is_plain

SECONDS = 10.0
WINDOW_SECONDS = 35.0
"""The proxy may ask its upstream for its models, which takes up to 30 s."""
ANSWER_BYTES = 1_000_000
MOST_TOKENS = 1_000_000_000
"""A larger window is no window."""
KNOWN_TIERS = frozenset((*TIERS, *SMART))
"""Each of them may be one more question."""
MODES = ("fixed", "passthrough", "mixed")
NAME = "claude-proxy"
START = "start it, or add --offline for the settings of this directory's files"
ELSEWHERE = "see whether it runs, and whether host and port are right"


class NotAsked(CommandError):
    """The proxy cannot be asked; the message says why and what to do."""


class _Answer(NamedTuple):
    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The object in the body, else an empty one."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        """None: the redirect itself is the answer."""
        return


class RunningProxy:
    """A proxy at an address, asked with a key."""

    def __init__(self, address: Address, key: str | None) -> None:
        self._address = address
        self._headers = {"x-api-key": key} if key else {}
        self._opener = _opener(address.root)

    def facts(self) -> Facts | None:
        """What it says about itself; None: it wants a key and did not get the right one.

        Raises ``NotAsked`` if nothing or something else answers.
        """
        answer = self._get("/", SECONDS)
        service = answer.json
        if service.get("name") != NAME:
            raise NotAsked(self._something_else(answer) + self._above())
        if "configuration" not in service:
            return None
        configuration = _object(service["configuration"])
        return Facts(
            mode=mode if (mode := configuration.get("mode")) in MODES else "unknown",
            key_in_force=configuration.get("client_api_key_validation") is True,
            models={
                name: _tier_model(_object(value))
                for name, value in _object(configuration.get("tiers")).items()
                if name in KNOWN_TIERS
            },
        )

    def listed(self, facts: Facts) -> dict[str, Listed]:
        """By tier and route, what the upstreams' lists say of models with an unknown window or name."""
        found: dict[tuple[str, str], Listed] = {}
        listed: dict[str, Listed] = {}
        for name, model in facts.models.items():
            known = model.max_input_tokens or model.known_to_client
            if known and not model.undecided:
                continue
            target = (model.provider, model.model)
            if target not in found:
                found[target] = self._listed(model.asked)
            listed[name] = found[target]
        return listed

    def _listed(self, model: str) -> Listed:
        try:
            answer = self._get(f"/v1/models/{quote(model, safe='')}", WINDOW_SECONDS)
        except NotAsked:
            return Listed(None, "")
        tokens = _window(answer.json)
        route = (answer.headers.get("x-claude-proxy-route") or "").partition(";")[0]
        return Listed(tokens, route.partition("/")[2])

    def _get(self, path: str, seconds: float) -> _Answer:
        root = self._address.root
        slow = NotAsked(f"{root} did not answer within {seconds:g} s: see whether it is overloaded")
        request = Request(root + path, headers={**self._headers, "user-agent": NAME})
        try:
            # For the whole exchange: a timeout of the socket would apply to each read.
            with Timeout(seconds, slow):
                return self._exchange(request)
        except URLError as error:
            raise NotAsked(self._unreachable(error.reason)) from error
        except (OSError, HTTPException, ValueError) as error:
            raise NotAsked(self._unreachable(error)) from error

    def _exchange(self, request: Request) -> _Answer:
        try:
            with self._opener.open(request) as response:
                return _Answer(response.status, response.headers, response.read(ANSWER_BYTES))
        except HTTPError as error:
            with error:
                return _Answer(error.code, error.headers, error.read(ANSWER_BYTES))

    def _unreachable(self, reason: object) -> str:
        root = self._address.root
        if isinstance(reason, ssl.SSLCertVerificationError):
            return (
                f"{root} has a certificate that this machine does not trust "
                f"({reason.verify_message}): name its authority by SSL_CERT_FILE=FILE here, and by "
                "NODE_EXTRA_CA_CERTS=FILE for Claude Code"
            )
        if isinstance(reason, ssl.SSLError):
            return f"{root} does not speak TLS there: write http:// in --url, or its HTTPS port"
        if isinstance(reason, HTTPException):
            return f"{root} did not answer in HTTP: is it https:// or another port?"
        said = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        return f"{root} does not answer ({said}): {START if is_here(root) else ELSEWHERE}"

    def _above(self) -> str:
        """A hint for a path that is too long."""
        parts = urlsplit(self._address.root)
        above = f"{parts.scheme}://{parts.netloc}"
        if not parts.path:
            return ""
        service = RunningProxy(Address(above, above), None)._get("/", SECONDS).json
        return f"; {above} is claude-proxy" if service.get("name") == NAME else ""

    def _something_else(self, answer: _Answer) -> str:
        root = self._address.root
        place = answer.headers.get("location")
        if 300 <= answer.status < 400 and place:
            return f"{root} redirects to {printable(place)}: give that address by --url"
        kind = (answer.headers.get("content-type") or "nothing").partition(";")[0]
        server = (answer.headers.get("server") or "").partition(" ")[0]
        found = f"{answer.status}, {kind}" + (f", {server}" if server else "")
        if answer.status >= 500:
            return f"{root} answered {printable(found)}: see whether the proxy behind it runs"
        return f"{root} is not claude-proxy (it answered {printable(found)}): check host, port and path"


def _opener(url: str) -> OpenerDirector:
    """Forward proxies as in the environment, except for this machine."""
    proxies = [ProxyHandler({})] if is_here(url) else []
    return build_opener(_NoRedirects, *proxies)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _window(stated: Mapping[str, Any]) -> int | None:
    tokens = stated.get("max_input_tokens")
    return tokens if type(tokens) is int and 0 < tokens <= MOST_TOKENS else None


def _tier_model(stated: Mapping[str, Any]) -> TierModel:
    name = stated.get("name")
    return TierModel(
        asked=str(stated.get("asked", "")),
        provider=str(stated.get("provider", "")),
        model=str(stated.get("model", "")),
        name=name if isinstance(name, str) and name.isprintable() and is_plain(name) else None,
        max_input_tokens=_window(stated),
        takes_client_key=stated.get("takes_client_key") is True,
        known_to_client=stated.get("known_to_client") is True,
        undecided=stated.get("undecided") is True,
    )
