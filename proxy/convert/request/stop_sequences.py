"""``stop_sequences`` -> the upstream's ``stop``, and the sequences at which this proxy cuts the text.

Rule: every sequence applies. If the upstream does not accept ``stop``, or accepts fewer sequences, this
proxy cuts the answer at the others (docs/protocol.md 1.1; ``proxy.convert.reply.stop_scanner``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.convert.request.drops import Drops
from proxy.providers.profiles.base import Profile

MOST_CHARACTERS = 4096
"""Maximum total length of the sequences that are cut here, since each character needs 250 bytes of memory."""


def stop_field(request: Mapping[str, Any], profile: Profile) -> dict[str, list[str]]:
    """The body's ``stop`` with as many sequences as the upstream accepts; empty if it accepts none."""
    if profile.no_stop or "stop" in profile.unsupported:
        return {}
    sent = (request.get("stop_sequences") or [])[: profile.max_stop]
    return {"stop": sent} if sent else {}


def cut_here(request: Mapping[str, Any], body: Mapping[str, Any], drops: Drops) -> tuple[str, ...]:
    """The sequences that ``body`` does not contain, in order and without duplicates.

    They are noted as ``local``; those beyond ``MOST_CHARACTERS`` are left out and noted as dropped.
    """
    asked = request.get("stop_sequences")
    if not asked:
        return ()
    stop = body.get("stop") or ()
    # The registry's ``extra_body`` may contain any JSON value as ``stop``.
    sent = (stop,) if isinstance(stop, str) else stop if isinstance(stop, list) else ()
    known = {sequence for sequence in sent if isinstance(sequence, str)}
    unsent = list(dict.fromkeys(sequence for sequence in asked if sequence not in known))
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
