"""What one worker has done since it started, for /v1/stats.

Rule: counters and names only, in bounded memory; every request is counted once, where it is logged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from config.registry import Price
from proxy.logs import AccessRecord

MOST_MODELS = 1000
"""Model names are the clients' own: what comes after these is counted as ``other``."""
TOKENS: Mapping[str, str] = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_write": "cache_creation_input_tokens",
}
"""Kinds of tokens, as ``Price`` names them, and where a usage holds them."""


class Stats:
    """Requests, tokens, errors and cost, in all and for each model that answered."""

    def __init__(self) -> None:
        self._since = datetime.now(UTC)
        self._statuses: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._models: dict[str, Counter[str]] = {}
        self._costs: dict[str, float] = {}

    def note(self, record: AccessRecord) -> None:
        """Count a finished request."""
        self._statuses[str(record.status)] += 1
        if record.error is not None:
            self._errors[record.error.partition(":")[0]] += 1
        if record.usage is None:
            return
        usage, name = record.usage, record.upstream_model
        if name not in self._models and len(self._models) >= MOST_MODELS:
            name = "other"
        counts = self._models.setdefault(name, Counter())
        counts["requests"] += 1
        counts["estimated"] += record.estimated
        for kind, member in TOKENS.items():
            counts[f"{kind}_tokens"] += usage.get(member) or 0
        details = usage.get("output_tokens_details") or {}
        counts["reasoning_tokens"] += details.get("thinking_tokens") or 0
        if record.price is not None:
            self._costs[name] = self._costs.get(name, 0.0) + cost_of(usage, record.price)

    def snapshot(self) -> dict[str, Any]:
        """All counters as JSON; ``cost`` only for models whose price is registered."""
        models = {
            name: dict(counts) | ({"cost": self._costs[name]} if name in self._costs else {})
            for name, counts in sorted(self._models.items())
        }
        total: Counter[str] = Counter()
        for counts in self._models.values():
            total.update(counts)
        return {
            "since": self._since.isoformat(),
            "requests": sum(self._statuses.values()),
            "statuses": dict(sorted(self._statuses.items())),
            "errors": dict(sorted(self._errors.items())),
            "total": dict(total) | ({"cost": sum(self._costs.values())} if self._costs else {}),
            "models": models,
        }


def cost_of(usage: Mapping[str, Any], price: Price) -> float:
    """What ``usage`` costs; kinds of tokens without a price cost nothing."""
    return sum(
        (usage.get(member) or 0) * (getattr(price, kind) or 0.0) / 1_000_000
        for kind, member in TOKENS.items()
    )
