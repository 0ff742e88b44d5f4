"""``stop_sequences`` -> the upstream's ``stop``, and those that are cut here instead.

Rule: no sequence is lost. What the upstream does not take, by its kind or its number, ends the answer
here (docs/protocol.md 1.1), as ``proxy.convert.reply.stop_scanner`` does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.convert.request.drops import Drops
from proxy.providers.profiles.base import Profile

MOST_CHARACTERS = 4096
"""Length of all sequences together that are cut here: each character takes 250 bytes of memory."""


def stop_field(request: Mapping[str, Any], profile: Profile) -> dict[str, list[str]]:
    """The body's ``stop``, with as many sequences as the upstream takes; no field for none."""
    if profile.no_stop or "stop" in profile.unsupported:
        return {}
    sent = (request.get("stop_sequences") or [])[: profile.max_stop]
    return {"stop": sent} if sent else {}


def cut_here(request: Mapping[str, Any], body: Mapping[str, Any], drops: Drops) -> tuple[str, ...]:
    """The sequences that ``body`` does not hold, in their order, each once; noted as ``local``.

    Those beyond ``MOST_CHARACTERS`` are noted as dropped.
    """
    asked = request.get("stop_sequences")
    if not asked:
        return ()
    stop = body.get("stop") or ()
    # The registry's ``extra_body`` may hold any JSON.
    sent = (stop,) if isinstance(stop, str) else stop if isinstance(stop, list) else ()
    unsent = list(dict.fromkeys(sequence for sequence in asked if sequence not in sent))
    kept = tuple(_within(MOST_CHARACTERS, unsent))
    if kept:
        drops.degrade("stop_sequences", "local")
    if len(kept) < len(unsent):
        drops.drop("stop_sequences", len(unsent) - len(kept))
    return kept


def _within(room: int, sequences: Iterable[str]) -> Iterable[str]:
    for sequence in sequences:
        room -= len(sequence)
        if room < 0:
            return
        yield sequence
