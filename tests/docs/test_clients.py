"""The examples of docs/clients.md and the README are run as they stand there.

Rule: only the proxy's address is replaced. A client that is not installed is skipped with its reason.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.docs.conftest import DOCUMENTED
from tests.docs.markdown import Block, blocks
from tests.docs.shell import commands
from tests.frameworks.obedient_model import GREETING
from tests.live import LiveProxy
from tests.paths import DOCS, ROOT

CLIENTS = DOCS / "clients.md"
VENV = ROOT / ".venv"
RUN_SECONDS = 60.0


def _block(section: str, language: str) -> Block:
    """The first block of a section in one language."""
    return next(b for b in blocks(CLIENTS) if b.section == section and b.language == language)


def _path(words: Sequence[str]) -> str:
    """What a curl line asks for."""
    url = next(word for word in words if word.startswith(DOCUMENTED))
    return url.removeprefix(DOCUMENTED)


def _curls() -> list[Any]:
    return [
        pytest.param(command.words, id=f"{block} {_path(command.words)}")
        for path in (CLIENTS, ROOT / "README.md", DOCS / "switching.md", DOCS / "providers.md")
        for block in blocks(path)
        if block.language == "sh"
        for command in commands(block.code)
        if command.program == "curl"
    ]


def _run(arguments: Sequence[str | Path], folder: Path, **environ: str) -> str:
    """What the program printed; it has no variable of the caller's but PATH."""
    done = subprocess.run(
        arguments,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), **environ},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _code(block: Block, proxy: LiveProxy) -> str:
    assert DOCUMENTED in block.code
    return block.code.replace(DOCUMENTED, proxy.url)


def _node(block: Block, proxy: LiveProxy, modules: Path, folder: Path) -> str:
    """What the example prints with the packages that ``modules`` holds."""
    node = shutil.which("node")
    if node is None or not (modules / ".installed").exists():
        pytest.skip(f"not installed in {modules.name} (make programs installs it)")
    (folder / "node_modules").symlink_to(modules / "node_modules")
    (folder / "example.mjs").write_text(_code(block, proxy), "utf-8")
    return _run([node, "example.mjs"], folder)


@pytest.mark.parametrize("words", _curls())
def test_curl(words: list[str], proxy: LiveProxy, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not there")
    arguments = [word.replace(DOCUMENTED, proxy.url) for word in words]
    printed = _run([arguments[0], "--fail", "--silent", "--show-error", *arguments[1:]], tmp_path)
    body = json.loads(words[-1]) if "-d" in words else {}
    if body.get("stream"):
        texts = [
            json.loads(line.removeprefix("data: "))["delta"]["text"]
            for line in printed.splitlines()
            if line.startswith("data: ") and '"text_delta"' in line
        ]
        assert "".join(texts) == GREETING
        assert printed.rstrip().endswith('{"type":"message_stop"}')
    else:
        member = {"count_tokens": "input_tokens", "models": "data", "test_conversion": "dropped"}
        assert member[_path(words).rpartition("/")[2]] in json.loads(printed)


def test_python_sdk(proxy: LiveProxy, tmp_path: Path) -> None:
    program = _code(_block("Python SDK", "python"), proxy)
    assert _run([sys.executable, "-c", program], tmp_path) == GREETING


@pytest.mark.long
def test_python_sdk_by_environment(proxy: LiveProxy, tmp_path: Path) -> None:
    (exported,) = commands(_code(_block("Python SDK", "sh"), proxy))
    program = (
        "import anthropic\n"
        "print(anthropic.Anthropic().messages.create(model='claude-sonnet-5', max_tokens=9,"
        " messages=[{'role': 'user', 'content': 'Hi'}]).content[0].text)"
    )
    printed = _run([sys.executable, "-c", program], tmp_path, **exported.variables)
    assert printed == f"{GREETING}\n"


def test_typescript_sdk(proxy: LiveProxy, tmp_path: Path) -> None:
    block = _block("TypeScript SDK", "js")
    assert _node(block, proxy, VENV / "typescript-sdk", tmp_path) == f"{GREETING}\n"


def test_ai_sdk(proxy: LiveProxy, tmp_path: Path) -> None:
    block = _block("AI SDK", "js")
    assert _node(block, proxy, VENV / "ai-sdk", tmp_path) == f"{GREETING}\n"


@pytest.mark.long
def test_langchain(proxy: LiveProxy, tmp_path: Path) -> None:
    installed = VENV / "langchain"
    if not (installed / ".installed").exists():
        pytest.skip("LangChain is not installed in .venv/langchain (make programs installs it)")
    program = _code(_block("LangChain", "python"), proxy)
    assert _run([installed / "bin" / "python", "-c", program], tmp_path) == f"{GREETING}\n"


def _answer(url: str, key: str, model: str) -> str:
    """The text of a message, asked for as the clients below do: at their base URL + ``messages``."""
    body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    answer = requests.post(url, json=body, headers={"x-api-key": key}, timeout=RUN_SECONDS)
    answer.raise_for_status()
    return str(answer.json()["content"][0]["text"])


def test_opencode(proxy: LiveProxy) -> None:
    settings = json.loads(_code(_block("opencode", "json"), proxy))
    provider, _, model = settings["model"].partition("/")
    options = settings["provider"][provider]["options"]
    assert model in settings["provider"][provider]["models"]
    assert _answer(options["baseURL"] + "/messages", options["apiKey"], model) == GREETING


def test_continue(proxy: LiveProxy) -> None:
    (model,) = yaml.safe_load(_code(_block("Continue", "yaml"), proxy))["models"]
    assert model["apiBase"].endswith("/")
    assert model["provider"] == "anthropic"
    assert _answer(model["apiBase"] + "messages", model["apiKey"], model["model"]) == GREETING
