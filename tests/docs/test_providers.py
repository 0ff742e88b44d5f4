"""docs/providers.md: each profile has a block of settings, and the block chooses that profile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from config.registry.values import registry_in_force
from config.settings import Settings, load_settings
from config.variables.table import VARIABLES
from proxy.providers.profiles import base_path_for, profile_for
from proxy.providers.profiles.vendors import PROFILES
from tests.docs.markdown import Block, blocks
from tests.docs.shell import commands
from tests.paths import DOCS, ROOT

LOCAL = {"ollama", "vllm", "llamacpp"}
"""Servers that want no key."""
README_BLOCKS = ["openai", "deepseek", "ollama"]


def _settings(block: Block) -> Settings:
    """The block as the program would read it; a key from another variable is some text."""
    environ = {
        name: re.sub(r"\$\w+", "a-key", value)
        for command in commands(block.code)
        for name, value in command.variables.items()
    }
    known = {name for variable in VARIABLES for name in variable.names}
    assert set(environ) <= known, f"{block}: {set(environ) - known}"
    return load_settings(environ)


def _profile_of(settings: Settings) -> str:
    url = urlsplit(settings.openai_base_url)
    return profile_for(url.netloc, settings.big_model or "", path=url.path).name


def _blocks() -> Iterator[Block]:
    inside = False
    text = (DOCS / "providers.md").read_text("utf-8").splitlines()
    first = text.index("## Settings") + 1
    last = next(n for n, line in enumerate(text, 1) if n > first and line.startswith("## "))
    for block in blocks(DOCS / "providers.md"):
        inside = first < block.line < last
        if inside:
            yield block


BLOCKS = list(_blocks())
NATIVE = BLOCKS[-1]
"""The last one is Anthropic's, which has no profile of its own."""


def test_each_profile_has_one_block() -> None:
    chosen = [_profile_of(_settings(block)) for block in BLOCKS if block is not NATIVE]
    assert chosen == [vendor.name for vendor in PROFILES]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.section)
def test_a_block_is_a_whole_configuration(block: Block) -> None:
    settings = _settings(block)
    url = urlsplit(settings.openai_base_url)
    assert len(block.code.splitlines()) <= 4
    if block is NATIVE:
        assert registry_in_force(settings).default.native
        return
    name = _profile_of(settings)
    assert (settings.openai_api_key is None) == (name in LOCAL)
    path = base_path_for(url.netloc, url.path)
    assert path is None or path == url.path, f"complete: {path}"


def test_the_readme_has_three_providers() -> None:
    found = [block for block in blocks(ROOT / "README.md") if block.section == "Providers"]
    assert [_profile_of(_settings(block)) for block in found] == README_BLOCKS
