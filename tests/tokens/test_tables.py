from __future__ import annotations

import gzip
import hashlib
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tiktoken import Encoding

from proxy.tokens.tables import (
    DEFINITIONS,
    SHARED_TABLES,
    load_table,
    load_tables,
    read_table,
    tables_directory,
)
from tests.paths import ROOT

THEIR_ENCODINGS = importlib.import_module("tiktoken_ext.openai_public").ENCODING_CONSTRUCTORS
BLOB = "https://openaipublic.blob.core.windows.net/encodings"


def loaded(name: str) -> Encoding:
    encoding = load_table(name)
    assert encoding is not None
    return encoding


def package_tables() -> Path:
    directory = tables_directory()
    assert directory is not None
    return directory


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        pytest.param("cl100k_base", [15339, 1917], id="6 cl100k_base"),
        pytest.param("o200k_base", [24912, 2375], id="6 o200k_base"),
        pytest.param("o200k_harmony", [24912, 2375], id="6 o200k_harmony"),
    ],
)
def test_known_token_ids(name: str, tokens: list[int]) -> None:
    assert loaded(name).encode_ordinary("hello world") == tokens


@pytest.mark.parametrize("name", [pytest.param(n, id=f"6 {n} is tiktoken's") for n in DEFINITIONS])
def test_table_is_what_tiktoken_would_download(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tiktoken checks the hash itself: a wrong table would send it to the network, and fail."""
    table = gzip.decompress((package_tables() / f"{name}.tiktoken.gz").read_bytes())
    cache_name = hashlib.sha1(f"{BLOB}/{name}.tiktoken".encode()).hexdigest()
    (tmp_path / cache_name).write_bytes(table)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))

    theirs = THEIR_ENCODINGS[name]()

    ours = loaded(name)
    assert DEFINITIONS[name].pattern == theirs["pat_str"]
    assert DEFINITIONS[name].special_tokens == theirs["special_tokens"]
    assert {ours.decode_single_token_bytes(i): i for i in theirs["mergeable_ranks"].values()} == (
        theirs["mergeable_ranks"]
    )
    for other, same in SHARED_TABLES.items():
        if same == name:
            shared = THEIR_ENCODINGS[other]()
            assert shared["pat_str"] == theirs["pat_str"]
            assert shared["mergeable_ranks"] == theirs["mergeable_ranks"]


def remove(table: Path) -> None:
    table.unlink()


def cut(table: Path) -> None:
    table.write_bytes(table.read_bytes()[:100_000])


def overwrite(table: Path) -> None:
    table.write_bytes(b"<html>proxy login</html>")


def flip(table: Path) -> None:
    packed = bytearray(table.read_bytes())
    packed[500_000] ^= 0xFF
    table.write_bytes(packed)


def scribble(table: Path) -> None:
    packed = table.read_bytes()
    table.write_bytes(packed[:60] + b"\xff" * 100 + packed[160:])


def change_one_rank(table: Path) -> None:
    text = gzip.decompress(table.read_bytes())
    table.write_bytes(gzip.compress(text.replace(b" 1000\n", b" 1001\n"), 1))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        pytest.param(remove, "No such file", id="6 missing table"),
        pytest.param(cut, "Compressed file ended", id="6 cut table"),
        pytest.param(overwrite, "Not a gzipped file", id="6 not a table"),
        pytest.param(flip, "", id="6 flipped bits"),
        pytest.param(scribble, "Error -3", id="6 broken compression"),
        pytest.param(change_one_rank, "sha256 is not the one that tiktoken", id="6 wrong sha256"),
    ],
)
@pytest.mark.long(except_every=3)
def test_damaged_table_spares_the_other(
    damage: Callable[[Path], None], problem: str, tmp_path: Path
) -> None:
    for name in DEFINITIONS:
        shutil.copy(package_tables() / f"{name}.tiktoken.gz", tmp_path)
    damage(tmp_path / "o200k_base.tiktoken.gz")

    assert read_table("cl100k_base", tmp_path)[1] is None
    encoding, reason = read_table("o200k_base", tmp_path)
    assert encoding is None
    assert reason is not None
    assert reason.startswith("o200k_base.tiktoken.gz: ")
    assert problem in reason


def test_missing_package_is_a_problem_not_an_error() -> None:
    assert read_table("cl100k_base", None) == (None, "the package bpe-openai is not installed")


def test_package_that_is_not_installed_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.tokens.tables.PACKAGE", "no_such_package_here")
    assert tables_directory() is None


def test_tables_are_read_once() -> None:
    assert load_tables() == ()
    assert loaded("o200k_base") is loaded("o200k_base") is loaded("o200k_harmony")
    assert load_table("no such encoding") is None


ONLY_WHAT_IS_NEEDED = """
from proxy.tokens import count_text, load_tables
from proxy.tokens.tables import is_loaded
assert load_tables(["o200k_harmony"]) == ()
assert is_loaded("o200k_base")
assert not is_loaded("cl100k_base")
assert count_text("hello world", "cl100k_base").method == "tiktoken"
assert is_loaded("cl100k_base")
"""

NO_SECOND_COPY = """
import gc
from proxy.tokens.tables import load_table
assert load_table("cl100k_base").encode_ordinary("hello world") == [15339, 1917]
assert max(len(each) for each in gc.get_objects() if type(each) is dict) < 50_000
"""


@pytest.mark.parametrize("program", [ONLY_WHAT_IS_NEEDED, NO_SECOND_COPY])
def test_memory_of_tables(program: str) -> None:
    """In a fresh process: only the tables that were asked for, and none of them twice."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False
    )
    assert (run.stderr, run.returncode) == ("", 0)


OFFLINE = """
import sys
touched = []
sys.addaudithook(lambda name, _: touched.append(name) if name.startswith("socket.") else None)
from proxy.tokens import count_text, encoding_for, load_tables
assert load_tables() == ()
assert count_text("hello world", encoding_for("gpt-6-turbo")).tokens == 2
assert count_text("hello world " * 4000, encoding_for("qwen3")).method == "tiktoken"
assert touched == [], touched
for module in ("bpe_openai", "requests", "ssl", "urllib3"):
    assert module not in sys.modules, module
"""


def test_no_network_and_nothing_that_gevent_must_patch_first(tmp_path: Path) -> None:
    """6 never from the network: a fresh process without gevent's patches, with an empty cache."""
    environ = {**os.environ, "TIKTOKEN_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", OFFLINE], env=environ, capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    assert run.returncode == 0
    assert list(tmp_path.iterdir()) == []
