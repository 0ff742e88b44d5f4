"""``claude-proxy doctor``: what a live upstream can do, and the profile flags to paste.

Rule: the report goes to stdout and the progress to stderr; no key is ever printed. A key given on
the command line goes only where the operator's own configuration has none.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

from config.errors import ConfigError
from config.registry.values import registry_in_force
from config.settings import Settings
from proxy.cli.doctor.client import ProbeClient
from proxy.cli.doctor.examination import Examination, Result
from proxy.cli.doctor.probes import PROBES, Probe
from proxy.cli.doctor.report import advice, printable, shortened, table, title
from proxy.errors import NotFound, ProxyError
from proxy.providers.routing import Route, Router
from proxy.upstream.clients import Clients

CLEARED_LINE = "\r\x1b[K"


class NoAnswer(Exception):
    """An upstream does not answer plain requests; the message names it."""


def doctor(settings: Settings, *, model: str | None, key: str | None = None) -> None:
    """Examine ``model`` (as clients name it; ``""``: the big one; None: all) and print the reports.

    ``key`` is sent to providers without a key of their own. Raises ``ConfigError`` for an unknown
    model, ``NoAnswer`` unless every upstream answered.
    """
    registry = registry_in_force(settings)
    router = Router(settings, registry)
    chosen = routes(router, model)
    if key is not None:
        _check_recipients(chosen)
    clients = Clients(settings, registry.providers)
    silent = []
    try:
        for route in chosen:
            line = ProbeClient(
                route, clients.for_provider(route.provider), route.provider.api_key or key
            )
            print(f"{title(route)}\n", flush=True)
            answers = greet(line) if route.native else examine(line, Progress(sys.stderr))
            if not answers:
                silent.append(printable(f"{route.provider.name}/{route.model}"))
    finally:
        clients.close()
    if silent:
        raise NoAnswer(f"no answer to plain requests: {', '.join(silent)}")


def routes(router: Router, model: str | None) -> tuple[Route, ...]:
    """The routes to examine, each upstream model once; raises ``ConfigError``."""
    if model is None:
        names = [registered.id for registered in router.registry.models] or [*router.tiers]
    else:
        names = [model or router.tiers.big]
    found: dict[tuple[str, str], Route] = {}
    for name in names:
        try:
            route = router.resolve(name)
        except NotFound as error:
            raise ConfigError([f"--model {name!r} is not registered (strict models)"]) from error
        found.setdefault((route.provider.base_url, route.model), route)
    return tuple(found.values())


def _check_recipients(chosen: Sequence[Route]) -> None:
    """Raise ``ConfigError`` where one key would be shown to upstreams of several owners."""
    keyless = {route.provider.name for route in chosen if not route.provider.api_keys}
    if len(keyless) > 1:
        names = ", ".join(sorted(keyless))
        raise ConfigError([f"--key would go to several providers ({names}): choose one by --model"])


def greet(line: ProbeClient) -> bool:
    """Whether the native upstream at the end of ``line`` answers; there is no more to find out."""
    try:
        line.greet_native()
    except ProxyError as error:
        print(f"It does not answer: {shortened(error.message)}\n", flush=True)
        return False
    print("It answers, and speaks the Messages API itself: no profile applies.\n", flush=True)
    return True


def examine(line: ProbeClient, progress: Progress) -> bool:
    """Ask everything along ``line`` and print the report; whether plain requests are answered."""
    route = line.route
    registered = route.registered
    examination = Examination(
        profile=route.profile,
        model=route.model,
        ask=line.ask,
        extra_body=registered.extra_body if registered else {},
    )
    try:
        for number, probe in enumerate(PROBES, start=1):
            progress.begin(number, PROBES, probe)
            progress.end(number, PROBES, examination.examine(probe))
            if not examination.answers:
                break
    finally:
        progress.clear()
    print(table(examination.results))
    print(f"\n{advice(examination.found, answers=examination.answers)}\n", flush=True)
    return examination.answers


class Progress:
    """One line for each probe; on a terminal one line that changes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()

    def begin(self, number: int, probes: Sequence[Probe], probe: Probe) -> None:
        """Show what is being asked, where that can be taken back."""
        if self._terminal:
            self._write(f"{CLEARED_LINE}[{number}/{len(probes)}] {probe.name} ...")

    def end(self, number: int, probes: Sequence[Probe], result: Result) -> None:
        """Show how it ended, where lines stay."""
        if not self._terminal:
            self._write(f"[{number}/{len(probes)}] {result.probe}: {result.word}\n")

    def clear(self) -> None:
        """Leave the terminal's line empty."""
        if self._terminal:
            self._write(CLEARED_LINE)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
