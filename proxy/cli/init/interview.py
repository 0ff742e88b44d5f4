"""The questions of ``claude-proxy init`` in their order.

Rule: nothing is written here. An answer that fails is named in one sentence, and can be corrected.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from proxy.cli.init.answers import NO_KEY, OTHER, Access, Answers, held_key, vendor_named
from proxy.cli.init.checks import Checks, is_local
from proxy.cli.init.choices import Item
from proxy.cli.init.faults import Fault, Unreached
from proxy.cli.init.given import Given
from proxy.cli.init.model_menu import ModelMenu
from proxy.cli.init.proposals import NO_MODELS, TIERS, Tiers, proposed_tiers
from proxy.cli.init.terminal import Terminal
from proxy.cli.init.trial import answering, listing
from proxy.providers.profiles import PROFILES, UNKNOWN, Vendor

KEY, ADDRESS, MODEL, AGAIN, LEAVE = "key", "address", "model", "again", "leave"
ELSEWHERE = "another"
"""In the menu of a provider's base URLs: one that is not in the menu."""


@dataclass(slots=True)
class Interview:
    """The dialogue; ``given`` is what the command line answers."""

    terminal: Terminal
    given: Given
    checks: Checks
    variables: Mapping[str, str]
    """The operator's variables, which may hold the provider's key."""
    protected: bool
    """Whether the configuration restricts already who may use the proxy."""

    def answers(self) -> Answers:
        """Ask everything."""
        answers = self._addressed(Answers(self.given.vendor or self._vendor()))
        answers = self._keyed(answers, self.given.key, self.given.key_variable)
        answers, ids = self._listed(answers)
        answers = self._with_models(answers, ids, self.given.models)
        if self.given.test and answers.key is not None:
            answers = self._tested(answers, ids)
        return replace(answers, access=self._access(answers))

    def _vendor(self) -> Vendor:
        self.terminal.say("Which provider answers the requests?")
        items = [Item(vendor.name, vendor.start.title) for vendor in PROFILES]
        other = Item(OTHER, "other (any OpenAI-compatible URL)")
        return vendor_named(self.terminal.menu("Provider", [*items, other])) or UNKNOWN

    def _addressed(self, answers: Answers) -> Answers:
        if self.given.base_url:
            return replace(answers, base_url=self.given.base_url)
        urls = answers.vendor.start.base_urls
        if len(urls) == 1 and not is_local(urls[0]):
            return replace(answers, base_url=urls[0])
        return self._readdressed(answers)

    def _readdressed(self, answers: Answers) -> Answers:
        """Ask for the base URL; the present one, else the usual one, is proposed."""
        urls = answers.vendor.start.base_urls
        if len(urls) > 1 and not answers.base_url:
            print()
            items = [*map(Item, urls), Item(ELSEWHERE, "another address")]
            chosen = self.terminal.menu("Base URL", items, urls[0])
            if chosen != ELSEWHERE:
                return replace(answers, base_url=chosen)
            urls = ()
        default = answers.base_url or (urls[0] if urls else "")
        form = answers.vendor.start.url_form
        prompt = "Base URL" if default or not form else f"Base URL, such as {form}\nBase URL"
        url = self.terminal.ask(prompt, default, check=self.checks.base_url)
        return replace(answers, base_url=url)

    def _keyed(self, answers: Answers, key: str = "", variable: str = "") -> Answers:
        if key:
            return replace(answers, key=key, key_variable=variable)
        if answers.start.key_variable is None and is_local(answers.base_url):
            return replace(answers, key=NO_KEY)
        variable, held = held_key(self.variables, answers)
        if held and self.terminal.agrees(f"Use the key in {variable}?"):
            key = self.terminal.checked(held, self.checks.key) or ""
            if key:
                return replace(answers, key=key, key_variable=variable)
        return self._rekeyed(answers)

    def _rekeyed(self, answers: Answers) -> Answers:
        """Ask for the key."""
        needed = answers.start.key_variable is not None
        without = "each client sends its own" if needed else "the server needs none"
        prompt = f"API key (not shown; Enter alone: {without})"
        key = self.terminal.secret(prompt, check=self.checks.key)
        return replace(answers, key=key or (None if needed else NO_KEY), key_variable="")

    def _listed(self, answers: Answers) -> tuple[Answers, list[str]]:
        """The models that the upstream lists; empty if the operator types them."""
        if answers.key is None:
            self.terminal.say("Without a key the upstream cannot be asked for its models.")
        while answers.key is not None:
            try:
                ids = listing(answers, sys.stdout)
            except Unreached as error:
                leave = "type the models' ids without a list"
                corrected = self._corrected(answers, error.fault, leave)
            else:
                if not ids:
                    self.terminal.say("The upstream lists no models: type their ids.")
                return answers, ids
            if corrected is None:
                break
            answers = corrected
        return answers, []

    def _with_models(self, answers: Answers, ids: Sequence[str], given: Tiers) -> Answers:
        """Ask for the tiers that ``given`` lacks."""
        print()
        menu = ModelMenu(self.terminal, ids, self.checks.model)
        if not all(getattr(given, tier) for tier in TIERS):
            if answers.start.note:
                self.terminal.say(answers.start.note)
            menu.show()
        proposed = proposed_tiers(answers.start, ids) if ids else NO_MODELS
        return replace(answers, models=menu.tiers(proposed, given))

    def _tested(self, answers: Answers, ids: Sequence[str]) -> Answers:
        """``answers`` once each model has answered, or if the operator wants them as they are."""
        while True:
            print()
            try:
                for line in answering(answers, sys.stdout):
                    print(line)
                return answers
            except Unreached as error:
                leave = "write these answers nevertheless"
                corrected = self._corrected(answers, error.fault, leave, ids)
            if corrected is None:
                return answers
            answers = corrected

    def _corrected(
        self, answers: Answers, fault: Fault, leave: str, ids: Sequence[str] = ()
    ) -> Answers | None:
        """``answers`` with the one corrected that the operator chooses; None: left as they are."""
        self.terminal.say(fault.sentence)
        items = [Item(KEY, "correct the key"), Item(ADDRESS, "correct the base URL")]
        if fault.model:
            items.append(Item(MODEL, "choose another model"))
        items += [Item(AGAIN, "try again"), Item(LEAVE, leave)]
        choice = self.terminal.menu("What now", items, fault.suspect)
        if choice == KEY:
            return self._rekeyed(answers)
        if choice == ADDRESS:
            return self._readdressed(answers)
        if choice == MODEL:
            failed = fault.model
            kept = (getattr(answers.models, tier) for tier in TIERS)
            return self._with_models(
                answers, ids, Tiers(*("" if model == failed else model for model in kept))
            )
        return None if choice == LEAVE else answers

    def _access(self, answers: Answers) -> Access:
        if self.given.access:
            return self.given.access
        if self.protected or answers.key is None:
            return "kept"
        print()
        paid = "" if answers.key == NO_KEY else " Your key pays for every request."
        self.terminal.say(f"Who may use this proxy?{paid}")
        items = (
            Item("local", "programs on this machine (it listens on 127.0.0.1 only)"),
            Item("key", "other machines too, with a key that is generated now"),
        )
        return "key" if self.terminal.menu("Who", items, "local") == "key" else "local"
