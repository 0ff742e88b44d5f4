"""What lives as long as a worker: settings, connections, what was learned.

Rule: made once in ``create_app``, handed to views, never imported as a global.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from config.errors import ConfigError
from config.registry.values import Provider, Registry, mode
from config.settings import Settings
from proxy.access.admission import Admission, admitted, open_files
from proxy.access.limits.build import build_limiter
from proxy.access.limits.limiter import Limiter
from proxy.providers.health import ProviderHealth
from proxy.providers.learned_flags import LearnedFlags
from proxy.providers.routing import Router
from proxy.relay.model_list import ModelList
from proxy.relay.sweeper import Sweeper
from proxy.server.shutdown import PROCESS, Drain
from proxy.telemetry.logs import log_access
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.request_record import BROKEN_OFF, RequestRecord
from proxy.telemetry.sentry import start_reports
from proxy.telemetry.stats import own_counts
from proxy.telemetry.tracing import Tracing, tracing_for
from proxy.tokens import encoding_for
from proxy.upstream.clients import Clients

if TYPE_CHECKING:
    from proxy.telemetry.cluster_usage import ClusterUsage


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of one worker that requests share."""

    settings: Settings
    registry: Registry
    router: Router
    clients: Clients
    learned: LearnedFlags
    watch: Sweeper
    drain: Drain
    models: ModelList
    states: ProviderHealth
    metrics: Metrics
    usage: ClusterUsage | None
    """None where nothing is shared with other machines."""
    admission: Admission
    limiter: Limiter | None
    """None where clients have no limits."""
    tracing: Tracing | None = None
    """None where nobody collects traces."""
    flush_reports: Callable[[], None] | None = None
    """Sends the error reports that are left; None where nobody wants them."""

    def close(self) -> None:
        """Close idle connections, send what is left of usage counts, traces and error reports.

        For the end of the worker; nothing of it works on in the background afterwards.
        """
        self.clients.close()
        if self.usage is not None:
            self.usage.close()
        if self.tracing is not None:
            self.tracing.close()
        if self.flush_reports is not None:
            self.flush_reports()

    def begin(self, record: RequestRecord) -> None:
        """Count a request as under way until ``leave``."""
        record.under_way = True
        self.metrics.begun()

    def stream(self, record: RequestRecord) -> None:
        """The answer goes on as a stream, until ``account``."""
        record.streaming = True
        self.metrics.stream_opened()

    def end(self, record: RequestRecord) -> None:
        """The request is over, however it ended: one that nobody accounted for was broken off."""
        if not record.accounted:
            record.status = record.status or 500
            record.error = record.error or BROKEN_OFF
            self.account(record)
        self.leave(record)

    def leave(self, record: RequestRecord) -> None:
        """The request is not under way any more; harmless when it was left before."""
        if not record.under_way:
            return
        record.under_way = False
        if record.trace is not None:
            record.trace.end(record)
        self.metrics.left()
        if record.streaming:
            self.metrics.stream_closed()

    def account(self, record: RequestRecord) -> None:
        """Count and log a finished request, once."""
        if record.accounted:
            return
        record.accounted = True
        record.apply_estimates()
        if self.usage is not None:
            self.usage.expect()
        self.metrics.note(record, monotonic() - record.started)
        self.leave(record)
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
    watch = Sweeper()
    PROCESS.add(watch)
    PROCESS.delay = settings.drain_delay
    router = Router(settings, registry)
    models = {model.remote_id for model in registry.models} | set(router.tiers)
    metrics = Metrics(models, (provider.name for provider in registry.providers))
    return Runtime(
        settings=settings,
        registry=registry,
        router=router,
        clients=Clients(settings, registry.providers),
        learned=LearnedFlags(monotonic),
        watch=watch,
        drain=PROCESS,
        models=ModelList(),
        states=ProviderHealth(changed=metrics.breaker_changed),
        metrics=metrics,
        usage=_shared_usage(settings, metrics),
        admission=Admission(admitted(settings, open_files())),
        limiter=build_limiter(settings),
        tracing=tracing_for(settings),
        flush_reports=start_reports(settings),
    )


def _shared_usage(settings: Settings, metrics: Metrics) -> ClusterUsage | None:
    if settings.redis_url is None:
        return None
    # Nobody else waits for the import of redis, nor keeps its megabytes.
    from proxy.redis_client import redis_client
    from proxy.telemetry.cluster_usage import ClusterUsage

    return ClusterUsage(redis_client(settings.redis_url), lambda: own_counts(metrics))
