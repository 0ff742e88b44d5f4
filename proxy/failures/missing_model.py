"""What a client and the log are told about a model that the upstream does not have.

Rule: pure. The message begins ``model: NAME`` as every refusal of a model does, which Claude Code reads.
Ids of the upstream's list are data: they are cut, and have no control characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import add

from proxy.redaction import mask_secrets

MOST_SHOWN = 5
LONGEST_SHOWN = 80
"""Characters of an id that are shown."""
LONGEST_COMPARED = 64
"""Characters of a name that are compared."""


def missing_model(
    model: str,
    *,
    variable: str,
    registered: str = "",
    listed: Sequence[str] | None,
    secrets: Iterable[str] = (),
) -> str:
    """The message for ``model``, a name of which the upstream said that it has no such model.

    ``variable``: what sets it, ``A or B``; empty if the client named it. ``registered``: the id of the
    registry's model that names it, else empty. ``listed``: the ids of the upstream's list; None if it is
    not known or not for the reader. ``secrets`` are masked.
    """
    facts = ["the upstream has no such model"]
    shown = shown_ids(model, listed, tuple(secrets)) if listed else ""
    if variable:
        facts.append(
            f"set {variable} to "
            + (f"one of its models: {shown}" if shown else "one of its models")
        )
    else:
        if registered:
            facts.append(f"correct remote_id of the model {registered!r} in the registry file")
        if shown:
            facts.append(f"it lists {shown}")
    if listed is not None and not listed:
        facts.append("its list of models is empty")
    return f"model: {_printable(model)}: {'; '.join(facts)}"


def closest(model: str, listed: Iterable[str], most: int = MOST_SHOWN) -> list[str]:
    """At most ``most`` of the ids ``listed``, those first whose names resemble ``model`` most.

    Compared are the pairs of characters, with or without the vendor before the last slash, in some
    microseconds for an id.
    """
    asked = _pairs(model)
    bare = _pairs(model.rpartition("/")[2])

    def likeness(name: str) -> float:
        own = name.rpartition("/")[2]
        return max(_likeness(asked, _pairs(name)), _likeness(bare, _pairs(own)))

    return sorted(listed, key=likeness, reverse=True)[:most]


def shown_ids(model: str, listed: Sequence[str], secrets: tuple[str, ...] = ()) -> str:
    """The ids ``listed`` that are closest to ``model``, and how many more there are; ``""`` for none."""
    ids = [_shortened(mask_secrets(name, secrets)) for name in closest(model, listed)]
    more = len(listed) - len(ids)
    return ", ".join(ids) + (f" and {more} more" if more > 0 else "")


def _shortened(name: str) -> str:
    text = _printable(name[:LONGEST_SHOWN])
    return text if len(name) <= LONGEST_SHOWN else f"{text}..."


def _printable(name: str) -> str:
    # Also of the model that was asked for: it may be the only one of the upstream's list.
    return "".join(char if char.isprintable() else "?" for char in name)


def _pairs(name: str) -> frozenset[str]:
    text = f" {name[:LONGEST_COMPARED].lower()} "
    return frozenset(map(add, text, text[1:]))


def _likeness(asked: frozenset[str], name: frozenset[str]) -> float:
    """How much of ``asked`` occurs in ``name``, and how much the two have in common (Dice), in equal parts."""
    common = len(asked & name)
    return common / len(asked) + 2 * common / (len(asked) + len(name))
