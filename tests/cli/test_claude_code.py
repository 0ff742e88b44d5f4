"""``claude-proxy claude-code`` and the file that it merges into."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from proxy.cli.claude_code import (
    ClientSettingsError,
    client_settings,
    merged,
    show_or_write,
    write_settings,
)

FIXED = Settings(openai_api_key="sk-server", auth_keys=("alice", "bob"))
WANTED = {"env": {"A": "1", "B": "2"}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".claude" / "settings.json"


@pytest.fixture
def old(path: Path) -> Path:
    path.parent.mkdir()
    path.write_text('{"model": "opus", "env": {"B": "é", "C": "3"}}', "utf-8")
    path.chmod(0o640)
    return path


def backups(path: Path) -> list[Path]:
    return [other for other in path.parent.iterdir() if other != path]


@pytest.mark.parametrize(
    ("settings", "options", "url", "token"),
    [
        pytest.param(FIXED, {}, "http://127.0.0.1:8085", "alice", id="the first auth key"),
        pytest.param(
            Settings(openai_api_key="sk-server"),
            {},
            "http://127.0.0.1:8085",
            "any",
            id="no key is asked for",
        ),
        pytest.param(
            Settings(auth_keys=("alice",)),
            {},
            "http://127.0.0.1:8085",
            "YOUR-UPSTREAM-KEY",
            id="passthrough",
        ),
        pytest.param(
            Settings(host="10.0.0.1", port=9),
            {"key": "mine"},
            "http://10.0.0.1:9",
            "mine",
            id="--key",
        ),
        pytest.param(
            FIXED, {"url": "https://proxy.test/"}, "https://proxy.test", "alice", id="--url"
        ),
    ],
)
def test_client_settings(settings: Settings, options: dict[str, str], url: str, token: str) -> None:
    assert client_settings(settings, **options) == {
        "env": {
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_AUTH_TOKEN": token,
            "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1",
        }
    }


def test_show_prints_json_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_or_write(FIXED, url=None, key=None, write=False, home=tmp_path)
    assert json.loads(capsys.readouterr().out) == client_settings(FIXED)
    assert list(tmp_path.iterdir()) == []


def test_write_makes_the_file_for_its_owner_alone(
    tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_or_write(FIXED, url=None, key=None, write=True, home=tmp_path)
    assert json.loads(path.read_text()) == client_settings(FIXED)
    assert path.stat().st_mode & 0o777 == 0o600
    assert capsys.readouterr().out == f"{path} written\n"
    assert backups(path) == []


def test_passthrough_cannot_be_written_without_a_key(tmp_path: Path, path: Path) -> None:
    with pytest.raises(ClientSettingsError, match="add --key KEY"):
        show_or_write(Settings(), url=None, key=None, write=True, home=tmp_path)
    assert not path.exists()


def test_write_keeps_what_was_there_and_a_backup(old: Path) -> None:
    before = old.read_text("utf-8")
    said = write_settings(old, WANTED)
    assert json.loads(old.read_text("utf-8")) == {
        "model": "opus",
        "env": {"A": "1", "B": "2", "C": "3"},
    }
    [backup] = backups(old)
    assert backup.read_text("utf-8") == before
    assert said == f"{old} written; the old file is {backup}"
    assert (old.stat().st_mode & 0o777, backup.stat().st_mode & 0o777) == (0o640, 0o640)


def test_writing_twice_changes_nothing_the_second_time(old: Path) -> None:
    write_settings(old, WANTED)
    said = write_settings(old, WANTED)
    assert said == f"{old} is up to date"
    assert len(backups(old)) == 1


def test_each_change_has_a_backup_of_its_own(old: Path) -> None:
    for value in "123":
        write_settings(old, {"env": {"A": value}})
    assert len(backups(old)) == 3


def test_a_link_stays_a_link(old: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(old)
    write_settings(link, WANTED)
    assert link.is_symlink()
    assert json.loads(old.read_text("utf-8"))["env"]["A"] == "1"


def test_an_empty_file_is_an_empty_object(old: Path) -> None:
    old.write_text("\n")
    write_settings(old, WANTED)
    assert json.loads(old.read_text()) == WANTED


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"{oops", "is not valid JSON", id="not JSON"),
        pytest.param(b"[" * 100_000, "is not valid JSON", id="too deep"),
        pytest.param(b"[]", "does not hold an object", id="no object"),
        pytest.param(b'{"env": "A=1"}', "'env' is not an object", id="env is something else"),
        pytest.param(b"\xff", "is not UTF-8 text", id="no text"),
    ],
)
def test_a_file_that_is_not_understood_is_not_touched(
    content: bytes, message: str, old: Path
) -> None:
    old.write_bytes(content)
    with pytest.raises(ClientSettingsError, match=message):
        write_settings(old, WANTED)
    assert old.read_bytes() == content
    assert backups(old) == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ClientSettingsError, match=r"Not a directory|File exists"):
        write_settings(tmp_path / "file" / "settings.json", WANTED)


def test_a_failed_rename_leaves_nothing_behind(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = old.read_bytes()

    def refused(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refused)
    with pytest.raises(ClientSettingsError, match="No space left on device"):
        write_settings(old, WANTED)
    assert old.read_bytes() == before
    assert [backup.suffix for backup in backups(old)] != [".tmp"]
    assert len(backups(old)) == 1


def test_merged_does_not_change_its_arguments() -> None:
    before: dict[str, Any] = {"env": {"B": "x"}}
    assert merged(before, WANTED, Path("p")) == WANTED
    assert before == {"env": {"B": "x"}}
