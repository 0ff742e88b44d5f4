"""Reading ``.env`` and remembering what was valid."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigError
from proxy.cli import environment
from proxy.cli.environment import (
    current_settings,
    known_encoding,
    operator_variables,
    put_in_force,
    read_dotenv,
    settings_in_force,
)


@pytest.fixture(autouse=True)
def empty_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("content", "variables"),
    [
        pytest.param(b"A=1\nexport B='2 # 3'\n#C=4\n\n", {"A": "1", "B": "2 # 3"}, id="plain"),
        pytest.param(b"\xef\xbb\xbfA=1\r\nB=2\r\n", {"A": "1", "B": "2"}, id="from Windows"),
        pytest.param(b"A\nB=\n", {"B": ""}, id="a name alone is nothing"),
        pytest.param(b"", {}, id="empty"),
    ],
)
def test_read_dotenv(content: bytes, variables: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(content)
    assert read_dotenv(path) == variables


def test_no_dotenv(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path / ".env") == {}


def test_a_virtual_environment_called_dotenv_is_no_file(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path) == {}


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"A=\xff\xfe")
    with pytest.raises(ConfigError, match=r"\.env: not UTF-8 text"):
        read_dotenv(path)


def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".env"
    path.touch()

    def denied(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    # The tests may run as root, who may read everything.
    monkeypatch.setattr(Path, "read_text", denied)
    with pytest.raises(ConfigError, match=r"\.env: cannot be read: Permission denied"):
        read_dotenv(path)


def test_settings_in_force_outlive_an_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_IN_FORCE", environment._InForce())
    monkeypatch.setenv("CLAUDE_PROXY_PORT", "81")
    assert settings_in_force().port == 81
    put_in_force(current_settings())
    for edit in ("82", "bad"):
        monkeypatch.setenv("CLAUDE_PROXY_PORT", edit)
        assert settings_in_force().port == 81


def test_operator_variables_of_some_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_PROXY_PORT", "1")
    monkeypatch.setenv("PORT", " ")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    Path(".env").write_text("PORT=2\nOPENAI_BASE_URL=x\nHOST=\n")
    assert operator_variables({"port", "host"}) == ({"CLAUDE_PROXY_PORT": "1"}, {"PORT": "2"})


@pytest.mark.parametrize("name", ["o200k_base", "gpt-4o"])
def test_known_encodings(name: str) -> None:
    known_encoding(name)


def test_an_unknown_encoding() -> None:
    with pytest.raises(ValueError, match=r"^is neither an encoding \(cl100k_base, .* nor a known"):
        known_encoding("p50k_edit")
