"""Interpret a client's model name without a registry.

Rule: pure functions of text (docs/features.md "Model choice", docs/edge-cases.md 139).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from config.registry.values import ALIAS_PREFIX

TIER_WORDS = frozenset({"haiku", "sonnet", "opus", "opusplan"})
NAME_OF_TIER = {"big": "opus", "middle": "sonnet", "small": "haiku"}
"""A client's name of each model class."""
_CONTEXT_SUFFIX = re.compile(r"\[\w+\]$")
_DATE = re.compile(r"[-@](?:20\d{6}|20\d{2}-\d{2}-\d{2})$")


class Tiers(NamedTuple):
    """Upstream models for Claude's three model classes."""

    big: str
    middle: str
    small: str

    def model_for(self, name: str) -> str:
        """The upstream model for a Claude model name; ``big`` for an unknown class."""
        model: str = getattr(self, tier_of(name))
        return model


def tier_of(name: str) -> str:
    """The class of a Claude model name: ``small``, ``middle``, or ``big`` for an unknown class."""
    lowered = name.lower()
    if "haiku" in lowered:
        return "small"
    return "middle" if "sonnet" in lowered else "big"


def without_context(name: str) -> str:
    """``name`` without a suffix such as ``[1m]``."""
    return _CONTEXT_SUFFIX.sub("", name)


def without_date(name: str) -> str:
    """``name`` without its context suffix and without a date such as ``-20250929``."""
    return _DATE.sub("", without_context(name))


def is_haiku_class(name: str) -> bool:
    """Whether a client's model name is of the small Claude class."""
    lowered = without_context(name).lower().removeprefix(ALIAS_PREFIX)
    return "haiku" in lowered and ("claude" in lowered or lowered in TIER_WORDS)


def upstream_model(name: str, tiers: Tiers, *, on_openrouter: bool) -> tuple[str, str]:
    """``(model, reason)`` for a client's model name, rules 3 and 4 of "Model choice"."""
    name = without_context(name)
    if name.startswith(ALIAS_PREFIX):
        bare = name.removeprefix(ALIAS_PREFIX)
        if on_openrouter and "/" not in bare:
            return name, "name"
        name = bare
    lowered = name.lower()
    if "claude" in lowered and not (on_openrouter and "/" in name):
        return tiers.model_for(name), "tier"
    if lowered in TIER_WORDS:
        return tiers.model_for(name), "tier"
    return name, "name"
