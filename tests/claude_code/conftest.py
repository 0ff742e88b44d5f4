"""One proxy and one strict upstream for all tests here; a fresh home and directory for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.claude_code.client import INSTALLED_IN, VERSION, ClaudeCode, installed_program
from tests.claude_code.strict_upstream import StrictUpstream, steps
from tests.live import LiveProxy, live_proxy

CLIENT_KEY = "claude-code-tests"


@pytest.fixture(scope="session")
def program() -> Path:
    """The client; without it these tests are skipped, and pytest's summary says why."""
    found = installed_program()
    if found is None:
        pytest.skip(
            f"Claude Code {VERSION} is not installed in {INSTALLED_IN}: it comes by npm "
            "(make programs installs it where npm and its registry can be reached)"
        )
    return found


@pytest.fixture(scope="session")
def strict_service() -> Iterator[StrictUpstream]:
    service = StrictUpstream()
    yield service
    service.close()


@pytest.fixture(scope="session")
def proxy(program: Path, strict_service: StrictUpstream) -> Iterator[LiveProxy]:
    environ = {
        "OPENAI_BASE_URL": strict_service.url,
        "OPENAI_API_KEY": "sk-upstream-key",
        "CLAUDE_PROXY_AUTH_KEY": CLIENT_KEY,
        "CLAUDE_PROXY_BIG_MODEL": "big-model",
        "CLAUDE_PROXY_MIDDLE_MODEL": "middle-model",
        "CLAUDE_PROXY_SMALL_MODEL": "small-model",
    }
    with live_proxy(environ) as running:
        yield running


@pytest.fixture
def upstream(strict_service: StrictUpstream) -> Iterator[StrictUpstream]:
    """The service with an empty script; whatever it refused fails the test."""
    strict_service.play(steps())
    yield strict_service
    assert strict_service.complaints == []


@pytest.fixture
def claude(program: Path, proxy: LiveProxy, upstream: StrictUpstream, tmp_path: Path) -> ClaudeCode:
    home, directory = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    directory.mkdir()
    return ClaudeCode(program, proxy.url, CLIENT_KEY, home, directory)
