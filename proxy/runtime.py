"""What lives as long as a worker: settings, connections, what was learned.

Rule: made once in ``create_app``, handed to views, never imported as a global.
"""

from __future__ import annotations

from dataclasses import dataclass

from config.errors import ConfigError
from config.registry import Provider, mode
from config.settings import Settings
from proxy.exchange import Watch
from proxy.healing import LearnedFlags
from proxy.model_list import ModelList
from proxy.routing import Router
from proxy.tokens import encoding_for
from proxy.upstream.session import UpstreamClient


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of one worker that requests share."""

    settings: Settings
    provider: Provider
    router: Router
    client: UpstreamClient
    learned: LearnedFlags
    watch: Watch
    models: ModelList

    @property
    def mode(self) -> str:
        """``fixed``, ``passthrough`` or ``mixed``."""
        return mode((self.provider,))

    @property
    def auth_keys(self) -> tuple[str, ...]:
        """Keys that clients must show; in force only where a key of the server's is spent."""
        return self.settings.auth_keys if self.provider.api_key is not None else ()


def build_runtime(settings: Settings, provider: Provider) -> Runtime:
    """Everything that a worker's app needs; opens no connection.

    Raises ``ConfigError`` for what only the parts themselves can judge.
    """
    try:
        encoding_for("", settings.tiktoken_model)
    except ValueError as error:
        raise ConfigError([f"TIKTOKEN_MODEL: {error}"]) from error
    client = UpstreamClient(
        connect_timeout=settings.connect_timeout,
        pool_size=settings.worker_connections,
        proxies=settings.proxies,
        no_proxy=settings.no_proxy,
        ca_bundle=settings.ca_bundle,
    )
    return Runtime(
        settings=settings,
        provider=provider,
        router=Router(settings, provider),
        client=client,
        learned=LearnedFlags(),
        watch=Watch(),
        models=ModelList(),
    )
