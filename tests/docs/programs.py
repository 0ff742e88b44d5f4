"""What may stand in a document as a command: each program with a check of its arguments.

Rule: our own programs are checked by what reads their arguments: the real parser, the Makefile, the
table of variables, the routes. Of others it is checked that the files they name exist.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from urllib.parse import urlsplit

from config.settings import load_settings
from config.variables.table import CUSTOM_HEADER_PREFIX, VARIABLES
from proxy.app import create_app

# The parser of the command itself: main() would also run what it parsed.
from proxy.cli.main import _parser as command_parser
from tests.docs.shell import Command
from tests.paths import ROOT

FOREIGN_VARIABLES = re.compile(
    r"ANTHROPIC_\w+|CLAUDE_CODE_\w+|ENABLE_TOOL_SEARCH|API_TIMEOUT_MS|PYTHON|SOAK_SECONDS"
    r"|FUZZ_\w+|[a-z]\w*"
)
"""Variables of clients, of make and of a block's own lines."""
OTHER_PROGRAMS = {
    *("apt-get", "cat", "cd", "certbot", "claude", "install", "ln", "nginx", "openssl", "useradd"),
    *("gcloud", "journalctl", "systemctl", "systemd-analyze"),
}
OURS = {"claude-proxy", ".venv/bin/claude-proxy", "/opt/claude-proxy/current/bin/claude-proxy"}
_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
_FILE = re.compile(r"(?:deploy|config|docs|tests)/[\w./-]*\w")
MADE_HERE = {"deploy/.env"}
"""Files that the commands themselves write."""


def problems(command: Command) -> list[str]:
    """What is wrong with a command; nothing where it is right."""
    return [*_variables(command.variables), *_words(command.words), *_files(command.words)]


def _words(words: Sequence[str]) -> list[str]:
    if not words:
        return []
    program, arguments = words[0], list(words[1:])
    if program in OURS:
        return parsed(arguments)
    if check := CHECKS.get(program.rpartition("/")[2]):
        return check(arguments)
    return [] if program in OTHER_PROGRAMS else [f"unknown program: {program}"]


def parsed(arguments: Sequence[str]) -> list[str]:
    """What the command's own parser says of its arguments."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            command_parser().parse_args(list(arguments))
        except SystemExit as end:
            return [said.getvalue().strip().splitlines()[-1]] if end.code else []
    return []


def _variables(names: Iterable[str]) -> list[str]:
    return [f"unknown variable: {name}" for name in names if not is_variable(name)]


def is_variable(name: str) -> bool:
    """Whether something reads the variable."""
    if name.startswith(CUSTOM_HEADER_PREFIX) or FOREIGN_VARIABLES.fullmatch(name):
        return True
    return name in our_variables()


@cache
def our_variables() -> frozenset[str]:
    """Every name in the table of variables."""
    return frozenset(name for variable in VARIABLES for name in variable.names)


def _files(words: Iterable[str]) -> list[str]:
    found = [file for word in words for file in _FILE.findall(word)]
    return [
        f"no such file: {file}"
        for file in found
        if file not in MADE_HERE and not (ROOT / file).exists()
    ]


def _make(arguments: Sequence[str]) -> list[str]:
    targets = set(_TARGET.findall((ROOT / "Makefile").read_text("utf-8")))
    named = {argument for argument in arguments if "=" not in argument}
    settings = [argument.partition("=")[0] for argument in arguments if "=" in argument]
    return [f"no target: {target}" for target in named - targets] + _variables(settings)


def _python(arguments: Sequence[str]) -> list[str]:
    match arguments:
        case ["-m", "venv", _]:
            return []
        case ["-m", "proxy", *rest]:
            return parsed(rest)
        case ["-m", module, *_]:
            path = ROOT.joinpath(*module.split("."))
            there = path.with_suffix(".py").exists() or (path / "__main__.py").exists()
            return [] if there else [f"no module: {module}"]
    return [f"python {' '.join(arguments)}"]


def _pip(arguments: Sequence[str]) -> list[str]:
    wanted = arguments[:1] == ["install"] and (arguments[-1] == "." or "--requirement" in arguments)
    return [] if wanted else [f"pip {' '.join(arguments)}"]


def _uv(arguments: Sequence[str]) -> list[str]:
    return [] if arguments[:3] == ["tool", "install", "."] else [f"uv {' '.join(arguments)}"]


def _uvx(arguments: Sequence[str]) -> list[str]:
    if arguments[:3] != ["--from", ".", "claude-proxy"]:
        return [f"uvx {' '.join(arguments)}"]
    return parsed(arguments[3:])


def _pipx(arguments: Sequence[str]) -> list[str]:
    return [] if arguments == ["install", "."] else [f"pipx {' '.join(arguments)}"]


def _ollama(arguments: Sequence[str]) -> list[str]:
    return [] if arguments == ["serve"] else [f"ollama {' '.join(arguments)}"]


def _gunicorn(arguments: Sequence[str]) -> list[str]:
    wanted = ["-c", "deploy/gunicorn.conf.py", "wsgi:app"]
    return [] if arguments == wanted else [f"gunicorn {' '.join(arguments)}"]


def _docker(arguments: Sequence[str]) -> list[str]:
    """Subcommands, and behind the image the arguments of our command."""
    if arguments[0] == "compose":
        known = {"build", "down", "ps", "up"}
        return [] if known & set(arguments) else [f"docker {' '.join(arguments)}"]
    if arguments[0] == "run":
        after = len(arguments) - list(reversed(arguments)).index("claude-proxy")
        return parsed(arguments[after:])
    return [] if arguments[0] in {"build", "kill", "rm", "stop"} else [f"docker {arguments[0]}"]


def _kubectl(arguments: Sequence[str]) -> list[str]:
    known = {"apply", "create", "rollout"}
    return [] if known & set(arguments) else [f"kubectl {' '.join(arguments)}"]


def _curl(arguments: Sequence[str]) -> list[str]:
    """The paths of its URLs are ours."""
    urls = [urlsplit(word) for word in arguments if re.match(r"https?://", word)]
    routes = create_app(load_settings({})).url_map.bind("localhost")
    method = "POST" if "-d" in arguments else "GET"
    unknown = [url.path for url in urls if not routes.test(url.path, method)]
    return [f"no endpoint: {path}" for path in unknown] if urls else ["curl without a URL"]


CHECKS: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "curl": _curl,
    "docker": _docker,
    "gunicorn": _gunicorn,
    "kubectl": _kubectl,
    "make": _make,
    "ollama": _ollama,
    "pip": _pip,
    "pipx": _pipx,
    "python": _python,
    "python3": _python,
    "uv": _uv,
    "uvx": _uvx,
}
