"""The file that ``claude-proxy claude-code --write`` merges into."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.claude_code import ClientSettingsError, merged, write_settings

WANTED = {"env": {"A": "1", "B": "2"}}
RECORD = "claude-proxy-wrote.json"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / ".claude" / "settings.json"
    path.parent.mkdir()
    path.write_text('{"model": "opus", "env": {"B": "é", "C": "3"}}', "utf-8")
    path.chmod(0o640)
    return path


def env(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))["env"]
    return found


def backups(path: Path) -> list[Path]:
    return [other for other in path.parent.iterdir() if ".backup-" in other.name]


def test_what_was_there_is_kept_and_a_backup_made(old: Path) -> None:
    before = old.read_text("utf-8")
    said = write_settings(old, WANTED)
    assert json.loads(old.read_text("utf-8")) == {
        "model": "opus",
        "env": {"A": "1", "B": "é", "C": "3"},
    }
    [backup] = backups(old)
    assert backup.read_text("utf-8") == before
    assert said == f"{old} written; the old file is {backup}\nkept as you have it: B=é"
    assert (old.stat().st_mode & 0o777, backup.stat().st_mode & 0o777) == (0o640, 0o640)


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / ".claude" / "settings.json"
    assert write_settings(path, WANTED) == f"{path} written"
    assert json.loads(path.read_text()) == WANTED
    assert {each.name for each in path.parent.iterdir()} == {path.name, RECORD}
    assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}


def test_the_connection_is_always_ours_and_never_recorded(old: Path) -> None:
    connection = {"ANTHROPIC_BASE_URL": "http://new", "ANTHROPIC_AUTH_TOKEN": "secret"}
    old.write_text(json.dumps({"env": dict.fromkeys(connection, "old")}))
    write_settings(old, {"env": {**connection, "A": "1"}})
    assert env(old) == {**connection, "A": "1"}
    assert json.loads((old.parent / RECORD).read_text()) == {"env": {"A": "1"}}


def test_what_no_longer_applies_is_removed(old: Path) -> None:
    write_settings(old, {"env": {"A": "1", "LIMIT": "60000"}})
    said = write_settings(old, {"env": {"A": "2"}})
    assert env(old) == {"A": "2", "B": "é", "C": "3"}
    assert said.splitlines()[1:] == ["removed, since it no longer applies: LIMIT"]
    assert write_settings(old, {"env": {"A": "2"}}) == f"{old} is up to date"


def test_what_the_user_changed_since_is_the_users(old: Path) -> None:
    write_settings(old, {"env": {"A": "1", "LIMIT": "60000"}})
    old.write_text(json.dumps({"env": {"A": "mine", "LIMIT": 50000}}))
    said = write_settings(old, {"env": {"A": "2"}})
    assert env(old) == {"A": "mine", "LIMIT": 50000}
    assert said == f"{old} is up to date\nkept as you have it: A=mine"


def test_what_the_user_had_before_us_is_not_removed(old: Path) -> None:
    write_settings(old, {"env": {"C": "3"}})
    write_settings(old, {"env": {}})
    assert env(old) == {"B": "é", "C": "3"}


def test_what_contradicts_the_settings_is_told(old: Path) -> None:
    own = {"ANTHROPIC_API_KEY": "secret", "ANTHROPIC_MODEL": "claude-opus-4-8"}
    old.write_text(json.dumps({"env": own}))
    said = write_settings(old, {"env": {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": "60000"}})
    assert "ANTHROPIC_API_KEY in the file is sent too" in said
    assert "the file chooses the model claude-opus-4-8" in said
    assert "secret" not in said
    assert own.items() <= env(old).items()


@pytest.mark.parametrize("record", ["{oops", "[]", '{"env": 1}', "[" * 100_000])
def test_a_record_that_is_no_record_removes_nothing(old: Path, record: str) -> None:
    (old.parent / RECORD).write_text(record)
    write_settings(old, WANTED)
    assert env(old) == {"A": "1", "B": "é", "C": "3"}


def test_writing_twice_changes_nothing_the_second_time(old: Path) -> None:
    write_settings(old, WANTED)
    assert write_settings(old, WANTED).splitlines()[0] == f"{old} is up to date"
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
    assert env(old)["A"] == "1"
    assert (old.parent / RECORD).exists()


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
    assert [each.name for each in old.parent.iterdir()] == [old.name]


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
    assert {*old.parent.iterdir()} == {old}


def test_merged_does_not_change_its_arguments() -> None:
    before: dict[str, Any] = {"env": {"C": "x"}}
    assert merged(before, WANTED, Path("p")).content == {"env": {"A": "1", "B": "2", "C": "x"}}
    assert before == {"env": {"C": "x"}}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param(b'\xef\xbb\xbf{"a": 1}', {"a": 1}, id="byte order mark"),
        pytest.param(rb'{"a": "\ud800"}', {"a": "\ud800"}, id="half a character"),
    ],
)
def test_what_editors_and_programs_leave_in_it(
    old: Path, text: bytes, kept: dict[str, Any]
) -> None:
    old.write_bytes(text)
    write_settings(old, WANTED)
    assert json.loads(old.read_text("utf-8")) == WANTED | kept


@pytest.mark.parametrize("text", ['{"a": 1e999}', '{"a": NaN}', '{"a": 1 /* one */}'])
def test_what_could_not_be_written_again_is_refused(old: Path, text: str) -> None:
    old.write_text(text)
    with pytest.raises(ClientSettingsError, match="is not valid JSON"):
        write_settings(old, WANTED)
    assert old.read_text() == text
    assert not backups(old)


def test_a_pipe_is_not_read_and_a_loop_of_links_not_followed(old: Path) -> None:
    old.unlink()
    os.mkfifo(old)
    with pytest.raises(ClientSettingsError, match="Is not a regular file"):
        write_settings(old, WANTED)
    old.unlink()
    old.symlink_to(old)
    with pytest.raises(ClientSettingsError, match="Too many levels of symbolic links"):
        write_settings(old, WANTED)


def test_a_key_that_others_may_read_is_told(old: Path) -> None:
    wanted = {"env": {"ANTHROPIC_AUTH_TOKEN": "sk-1"}}
    advice = f"other users of this machine may read the key in it: chmod 600 {old}"
    assert write_settings(old, wanted).splitlines()[1:] == [advice]
    old.chmod(0o600)
    assert write_settings(old, wanted) == f"{old} is up to date"
    old.chmod(0o644)
    assert write_settings(old, {"env": {"ANTHROPIC_AUTH_TOKEN": "any"}}).count("chmod") == 0
