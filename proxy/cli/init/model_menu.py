"""Asks for the models of opus, sonnet and haiku.

Rule: an id that the upstream does not list is taken when it is typed twice, because lists are incomplete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from proxy.cli.init.choices import ROWS, Item, choose, rows
from proxy.cli.init.proposals import CLAUDE_NAMES, TIERS, Tiers, ordered
from proxy.cli.init.terminal import Check, Terminal


class ModelMenu:
    """The questions for one list of models; an empty one is typed by heart."""

    def __init__(self, terminal: Terminal, ids: Sequence[str], check: Check) -> None:
        self._terminal = terminal
        self._items = tuple(Item(model) for model in ordered(ids))
        self._shown: tuple[Item, ...] = ()
        self._check = check

    def show(self) -> None:
        """Print the beginning of the list."""
        if self._items:
            count = len(self._items)
            listed = "1 model" if count == 1 else f"{count} models"
            self._terminal.say(
                f"The upstream lists {listed}. Type a number, a name or a part of it to search."
            )
            self._print(self._items)

    def tiers(self, proposed: Tiers, given: Tiers, wanted: Sequence[str] = TIERS) -> Tiers:
        """Ask for the tiers of ``wanted`` that ``given`` lacks.

        Enter alone takes the proposal, without one the model of the next higher tier.
        """
        chosen, above = given, ""
        for tier in TIERS:
            value = getattr(given, tier)
            if not value and tier in wanted:
                value = self._model(tier, getattr(proposed, tier) or above)
                chosen = replace(chosen, **{tier: value})
            above = value
        return chosen

    def _model(self, tier: str, default: str) -> str:
        prompt = f"Model for {CLAUDE_NAMES[tier]} ({tier.upper()}_MODEL)"
        refused = ""
        while True:
            text = self._terminal.ask(prompt, default, check=self._check)
            if not self._items or text in (default, refused):
                return text
            outcome = choose(text, self._shown, self._items)
            if outcome.value is not None:
                print(f"  {outcome.value}")
                if self._terminal.checked(outcome.value, self._check) is not None:
                    return outcome.value
                continue
            if outcome.items:
                self._print(outcome.items)
            else:
                refused = text
                self._terminal.say(f"{text!r} is not in the list. Type it again to use it anyway.")

    def _print(self, items: tuple[Item, ...]) -> None:
        # A number means a row that was shown: `120` of a long list is a part of a name.
        self._shown = items[:ROWS]
        print("\n".join(rows(items)))
