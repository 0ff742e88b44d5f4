"""``claude-proxy`` without a command: run the service, or show or validate its settings."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from config.errors import ConfigError
from proxy.app import create_app
from proxy.cli.announce import start_warnings, summary
from proxy.cli.environment import current_settings, explained_settings
from proxy.cli.serve import serve


def run(options: argparse.Namespace, chosen: Mapping[str, object]) -> None:
    """Do what ``options`` ask for; raises ``ConfigError`` or ``CannotStart``."""
    if options.print_config:
        _print_config(chosen)
    elif options.check:
        _check(chosen)
    else:
        serve(partial(current_settings, chosen))


def _print_config(chosen: Mapping[str, object]) -> None:
    lines = explained_settings(chosen)
    name_width = max(len(line.name) for line in lines)
    value_width = min(max(len(line.value) for line in lines), 40)
    for line in lines:
        print(f"{line.name:{name_width}}  {line.value:{value_width}}  {line.source}")


def _check(chosen: Mapping[str, object]) -> None:
    settings = current_settings(chosen)
    create_app(settings)
    for warning in start_warnings(replace(settings, mistakes=())):
        print(f"WARNING: {warning}", file=sys.stderr)
    # At a start these are warnings: a variable too many stops no service.
    if settings.mistakes:
        raise ConfigError(settings.mistakes)
    print(f"The configuration is valid | {summary(settings)}")
