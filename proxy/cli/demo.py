"""``claude-proxy demo``: the service with a built-in upstream, for use without an API key.

Rule: no configuration of a real upstream is used: no keys, models or proxies. Only the settings in
``KEPT`` can be configured.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import partial

from config.settings import Settings, load_settings
from proxy.cli.demo_replies import TOOL
from proxy.cli.demo_upstream import MODEL
from proxy.cli.environment import operator_variables
from proxy.cli.options import add_address
from proxy.cli.process import ensure_free
from proxy.cli.serve import serve
from proxy.cli.server_urls import client_url

KEPT = frozenset(
    {"host", "port", "workers", "log_level", "log_format", "log_file", "graceful_timeout"}
)
DEMO_DEFAULTS: Mapping[str, str] = {"HOST": "127.0.0.1", "CLAUDE_PROXY_WORKERS": "1"}
"""Defaults that differ from the service's: the demo listens on the loopback address only."""

UPSTREAM = (sys.executable, "-m", "proxy.cli.demo_upstream")
QUESTION = {
    "model": "claude-sonnet-5",
    "max_tokens": 1000,
    "stream": True,
    "tools": [
        {
            "name": TOOL,
            "description": "The weather in a city",
            "input_schema": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        }
    ],
    "messages": [{"role": "user", "content": "What is the weather in Paris?"}],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_address(parser)


def run(_: argparse.Namespace, chosen: Mapping[str, object]) -> None:
    """Run the command; raises what ``serve`` raises."""
    demo(chosen)


def demo(arguments: Mapping[str, object]) -> None:
    """Run the service and the demo upstream until a signal; raises what ``serve`` raises."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        read_settings = partial(demo_settings, arguments, listener.getsockname()[1])
        settings = read_settings()
        ensure_free(settings.host, settings.port)
        # The demo upstream exits by itself after this process has ended for any reason.
        subprocess.Popen(
            [*UPSTREAM, str(listener.fileno()), str(os.getpid())],
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            # So that Ctrl-C ends only the service, whose last requests still need the upstream.
            start_new_session=True,
        )
    print(invitation(settings), flush=True)
    serve(read_settings)


def demo_settings(arguments: Mapping[str, object], upstream_port: int) -> Settings:
    """Settings for the demo upstream on ``upstream_port``, and the operator's own values of KEPT."""
    environ, dotenv = operator_variables(KEPT)
    upstream = {
        "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream_port}/v1",
        "OPENAI_API_KEY": "demo",
        "CLAUDE_PROXY_BIG_MODEL": MODEL,
        "CLAUDE_PROXY_SMALL_MODEL": MODEL,
    }
    return load_settings(
        environ | upstream, dotenv={**DEMO_DEFAULTS, **dotenv}, arguments=arguments
    )


def invitation(settings: Settings) -> str:
    """What to type into another terminal."""
    url = client_url(settings.host, settings.port)
    claude_code = f"ANTHROPIC_BASE_URL={url} ANTHROPIC_AUTH_TOKEN=any claude"
    return (
        "A demo without a model. Start Claude Code in another terminal:\n\n"
        f"  {claude_code}\n\nor paste this there:\n\n{curl_line(settings)}\n"
    )


def curl_line(settings: Settings) -> str:
    """A command that sends a request."""
    url = client_url(settings.host, settings.port)
    return (
        f"curl -N {url}/v1/messages -H 'content-type: application/json' -d '{json.dumps(QUESTION)}'"
    )
