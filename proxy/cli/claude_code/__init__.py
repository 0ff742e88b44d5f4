"""``claude-proxy claude-code``: the settings with which Claude Code uses this proxy."""

from proxy.cli.claude_code.command import add_arguments, run
from proxy.cli.claude_code.facts import Facts, Window, configured_facts
from proxy.cli.claude_code.file import ClientSettingsError, merged, write_settings
from proxy.cli.claude_code.members import KEY_PLACEHOLDER, client_settings

__all__ = [
    "KEY_PLACEHOLDER",
    "ClientSettingsError",
    "Facts",
    "Window",
    "add_arguments",
    "client_settings",
    "configured_facts",
    "merged",
    "run",
    "write_settings",
]
