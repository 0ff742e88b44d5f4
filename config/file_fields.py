"""Parsers for variables that name files; each checks that the file can be used.

Rule: as in ``config.fields``. A check neither creates nor modifies the named file.
"""

from __future__ import annotations

import os
import re
import ssl
import tempfile
from typing import Any

from marshmallow import ValidationError
from marshmallow.fields import Field

from config.fields import printable

# OpenSSL reads only files with such names from a directory.
_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.[0-9]+")


class FileField(Field[str]):
    """A path, which may contain every printable character."""


class CaBundle(FileField):
    """CA certificates: a PEM file, or a directory of PEM files under hashed names."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be text (put it in quotes)")
        path = printable(value)
        try:
            if os.path.isdir(path):
                return _with_hashed_names(path)
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        except ssl.SSLError as error:
            raise ValidationError("contains no certificates in PEM form") from error
        except OSError as error:
            raise ValidationError(f"cannot be read: {error.strerror}") from error
        return path


class ReadableFile(FileField):
    """A readable file; the value is its absolute path."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        path = os.path.abspath(printable(str(value)))
        if not os.path.isfile(path):
            raise ValidationError("is not a file" if os.path.exists(path) else "does not exist")
        if not os.access(path, os.R_OK):
            raise ValidationError("cannot be read")
        return path


class LogFile(FileField):
    """A file that can be appended to; it need not exist. The value is its absolute path."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        path = os.path.abspath(printable(str(value)))
        if os.path.isdir(path):
            raise ValidationError("is a directory")
        try:
            _try_to_append(path)
        except OSError as error:
            raise ValidationError(
                f"cannot be written ({error.strerror}): "
                "name a file in a directory that this user may write to"
            ) from error
        return path


class RecordDirectory(FileField):
    """A directory for new files; only its parent must exist. The value is its absolute path."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        path = os.path.abspath(printable(str(value)))
        if os.path.exists(path) and not os.path.isdir(path):
            raise ValidationError("is not a directory")
        try:
            with tempfile.TemporaryFile(dir=path if os.path.isdir(path) else os.path.dirname(path)):
                pass
        except OSError as error:
            raise ValidationError(
                f"cannot be written ({error.strerror}): "
                "name a directory that this user may write to, or a new one in such a directory"
            ) from error
        return path


def _with_hashed_names(directory: str) -> str:
    if not any(_HASHED_NAME.fullmatch(name) for name in os.listdir(directory)):
        raise ValidationError(
            "is a directory without certificates under hashed names: run `openssl rehash` on it"
        )
    return directory


def _try_to_append(path: str) -> None:
    """Raise OSError if ``path`` cannot be appended to; permissions alone do not show that."""
    if os.path.exists(path):
        with open(path, "ab", opener=_open_nonblocking):
            return
    # If root checks the configuration, the log file must not be created with root as its owner.
    with tempfile.TemporaryFile(dir=os.path.dirname(path)):
        pass


def _open_nonblocking(path: str, flags: int) -> int:
    # Opening a named pipe would otherwise block until it has a reader.
    return os.open(path, flags | os.O_NONBLOCK)
