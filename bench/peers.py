"""Other proxies, from their packages, each in an environment of its own below ``.venv/peers``.

Rule: a peer runs with one worker, a key for clients and the log of its production use. One that
cannot be installed or started is named in the results, and the run goes on without it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from bench.places import BUILD, PEERS, free_port
from bench.processes import Process
from bench.systems import (
    AUTH_KEY,
    CLIENT_HEADERS,
    UPSTREAM_KEY,
    Route,
    System,
    answers,
    listens,
    started,
)

INSTALL_SECONDS = 900
_NPM_LIMITS = ("--fetch-retries=1", "--fetch-timeout=60000")


class NotInstalled(Exception):
    """The package cannot be had here; the message holds the installer's last words."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A proxy: how it is installed, where its program then is, how it is started."""

    name: str
    package: str
    program: Path
    start: Callable[[int], System]
    node: bool = False

    def install(self) -> None:
        """Install it unless it is there; raises ``NotInstalled``."""
        if self.program.exists():
            return
        home = self.program.parents[1]
        commands = _npm(self.package) if self.node else _pip(self.package, home)
        for command in commands:
            try:
                subprocess.run(
                    command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS
                )
            except subprocess.CalledProcessError as error:
                raise NotInstalled(error.stderr.strip()[-300:]) from error
            except (OSError, subprocess.TimeoutExpired) as error:
                raise NotInstalled(str(error)[:300]) from error

    @property
    def version(self) -> str:
        """The installed version, with the peer's name."""
        return f"{self.name} {_version(self.package, self.program.parents[1], self.node)}"


def _pip(package: str, home: Path) -> Sequence[list[str]]:
    return (
        [sys.executable, "-m", "venv", str(home)],
        [f"{home}/bin/pip", "install", "-q", "--disable-pip-version-check", package],
    )


def _npm(package: str) -> Sequence[list[str]]:
    prefix = ["--prefix", str(PEERS / "node"), "--silent", "--no-audit", "--no-fund", "--no-save"]
    return (["npm", "install", *prefix, *_NPM_LIMITS, package],)


def _version(package: str, home: Path, node: bool) -> str:
    if node:
        manifest = home / package / "package.json"
        return str(json.loads(manifest.read_text("utf-8"))["version"])
    wanted = package.partition("[")[0].partition("==")[0]
    places = [str(path) for path in home.glob("lib/python*/site-packages")]
    found = [one.version for one in distributions(path=places) if one.name == wanted]
    return found[0] if found else "?"


_ROUTES = {"chat": Route("/v1/messages", {**CLIENT_HEADERS, "x-api-key": AUTH_KEY})}


def _directory(name: str) -> Path:
    path = BUILD / "run" / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def _old_proxy(upstream: int) -> System:
    port = free_port()
    environ = {
        "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream}/v1",
        "OPENAI_API_KEY": UPSTREAM_KEY,
        "CLAUDE_PROXY_AUTH_KEY": AUTH_KEY,
        "CLAUDE_PROXY_BIG_MODEL": "bench-model",
        "CLAUDE_PROXY_HOST": "127.0.0.1",
        "CLAUDE_PROXY_PORT": str(port),
    }
    process = Process([OLD_PROXY.program], _directory("claude-proxy"), environ)
    system = System(OLD_PROXY.name, port, process, _ROUTES)
    return started(system, lambda: answers(port, "/health"))


def _router(upstream: int) -> System:
    port, directory = free_port(), _directory("claude-code-router")
    config = {
        "APIKEY": AUTH_KEY,
        "PORT": port,
        # Its default, debug, writes every body to the file; ours logs none.
        "LOG_LEVEL": "info",
        "NON_INTERACTIVE_MODE": True,
        "Providers": [
            {
                "name": "bench",
                "api_base_url": f"http://127.0.0.1:{upstream}/v1/chat/completions",
                "api_key": UPSTREAM_KEY,
                "models": ["bench-model"],
            }
        ],
        "Router": {"default": "bench,bench-model"},
    }
    settings = directory / ".claude-code-router"
    settings.mkdir(exist_ok=True)
    (settings / "config.json").write_text(json.dumps(config), "utf-8")
    process = Process([ROUTER.program, "start"], directory, {})
    routes = {"chat": Route("/v1/messages", _ROUTES["chat"].headers, "bench,bench-model")}
    return started(System(ROUTER.name, port, process, routes), lambda: listens(port))


_LITELLM = """
model_list:
  - model_name: bench-model
    litellm_params:
      model: hosted_vllm/bench-model
      api_base: http://127.0.0.1:{upstream}/v1
      api_key: {key}
general_settings: {{master_key: {auth}}}
litellm_settings: {{telemetry: false}}
"""


def _litellm(upstream: int) -> System:
    port, directory = free_port(), _directory("litellm")
    config = _LITELLM.format(upstream=upstream, key=UPSTREAM_KEY, auth=f"sk-{AUTH_KEY}")
    (directory / "config.yaml").write_text(config, "utf-8")
    command: list[str | Path] = [
        *(LITELLM.program, "--config", "config.yaml", "--host", "127.0.0.1"),
        *("--port", str(port), "--num_workers", "1"),
    ]
    # Else it fetches a list of prices at each start.
    process = Process(command, directory, {"LITELLM_LOCAL_MODEL_COST_MAP": "True"})
    headers = {**CLIENT_HEADERS, "x-api-key": f"sk-{AUTH_KEY}"}
    system = System(LITELLM.name, port, process, {"chat": Route("/v1/messages", headers)})
    return started(system, lambda: answers(port, "/health/liveliness"))


OLD_PROXY = Peer(
    "claude-proxy 0.8", "claude-proxy==0.8.0", PEERS / "claude-proxy/bin/claude-proxy", _old_proxy
)
ROUTER = Peer(
    "claude-code-router",
    "@musistudio/claude-code-router",
    PEERS / "node/node_modules/.bin/ccr",
    _router,
    node=True,
)
LITELLM = Peer("LiteLLM", "litellm[proxy]", PEERS / "litellm/bin/litellm", _litellm)

PEERS_BY_COST: tuple[Peer, ...] = (ROUTER, OLD_PROXY, LITELLM)
