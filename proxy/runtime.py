"""What lives as long as a worker: settings, connections, what was learned.

Rule: made once in ``create_app``, handed to views, never imported as a global.
"""

from __future__ import annotations

from dataclasses import dataclass

from config.errors import ConfigError
from config.registry import Provider, Registry, mode
from config.settings import Settings
from proxy.exchange import Watch
from proxy.healing import LearnedFlags
from proxy.logs import AccessRecord, log_access
from proxy.model_list import ModelList
from proxy.provider_states import ProviderStates
from proxy.routing import Router
from proxy.stats import Stats
from proxy.tokens import encoding_for
from proxy.upstream.clients import Clients


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of one worker that requests share."""

    settings: Settings
    registry: Registry
    router: Router
    clients: Clients
    learned: LearnedFlags
    watch: Watch
    models: ModelList
    states: ProviderStates
    stats: Stats

    def account(self, record: AccessRecord) -> None:
        """Count and log a finished request."""
        self.stats.note(record)
        log_access(record)

    @property
    def mode(self) -> str:
        """``fixed``, ``passthrough`` or ``mixed``."""
        return mode(self.registry.providers)

    @property
    def provider(self) -> Provider:
        """Where models go that nobody registered."""
        return self.registry.default

    @property
    def has_server_key(self) -> bool:
        """True where a key of the server's can be spent."""
        return any(provider.api_keys for provider in self.registry.providers)

    @property
    def auth_keys(self) -> tuple[str, ...]:
        """Keys that clients must show; in force only where a key of the server's is spent."""
        return self.settings.auth_keys if self.has_server_key else ()


def build_runtime(settings: Settings, registry: Registry) -> Runtime:
    """Everything that a worker's app needs; opens no connection.

    Raises ``ConfigError`` for what only the parts themselves can judge.
    """
    try:
        encoding_for("", settings.tiktoken_model)
    except ValueError as error:
        raise ConfigError([f"TIKTOKEN_MODEL: {error}"]) from error
    return Runtime(
        settings=settings,
        registry=registry,
        router=Router(settings, registry),
        clients=Clients(settings, registry.providers),
        learned=LearnedFlags(),
        watch=Watch(),
        models=ModelList(),
        states=ProviderStates(),
        stats=Stats(),
    )
