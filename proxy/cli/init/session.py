"""One run of ``claude-proxy init``: the answers, the file, the end.

Rule: nothing is written before every question is answered.
"""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from proxy.cli.announce import is_loopback
from proxy.cli.environment import operator_variables
from proxy.cli.init.answers import Answers
from proxy.cli.init.checks import Checks
from proxy.cli.init.closing import close
from proxy.cli.init.given import given_answers
from proxy.cli.init.interview import Interview
from proxy.cli.init.other_settings import NAMES, ensure_valid
from proxy.cli.init.targets import DotenvTarget, RegistryTarget, Target
from proxy.cli.init.terminal import Terminal
from proxy.cli.init.unattended import unattended
from proxy.cli.lines import wrapped

AUTH_KEY_BYTES = 24


def init(options: argparse.Namespace) -> None:
    """Ask, write and print; raises ``ConfigError`` and ``CommandError``."""
    target: Target = DotenvTarget()
    if options.registry is not None:
        target = RegistryTarget(Path(options.registry))
    target.ensure_writable()
    ensure_valid()
    environ, dotenv = operator_variables()
    variables = {**dotenv, **environ}
    checks = Checks(target.check)
    given = given_answers(options, variables, checks)
    protected = _is_protected(variables)
    if options.yes:
        answers = unattended(given, variables, checks, protected=protected)
    else:
        answers = _asked(Interview(Terminal(), given, checks, variables, protected))
    if answers.access == "key":
        answers = replace(answers, auth_key=secrets.token_urlsafe(AUTH_KEY_BYTES))
    print(f"\n{wrapped(target.write(answers))}")
    close(answers, target, merge=options.claude_code)


def _asked(interview: Interview) -> Answers:
    try:
        return interview.answers()
    except KeyboardInterrupt:
        print("\n\nNothing was written.", end="")
        raise


def _is_protected(variables: Mapping[str, str]) -> bool:
    """Whether the proxy has an auth key already, or listens on a loopback address."""
    if any(variables.get(name, "").strip() for name in NAMES["auth_keys"]):
        return True
    hosts = (variables.get(name, "").strip() for name in NAMES["host"])
    return is_loopback(next(filter(None, hosts), ""))
