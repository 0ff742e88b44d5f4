"""What ``init`` prints at its end: how the proxy and Claude Code are started.

Rule: warns of variables in this shell that take precedence over what was written.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from config.settings import Settings
from config.urls import without_query
from proxy.cli.claude_code.command import KeyUnknown
from proxy.cli.claude_code.facts import Facts, configured_facts
from proxy.cli.claude_code.file import as_text, settings_path, write_settings
from proxy.cli.claude_code.members import PLACEHOLDERS, known_key, members
from proxy.cli.claude_code.report import key_advice, window_report
from proxy.cli.environment import current_settings, operator_variables
from proxy.cli.init.answers import Answers, setting_values
from proxy.cli.init.other_settings import NAMES
from proxy.cli.init.proposals import CLAUDE_NAMES, TIERS
from proxy.cli.init.targets import RegistryTarget, Target
from proxy.cli.init.upstream import Upstream
from proxy.cli.lines import wrapped
from proxy.cli.program import COMMAND, program
from proxy.cli.server_urls import client_url


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
    where = "" if isinstance(target, RegistryTarget) else ", in this directory"
    print(f"\nStart the proxy{where}:\n\n  {start_line(target)}\n")
    settings = current_settings(target.chosen)
    facts = _facts(settings, answers)
    for line in window_report(facts) if facts.window else ():
        print(f"{wrapped(line)}\n")
    merging = f"{program()}{_config_option(target)} claude-code --write"
    if merge:
        print("Claude Code uses it from its next start on:")
    else:
        print(f"Claude Code uses it after this command:\n\n  {merging}\n")
        print("or with these members in ~/.claude/settings.json:\n", flush=True)
    print(_settings_for(settings, facts, merge=merge))


def _facts(settings: Settings, answers: Answers) -> Facts:
    """The facts for Claude Code's settings, with the window that the upstream lists."""
    facts = configured_facts(settings)
    # Without a key, which each client sends, there is no list.
    if facts.client_knows or answers.key is None:
        return facts
    return configured_facts(settings, Upstream(answers).window(), "says the upstream's list")


def _settings_for(settings: Settings, facts: Facts, *, merge: bool) -> str:
    key = known_key(facts, settings.auth_keys)
    wanted = members(client_url(settings.host, settings.port), key, facts)
    if not merge:
        return as_text(wanted).rstrip("\n")
    if key in PLACEHOLDERS:
        raise KeyUnknown("; ".join(key_advice(facts, key)))
    return write_settings(settings_path(Path.home()), wanted)


def start_line(target: Target) -> str:
    """The command that starts the proxy with the file, as it is installed here."""
    option = _config_option(target)
    if shutil.which(COMMAND) is None and Path("Makefile").is_file() and Path("wsgi.py").is_file():
        return f"{option.replace(' --config ', 'CLAUDE_PROXY_CONFIG=')} make run".lstrip()
    return program() + option


def _config_option(target: Target) -> str:
    """`` --config FILE`` for a registry file."""
    return (
        f" --config {shlex.quote(str(target.path))}" if isinstance(target, RegistryTarget) else ""
    )


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
