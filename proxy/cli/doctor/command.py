"""``claude-proxy doctor``: tests a live upstream and prints the profile flags for it.

Rule: the report goes to stdout, the progress to stderr; no key is printed. A key from the command line
is sent only to providers that have no key in the configuration.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from config.registry.values import registry_in_force
from config.settings import Settings
from proxy.cli.doctor.client import ProbeClient
from proxy.cli.doctor.examination import Examination
from proxy.cli.doctor.forms import form_of
from proxy.cli.doctor.listed_model import listed_model
from proxy.cli.doctor.report import advice, catalogue_lines, table, title
from proxy.cli.environment import current_settings
from proxy.cli.errors import CommandError, UsageError
from proxy.cli.one_line import printable, shortened
from proxy.cli.options import add_config
from proxy.cli.progress import Progress
from proxy.errors import NotFound, ProxyError
from proxy.providers.routing import Route, Router
from proxy.upstream.clients import Clients


class NoAnswer(CommandError):
    """One or more upstreams do not answer plain requests; the message names them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_config(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--model", metavar="ID", help="model as clients name it (default: BIG_MODEL)"
    )
    which.add_argument("--all", action="store_true", help="every model that is configured")
    parser.add_argument("--key", help="key for a provider that has no key in the configuration")


def run(options: argparse.Namespace, chosen: Mapping[str, object]) -> None:
    """Run the command; raises ``ConfigError``, ``UsageError`` or ``NoAnswer``."""
    model = None if options.all else options.model or ""
    doctor(current_settings(chosen), model=model, key=options.key)


def doctor(settings: Settings, *, model: str | None, key: str | None = None) -> None:
    """Test ``model`` (its client name; ``""``: BIG_MODEL; None: all models) and print the reports.

    ``key`` is sent to providers without a key. Raises ``UsageError`` for an unknown model, and where no
    model is set and the upstream lists several, ``NoAnswer`` unless every upstream answered.
    """
    registry = registry_in_force(settings)
    router = Router(settings, registry)
    clients = Clients(settings, registry.providers)
    unanswered = []
    try:
        asks = not model and router.undecided
        chosen = routes(router, model, listed_model(router, clients, key) if asks else None)
        if key is not None:
            _check_recipients(chosen)
        for route in chosen:
            probe_client = ProbeClient(
                route, clients.for_provider(route.provider), route.provider.api_key or key
            )
            print(f"{title(route)}\n", flush=True)
            if route.native:
                answers = answers_natively(probe_client)
            else:
                answers = examine(
                    probe_client, Progress(sys.stderr, len(form_of(route.profile).probes))
                )
            if not answers:
                unanswered.append(printable(f"{route.provider.name}/{route.model}"))
    finally:
        clients.close()
    if unanswered:
        raise NoAnswer(f"no answer to plain requests: {', '.join(unanswered)}")


def routes(router: Router, model: str | None, listed: str | None = None) -> tuple[Route, ...]:
    """The routes to test, one for each upstream model; raises ``UsageError``.

    ``listed``: the upstream's only model, for the model classes about which its list decides.
    """
    tiers = router.tiers
    if listed is not None:
        tiers = tiers._replace(**dict.fromkeys(router.undecided, listed))
    if model is None:
        names = [registered.id for registered in router.registry.models] or [*tiers]
    else:
        names = [model or tiers.big]
    found: dict[tuple[str, str], Route] = {}
    for name in names:
        try:
            route = router.resolve(name)
        except NotFound as error:
            raise UsageError(f"--model {name!r} is not registered (strict models)") from error
        found.setdefault((route.provider.base_url, route.model), route)
    return tuple(found.values())


def _check_recipients(chosen: Sequence[Route]) -> None:
    """Raise ``UsageError`` if the key would be sent to several providers."""
    keyless = {route.provider.name for route in chosen if not route.provider.api_keys}
    if len(keyless) > 1:
        names = ", ".join(sorted(keyless))
        raise UsageError(
            f"--key would be sent to several providers ({names}): choose one with --model"
        )


def answers_natively(probe_client: ProbeClient) -> bool:
    """Whether the native upstream answers; prints the result. Nothing else is tested there."""
    try:
        probe_client.ask_native()
    except ProxyError as error:
        print(f"It does not answer: {shortened(error.message)}\n", flush=True)
        return False
    print("It answers. It is native (speaks the Messages API): no profile applies.\n", flush=True)
    return True


def examine(probe_client: ProbeClient, progress: Progress) -> bool:
    """Run all probes and print the report; returns whether plain requests are answered."""
    route = probe_client.route
    registered = route.registered
    examination = Examination(
        profile=route.profile,
        model=route.model,
        ask=probe_client.ask,
        extra_body=registered.extra_body if registered else {},
    )
    probes = form_of(route.profile).probes
    try:
        for number, probe in enumerate(probes, start=1):
            progress.begin(number, probe.name)
            progress.end(number, probe.name, examination.examine(probe).outcome)
            if not examination.answers:
                break
    finally:
        progress.clear()
    print(table(examination.results))
    print(f"\n{advice(examination.found, answers=examination.answers)}\n", flush=True)
    if lines := catalogue_lines(route.provider.name, examination.unhealed):
        print(f"{lines}\n", flush=True)
    return examination.answers
