"""What the requests of a worker share: settings, connections, learned flags, counters.

Rule: created once by ``create_app`` and passed to views, never imported as a global.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING

from config.errors import ConfigError
from config.registry.values import Provider, Registry, mode
from config.settings import Settings
from proxy.access.admission import Admission, admitted, open_files
from proxy.access.limits.build import build_limiter
from proxy.access.limits.limiter import Limiter
from proxy.providers.flag_board import shared_board
from proxy.providers.health import ProviderHealth
from proxy.providers.learned_flags import LearnedFlags
from proxy.providers.refused_images import RefusedImages
from proxy.providers.refused_states import RefusedStates
from proxy.providers.routing import Router
from proxy.relay.blocked_writes import WRITES
from proxy.relay.model_list import CACHE_SECONDS, ModelList
from proxy.relay.recording import Recorder
from proxy.relay.sweeper import Sweeper
from proxy.server.shutdown import PROCESS, ShutdownState
from proxy.telemetry.accounting import Accounting, Sink, end_trace
from proxy.telemetry.logs import log_access
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.sentry import start_reports
from proxy.telemetry.stats import own_counts
from proxy.telemetry.tracing import Tracing, tracing_for
from proxy.tokens import encoding_for
from proxy.upstream.clients import Clients

if TYPE_CHECKING:
    from proxy.providers.cluster_flags import ClusterFlags
    from proxy.telemetry.cluster_usage import ClusterUsage


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of one worker that requests share."""

    settings: Settings
    registry: Registry
    router: Router
    clients: Clients
    learned: LearnedFlags
    refused_images: RefusedImages
    refused_states: RefusedStates
    watch: Sweeper
    drain: ShutdownState
    models: ModelList
    states: ProviderHealth
    metrics: Metrics
    accounting: Accounting
    usage: ClusterUsage | None
    """None if usage is not shared with other machines."""
    cluster_flags: ClusterFlags | None
    """None if learned flags are not shared with other machines."""
    admission: Admission
    limiter: Limiter | None
    """None if no rate limit is set."""
    recorder: Recorder | None = None
    """None if exchanges are not recorded."""
    tracing: Tracing | None = None
    """None if traces are off."""
    flush_reports: Callable[[], None] | None = None
    """Sends the error reports that are still queued; None if error reports are off."""

    def close(self) -> None:
        """Close idle connections; send the remaining counts, learned flags, traces and error reports.

        To be called when the worker ends; no background work remains.
        """
        self.clients.close()
        self.accounting.close()
        if self.cluster_flags is not None:
            self.cluster_flags.close()
        if self.recorder is not None:
            self.recorder.close()
        if self.flush_reports is not None:
            self.flush_reports()

    @property
    def mode(self) -> str:
        """``fixed``, ``passthrough`` or ``mixed``."""
        return mode(self.registry.providers)

    @property
    def provider(self) -> Provider:
        """The provider of unregistered models."""
        return self.registry.default

    @property
    def has_server_key(self) -> bool:
        """Whether the server has an upstream key of its own."""
        return any(provider.api_keys for provider in self.registry.providers)

    @property
    def auth_keys(self) -> tuple[str, ...]:
        """Keys of which clients must send one; in force only if the server has an upstream key."""
        return self.settings.auth_keys if self.has_server_key else ()


def build_runtime(settings: Settings, registry: Registry) -> Runtime:
    """Everything that a worker's app needs; opens no connection.

    Raises ``ConfigError`` for a TIKTOKEN_MODEL that is not known.
    """
    try:
        encoding_for("", settings.tiktoken_model)
    except ValueError as error:
        raise ConfigError([f"TIKTOKEN_MODEL: {error}"]) from error
    watch = Sweeper(WRITES)
    WRITES.seconds = settings.write_timeout
    PROCESS.add(watch)
    PROCESS.delay = settings.drain_delay
    router = Router(settings, registry)
    models = {model.remote_id for model in registry.models} | set(router.tiers)
    metrics = Metrics(models, (provider.name for provider in registry.providers))
    recorder = Recorder(settings.record, settings, registry) if settings.record else None
    usage, tracing = _shared_usage(settings, metrics), tracing_for(settings)
    learned = LearnedFlags(time, board=shared_board())
    return Runtime(
        settings=settings,
        registry=registry,
        router=router,
        clients=Clients(settings, registry.providers),
        learned=learned,
        refused_images=RefusedImages(time),
        refused_states=RefusedStates(time),
        watch=watch,
        drain=PROCESS,
        # A recording contains the list that it needs.
        models=ModelList(CACHE_SECONDS if recorder is None else 0.0),
        states=ProviderHealth(changed=metrics.breaker_changed),
        metrics=metrics,
        accounting=Accounting(_sinks(metrics, usage, tracing), metrics),
        usage=usage,
        cluster_flags=_cluster_flags(settings, learned),
        admission=Admission(admitted(settings, open_files()), WRITES.end_longest),
        limiter=build_limiter(settings),
        recorder=recorder,
        tracing=tracing,
        flush_reports=start_reports(settings),
    )


def _sinks(metrics: Metrics, usage: ClusterUsage | None, tracing: Tracing | None) -> list[Sink]:
    """What every finished request is reported to, in this order."""
    sinks = [Sink(metrics.report)]
    if usage is not None:
        # It reads the counters before the request is counted, so it is called before the metrics.
        sinks.insert(0, Sink(usage.expect, usage.close))
    if tracing is not None:
        sinks.append(Sink(end_trace, tracing.close))
    return [*sinks, Sink(log_access)]


def _shared_usage(settings: Settings, metrics: Metrics) -> ClusterUsage | None:
    if settings.redis_url is None:
        return None
    # Importing redis takes time and several megabytes, so it is imported only if it is used.
    from proxy.redis_client import redis_client
    from proxy.telemetry.cluster_usage import ClusterUsage

    return ClusterUsage(redis_client(settings.redis_url), lambda: own_counts(metrics))


def _cluster_flags(settings: Settings, learned: LearnedFlags) -> ClusterFlags | None:
    if settings.redis_url is None:
        return None
    from proxy.providers.cluster_flags import ClusterFlags
    from proxy.redis_client import redis_client

    return ClusterFlags(redis_client(settings.redis_url), learned, time)
