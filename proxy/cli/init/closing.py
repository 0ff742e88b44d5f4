"""What ``init`` prints at its end: how the proxy and Claude Code are started.

Rule: warns of variables in this shell that take precedence over what was written.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from config.urls import without_query
from proxy.cli.claude_code import show_or_write
from proxy.cli.environment import current_settings, operator_variables
from proxy.cli.init.answers import Answers, setting_values
from proxy.cli.init.choices import wrapped
from proxy.cli.init.other_settings import NAMES
from proxy.cli.init.proposals import CLAUDE_NAMES, TIERS
from proxy.cli.init.targets import RegistryTarget, Target

COMMAND = "claude-proxy"


def close(answers: Answers, target: Target, *, merge: bool) -> None:
    """Print the end; ``merge``: write the settings into Claude Code's file.

    Raises ``ConfigError`` if other settings are invalid, ``CommandError`` if the file of Claude Code
    cannot be written.
    """
    print(f"\n  {'upstream':10}{without_query(answers.base_url)}")
    for tier in TIERS:
        print(f"  {CLAUDE_NAMES[tier]:10}{getattr(answers.models, tier)}")
    if answers.key is None:
        print("\nNo key is stored: each client sends its own, which is sent upstream.")
    for warning in _overridden(answers, target):
        print("\n" + wrapped(f"WARNING: {warning}"))
    print(f"\nStart the proxy:\n\n  {start_line(target)}\n")
    settings = current_settings(target.chosen)
    if merge:
        print("Claude Code uses it from its next start on:")
    else:
        print(
            "Claude Code uses it with these members in ~/.claude/settings.json\n"
            f"(`{COMMAND} claude-code --write` merges them into the file):\n",
            flush=True,
        )
    show_or_write(settings, url=None, key=None, write=merge)


def start_line(target: Target) -> str:
    """The command that starts the proxy with the file, as it is installed here."""
    config = shlex.quote(str(target.path)) if isinstance(target, RegistryTarget) else ""
    if shutil.which(COMMAND) is None and Path("Makefile").is_file() and Path("wsgi.py").is_file():
        return f"CLAUDE_PROXY_CONFIG={config} make run" if config else "make run"
    program = COMMAND if shutil.which(COMMAND) else shlex.quote(sys.argv[0])
    if program.endswith(".py"):
        program = f"{shlex.quote(sys.executable)} -m proxy.cli"
    return f"{program} --config {config}" if config else program


def _overridden(answers: Answers, target: Target) -> Iterator[str]:
    environ, dotenv = operator_variables()
    registry = isinstance(target, RegistryTarget)
    values = setting_values(answers)
    for setting, value in values.items():
        if registry and setting == "openai_api_key" and answers.key_variable in NAMES[setting]:
            continue
        yield from _stronger(environ, NAMES[setting], value, "this shell", target)
        if registry:
            yield from _stronger(dotenv, NAMES[setting], value, ".env", target)
    if not registry:
        for name in NAMES["config"]:
            if {**dotenv, **environ}.get(name, "").strip():
                yield f"{name} names a registry file, whose models take precedence: unset it"


def _stronger(
    source: Mapping[str, str], names: tuple[str, ...], value: str | None, where: str, target: Target
) -> Iterator[str]:
    for name in names:
        text = source.get(name, "").strip()
        if text and text != value:
            yield f"{name} is set in {where} and takes precedence over {target.path}: unset it"
