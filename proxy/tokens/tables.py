"""Load the tokenizer tables from the files of an installed package, each when it is first needed.

Rule: no network access, and a table is used only if its sha256 is the one that tiktoken expects.
tiktoken's own loader downloads tables, so its ``Encoding`` is built directly; the package bpe-openai
is read but never imported, because its native module takes 74 MB of memory.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import zlib
from binascii import a2b_base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from tiktoken import Encoding

PACKAGE = "bpe_openai"
"""The installed package whose ``data`` folder holds ``<name>.tiktoken.gz``."""


@dataclass(frozen=True, slots=True)
class _Definition:
    """An encoding as tiktoken defines it (a test compares each field)."""

    sha256: str
    """Of the decompressed table."""
    pattern: str
    special_tokens: Mapping[str, int]


DEFINITIONS: Mapping[str, _Definition] = {
    "cl100k_base": _Definition(
        sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        pattern=(
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
            r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
        ),
        special_tokens={
            "<|endoftext|>": 100257,
            "<|fim_prefix|>": 100258,
            "<|fim_middle|>": 100259,
            "<|fim_suffix|>": 100260,
            "<|endofprompt|>": 100276,
        },
    ),
    "o200k_base": _Definition(
        sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        pattern=(
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
        ),
        special_tokens={"<|endoftext|>": 199999, "<|endofprompt|>": 200018},
    ),
}

SHARED_TABLES: Mapping[str, str] = {"o200k_harmony": "o200k_base"}
"""Encodings that differ from another only in special tokens, which ``encode_ordinary`` ignores: a
second copy would take 48 MB and give the same counts."""

SLICE_TOKENS = 4096
"""Tokens of a table that are decoded at once, in 1 ms; in between, the event loop can run."""


@dataclass(slots=True)
class _Table:
    """One table of the process: unread, read, or unusable."""

    lock: Lock = field(default_factory=Lock)
    read: bool = False
    encoding: Encoding | None = None
    problem: str | None = None


_TABLES: Mapping[str, _Table] = {name: _Table() for name in DEFINITIONS}


def is_loaded(name: str) -> bool:
    """Whether ``load_table`` of the encoding ``name`` returns at once."""
    table = _TABLES.get(SHARED_TABLES.get(name, name))
    return table is None or table.read


def load_table(name: str) -> Encoding | None:
    """The encoding ``name``, read at the first call; None if it has no table or that is unusable.

    Reading takes 0.1 to 0.2 s, of which up to 0.1 s cannot be interrupted, and 26 MB (cl100k_base)
    or 48 MB (o200k_base). Raises nothing: without a table tokens are estimated (docs/protocol.md
    section 6).
    """
    own_name = SHARED_TABLES.get(name, name)
    table = _TABLES.get(own_name)
    if table is None:
        return None
    if not table.read:
        with table.lock:
            if not table.read:
                table.encoding, table.problem = read_table(own_name, tables_directory())
                table.read = True
    return table.encoding


def load_tables(names: Iterable[str] = (*DEFINITIONS, *SHARED_TABLES)) -> tuple[str, ...]:
    """Load the encodings ``names``; returns one line for each table that cannot be used.

    Called in gunicorn's master before the fork, so that the workers share the memory.
    """
    tables = dict.fromkeys(SHARED_TABLES.get(name, name) for name in names)
    for name in tables:
        load_table(name)
    return tuple(filter(None, map(problem_of, tables)))


def problem_of(name: str) -> str | None:
    """Why the loaded table of the encoding ``name`` cannot be used; None if it can."""
    table = _TABLES.get(SHARED_TABLES.get(name, name))
    return None if table is None else table.problem


def tables_directory() -> Path | None:
    """The directory of the installed package's tables; None if it is not installed."""
    # ``find_spec`` does not import a top-level package.
    spec = importlib.util.find_spec(PACKAGE)
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations))) / "data" if locations else None


def read_table(name: str, directory: Path | None) -> tuple[Encoding | None, str | None]:
    """The table ``name`` of ``DEFINITIONS`` in ``directory``, or the reason why it cannot be used."""
    if directory is None:
        return None, "the package bpe-openai is not installed"
    try:
        return _read_encoding(name, DEFINITIONS[name], directory), None
    except (OSError, EOFError, ValueError, zlib.error) as error:
        return None, f"{name}.tiktoken.gz: {error}"


def _read_encoding(name: str, definition: _Definition, directory: Path) -> Encoding:
    ranks = _read_ranks(directory / f"{name}.tiktoken.gz", definition.sha256)
    encoding = Encoding(
        name,
        pat_str=definition.pattern,
        mergeable_ranks=ranks,
        special_tokens=dict(definition.special_tokens),
    )
    # tiktoken's Rust code has copied the ranks. Its Python object would keep ours too, for pickling
    # only: 13 MB of cl100k_base and 27 MB of o200k_base.
    ranks.clear()
    return encoding


def _read_ranks(path: Path, sha256: str) -> dict[bytes, int]:
    table = gzip.decompress(path.read_bytes())
    if hashlib.sha256(table).hexdigest() != sha256:
        raise ValueError("the sha256 is not the one that tiktoken expects")
    # Lines of "BASE64 RANK": even fields are tokens, odd ones their ranks.
    fields = table.split()
    ranks: dict[bytes, int] = {}
    for at in range(0, len(fields), 2 * SLICE_TOKENS):
        part = fields[at : at + 2 * SLICE_TOKENS]
        ranks.update(zip(map(a2b_base64, part[::2]), map(int, part[1::2]), strict=True))
    return ranks
