"""Load the tokenizer tables from the files of an installed package.

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
from collections.abc import Mapping
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
second copy would take 65 MB and give the same counts."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The loaded encodings by name, and one line for each table that could not be loaded."""

    encodings: Mapping[str, Encoding]
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class _Loaded:
    lock: Lock = field(default_factory=Lock)
    tables: Tables | None = None


_LOADED = _Loaded()


def load_tables() -> Tables:
    """The process's tables, read on the first call (about 0.4 s and 117 MB), then cached.

    Called in gunicorn's master before the fork, so that the workers share the memory; otherwise by
    the first count. Raises nothing: the caller logs ``problems``, and tokens without a table are
    estimated (docs/protocol.md section 6).
    """
    if _LOADED.tables is None:
        with _LOADED.lock:
            if _LOADED.tables is None:
                _LOADED.tables = read_tables(tables_directory())
    return _LOADED.tables


def tables_loaded() -> bool:
    """Whether ``load_tables`` returns at once."""
    return _LOADED.tables is not None


def tables_directory() -> Path | None:
    """The directory of the installed package's tables; None if it is not installed."""
    # ``find_spec`` does not import a top-level package.
    spec = importlib.util.find_spec(PACKAGE)
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations))) / "data" if locations else None


def read_tables(directory: Path | None) -> Tables:
    """Read every table in ``directory``; one that cannot be used becomes a problem."""
    if directory is None:
        return Tables({}, ("the package bpe-openai is not installed",))
    encodings: dict[str, Encoding] = {}
    problems: list[str] = []
    for name, definition in DEFINITIONS.items():
        try:
            encodings[name] = _read_encoding(name, definition, directory)
        except (OSError, EOFError, ValueError, zlib.error) as error:
            problems.append(f"{name}.tiktoken.gz: {error}")
    for name, same in SHARED_TABLES.items():
        if same in encodings:
            encodings[name] = encodings[same]
    return Tables(encodings, tuple(problems))


def _read_encoding(name: str, definition: _Definition, directory: Path) -> Encoding:
    table = gzip.decompress((directory / f"{name}.tiktoken.gz").read_bytes())
    if hashlib.sha256(table).hexdigest() != definition.sha256:
        raise ValueError("the sha256 is not the one that tiktoken expects")
    # Lines of "BASE64 RANK": even fields are tokens, odd ones their ranks.
    fields = table.split()
    ranks = dict(zip(map(a2b_base64, fields[::2]), map(int, fields[1::2]), strict=True))
    return Encoding(
        name,
        pat_str=definition.pattern,
        mergeable_ranks=ranks,
        special_tokens=dict(definition.special_tokens),
    )
