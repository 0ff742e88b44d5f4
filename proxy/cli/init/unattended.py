"""All answers without a question.

Rule: an answer that is missing or fails is an error that names its flag.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from proxy.cli.errors import CommandError, UsageError
from proxy.cli.init.answers import NO_KEY, OTHER, Answers, held_key
from proxy.cli.init.checks import Checks, is_local
from proxy.cli.init.faults import Fault, Unreached
from proxy.cli.init.given import Given, provider_names
from proxy.cli.init.proposals import NO_MODELS, Tiers, proposed_tiers
from proxy.cli.init.trial import answering, listing
from proxy.providers.profiles import UNKNOWN, Vendor

MAX_SHOWN = 5


class Failed(CommandError):
    """The upstream did not do what was asked; nothing was written."""


def unattended(
    given: Given, variables: Mapping[str, str], checks: Checks, *, protected: bool
) -> Answers:
    """The answers of the command line, and the proposals for the others.

    ``protected``: the configuration restricts already who may use the proxy. Raises ``CommandError``.
    """
    answers = _upstream(given, variables, checks)
    answers = replace(answers, access=given.access or ("kept" if protected else "local"))
    answers = replace(answers, models=_models(answers, given.models, checks))
    if given.test:
        try:
            for line in answering(answers, sys.stderr):
                print(line)
        except Unreached as error:
            raise Failed(f"{error} {_advice(error.fault, answers)}") from error
    return answers


def _upstream(given: Given, variables: Mapping[str, str], checks: Checks) -> Answers:
    """Provider, base URL and key without a question; raises ``CommandError``."""
    vendor = given.vendor
    if vendor is None:
        raise UsageError(f"--yes needs --provider NAME, one of: {provider_names()}")
    start = vendor.start
    base_url = given.base_url or (start.base_urls[0] if start.base_urls else "")
    if not base_url:
        raise UsageError(
            f"the provider {_name(vendor)} needs --base-url URL, such as {start.url_form}"
        )
    answers = Answers(vendor, base_url, given.key or NO_KEY, given.key_variable)
    if given.key or (start.key_variable is None and is_local(base_url)):
        return answers
    variable, key = held_key(variables, answers)
    if key:
        return replace(answers, key=checks.key(key), key_variable=variable)
    if start.key_variable:
        raise UsageError(
            f"the provider {_name(vendor)} needs a key: set {start.key_variable}, or name the "
            "variable that holds it with --key-env NAME"
        )
    return answers


def _models(answers: Answers, given: Tiers, checks: Checks) -> Tiers:
    """The models that are given, else the proposals, else those of the next higher tier."""
    ids: Sequence[str] = ()
    if not (given.big and given.middle and given.small):
        try:
            ids = listing(answers, sys.stderr)
        except Unreached as error:
            if not given.big:
                advice = _advice(error.fault, answers)
                raise Failed(f"{error} {advice}") from error
    proposed = proposed_tiers(answers.start, ids) if ids else NO_MODELS
    big = given.big or proposed.big
    if not big:
        raise Failed(_no_proposal(answers, ids))
    # What is given counts more than a proposal for a lower tier.
    middle = given.middle or (given.big or proposed.middle)
    small = given.small or proposed.small or middle
    return Tiers(*map(checks.model, (big, middle, small)))


def _no_proposal(answers: Answers, ids: Sequence[str]) -> str:
    if not ids:
        return "The upstream lists no models: name one with --big ID."
    note = f" {answers.start.note}" if answers.start.note else ""
    return (
        f"None of the listed models is proposed: name one with --big ID, such as {_few(ids)}.{note}"
    )


def _few(ids: Sequence[str]) -> str:
    more = len(ids) - MAX_SHOWN
    return ", ".join(ids[:MAX_SHOWN]) + (f" ({more} more)" if more > 0 else "")


def _advice(fault: Fault, answers: Answers) -> str:
    """What to do about it."""
    if fault.suspect == "key":
        source = answers.key_variable or "--key-env or --key-stdin"
        return f"Correct the key in {source}."
    if fault.suspect == "address" or not fault.answered:
        return f"Correct --base-url (now {answers.base_url}) or the network."
    if fault.model:
        tiers = [t for t in ("big", "middle", "small") if getattr(answers.models, t) == fault.model]
        return f"Name another one with --{tiers[0]}, or write it untested with --no-test."
    return "Try again, or name the models with --big, --middle and --small."


def _name(vendor: Vendor) -> str:
    return OTHER if vendor is UNKNOWN else vendor.name
