"""What the command line answers.

Rule: the key comes from a variable or from standard input, never from an argument.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.cli.errors import UsageError
from proxy.cli.init.answers import OTHER, Access, vendor_named
from proxy.cli.init.checks import Checks
from proxy.cli.init.proposals import Tiers
from proxy.providers.profiles import PROFILES, Vendor


@dataclass(frozen=True, slots=True)
class Given:
    """The answers of the command line; empty or None: not given."""

    vendor: Vendor | None
    base_url: str
    key: str = field(repr=False)
    key_variable: str
    models: Tiers
    access: Access | None
    test: bool


def given_answers(
    options: argparse.Namespace, variables: Mapping[str, str], checks: Checks
) -> Given:
    """The options as answers; raises ``CommandError``."""
    names = (options.big, options.middle, options.small)
    key, variable = _key(options, variables, checks)
    return Given(
        vendor=_vendor(options.provider) if options.provider else None,
        base_url=checks.base_url(options.base_url) if options.base_url else "",
        key=key,
        key_variable=variable,
        models=Tiers(*(checks.model(name) if name else "" for name in names)),
        access=options.access,
        test=options.test,
    )


def _key(
    options: argparse.Namespace, variables: Mapping[str, str], checks: Checks
) -> tuple[str, str]:
    """The key and its variable; both empty if none is given."""
    if options.key_stdin:
        key = sys.stdin.readline().strip()
        if not key:
            raise UsageError("--key-stdin: standard input holds no key")
        return checks.key(key), ""
    if not options.key_env:
        return "", ""
    key = variables.get(options.key_env, "").strip()
    if not key:
        raise UsageError(f"--key-env {options.key_env}: this variable is not set")
    return checks.key(key), options.key_env


def _vendor(text: str) -> Vendor:
    vendor = vendor_named(text)
    if vendor is None:
        raise UsageError(f"--provider {text!r} is not one of: {provider_names()}")
    return vendor


def provider_names() -> str:
    """Every value of ``--provider``."""
    return ", ".join((*(vendor.name for vendor in PROFILES), OTHER))
