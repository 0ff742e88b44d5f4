"""What the working directory shows of mistakes (docs/features.md "Configuration")."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.cli.directory_mistakes import repeated_names, unread_registry, unreadable_lines
from proxy.cli.environment import current_settings


@pytest.mark.parametrize(
    ("names", "warning"),
    [
        pytest.param([], None, id="none"),
        pytest.param(["package.json", "models.txt"], None, id="other files"),
        pytest.param(
            ["models.yaml"],
            "models.yaml in the working directory is not read: set CLAUDE_PROXY_CONFIG=models.yaml "
            "(or --config) if it holds your providers and models",
            id="one",
        ),
        pytest.param(
            ["config.json", "models.yml", "providers.yaml"],
            "providers.yaml, models.yml and config.json in the working directory are not read: set "
            "CLAUDE_PROXY_CONFIG=providers.yaml (or --config) if it holds your providers and models",
            id="three",
        ),
    ],
)
def test_unread_registry(names: list[str], warning: str | None, tmp_path: Path) -> None:
    (tmp_path / "models.json").mkdir()
    for name in names:
        (tmp_path / name).touch()
    assert unread_registry(tmp_path) == warning


def test_told_unless_a_registry_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models.yaml").write_text("models: {m: {api_base: https://h}}")
    [warning] = current_settings().warnings
    assert warning.startswith("models.yaml in the working directory is not read")
    assert current_settings({"config": "models.yaml"}).warnings == ()


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        pytest.param("PORT=1\n\n# c\nexport HOST='h' # c\n OTHER\n", (), id="good"),
        pytest.param("PORT=1\nOPENAI_API_KEY: sk-secret\n", (2,), id="a colon"),
        pytest.param("BIG_MODEL='sk-secret\nPORT=1\n", (1,), id="an open quote"),
        pytest.param("set PORT=1\n", (1,), id="another shell's word"),
    ],
)
def test_lines_that_are_no_assignments(text: str, mistakes: tuple[int, ...]) -> None:
    assert unreadable_lines(text) == tuple(
        f".env: line {line} is not read: write NAME=value, with the quotes in pairs"
        for line in mistakes
    )


def test_a_name_without_a_value() -> None:
    assert unreadable_lines("OPENAI_API_KEY\n") == (
        ".env: line 1 is not read: write OPENAI_API_KEY=value",
    )


def test_repeated_names() -> None:
    text = (
        "PORT=1\nBIG_MODEL=a\nPORT=1\nBIG_MODEL=b\nOTHER=1\nOTHER=2\nSMALL_MODEL=\nSMALL_MODEL=c\n"
    )
    assert repeated_names(text) == (
        ".env: BIG_MODEL is set in line 2 and in line 4: the last one counts",
    )
