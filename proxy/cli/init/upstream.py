"""Asks the chosen upstream for its models, and each chosen model for one answer.

Rule: the requests are those of the service, made with the operator's other settings (forward proxy,
certificates, headers). Nothing that the operator chose is taken from the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import gevent

from config.registry.values import Provider, environment_registry
from config.urls import without_query
from proxy.cli.doctor.answers import Answer
from proxy.cli.doctor.client import CLIENT_AGENT, ProbeClient
from proxy.cli.doctor.examination import Examination
from proxy.cli.doctor.judges import judge_answer
from proxy.cli.doctor.probes import Probe, Step
from proxy.cli.init.answers import Answers, setting_values
from proxy.cli.init.faults import Unreached, fault_of
from proxy.cli.init.other_settings import settings_with
from proxy.errors import ProxyError, UpstreamError, UpstreamTimeout
from proxy.ids import new_request_id
from proxy.providers.profiles.base import Profile
from proxy.providers.routing import Router
from proxy.redaction import mask_secrets
from proxy.relay.cancellation import Exchange
from proxy.relay.list_call import ASK_SECONDS, LIST_SECONDS, ListCall
from proxy.relay.native.headers import DEFAULT_VERSION, credential
from proxy.relay.protocol import upstream_headers
from proxy.telemetry.request_record import RequestRecord
from proxy.upstream.clients import Clients

ANSWER_SECONDS = 180.0
"""Longest wait for an answer: a local server may have to load the model first."""
ANSWER_TOKENS = 64
T = TypeVar("T")


@dataclass(slots=True)
class Upstream:
    """The upstream of the answers so far; raises ``ConfigError`` if other settings are invalid."""

    answers: Answers

    def models(self) -> list[str]:
        """The ids that the upstream lists, in its order; raises ``Unreached``."""
        ids = [entry["id"] for entry in self._with_clients(self._entries)]
        # A terminal would act on control characters.
        return [model for model in ids if model.isprintable()]

    def window(self) -> int | None:
        """The smallest context window, in tokens, of the models for opus and sonnet.

        None: not listed, or not within ASK_SECONDS, because no progress is shown.
        """
        try:
            entries = self._with_clients(partial(self._entries, seconds=ASK_SECONDS))
        except Unreached:
            return None
        listed = {entry["id"]: entry["max_input_tokens"] for entry in entries}
        windows = [
            listed.get(model) for model in (self.answers.models.big, self.answers.models.middle)
        ]
        return min(filter(None, windows)) if all(windows) else None

    def answer(self, model: str) -> None:
        """Return if ``model`` answers a short request; raises ``Unreached``."""
        self._with_clients(lambda router, clients: self._answer(model, router, clients))

    def _with_clients(self, ask: Callable[[Router, Clients], T]) -> T:
        settings = settings_with(setting_values(self.answers))
        registry = environment_registry(settings)
        clients = Clients(settings, registry.providers)
        try:
            return ask(Router(settings, registry), clients)
        finally:
            clients.close()

    def _entries(
        self, router: Router, clients: Clients, seconds: float = LIST_SECONDS
    ) -> list[dict[str, Any]]:
        provider, url = router.registry.default, router.models_url
        listing = ListCall(
            provider=provider,
            url=url,
            key=provider.api_key,
            client=clients.for_provider(provider),
            exchange=Exchange(),
            record=RequestRecord(new_request_id(), "", "GET", url),
        )
        try:
            with gevent.Timeout(seconds, UpstreamTimeout(f"no list in {seconds:g} s")):
                return listing.fetch(seconds, _list_headers(provider))
        except ProxyError as error:
            raise self._unreached(error, url) from error

    def _answer(self, model: str, router: Router, clients: Clients) -> None:
        route = router.resolve(model)
        client = clients.for_provider(route.provider)
        probe_client = ProbeClient(route, client, route.provider.api_key, ANSWER_SECONDS)
        try:
            if route.native:
                probe_client.ask_native()
            else:
                _ask(probe_client)
        except ProxyError as error:
            raise self._unreached(error, self.answers.base_url, model) from error

    def _unreached(self, error: ProxyError, url: str, model: str = "") -> Unreached:
        return Unreached(fault_of(error, url=mask_secrets(without_query(url)), model=model))


def _ask(probe_client: ProbeClient) -> None:
    """Ask once, healed as in the service; raises ``ProxyError``."""
    failures: list[ProxyError] = []

    def ask(body: Mapping[str, Any], profile: Profile) -> Answer:
        try:
            return probe_client.ask(body, profile)
        except ProxyError as error:
            failures.append(error)
            raise

    route = probe_client.route
    step = Step(judge_answer, tokens=ANSWER_TOKENS)
    probe = Probe("answers", "Answer with the one word: ready", (step,), "no answer", needs=None)
    examination = Examination(profile=route.profile, model=route.model, ask=ask)
    if examination.examine(probe).outcome in ("failed", "refused"):
        raise failures[-1] if failures else UpstreamError("no answer")


def _list_headers(provider: Provider) -> dict[str, str]:
    if not provider.native:
        return upstream_headers(provider, provider.api_key, new_request_id())
    headers = {"anthropic-version": DEFAULT_VERSION, **credential(provider.api_key, {}, own=True)}
    return headers | upstream_headers(provider, None, new_request_id(), client_agent=CLIENT_AGENT)
