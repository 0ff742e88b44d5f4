"""Variables that name files, and what is seen of the files before anything depends on them.

Rule: as in ``fields``; and looking at a file changes nothing, not even whether it is there.
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

# What OpenSSL looks for in a directory; it sees no other file there.
_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.[0-9]+")


class CaBundle(Field[str]):
    """Certificates of authorities: a PEM file, or a directory of them."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be text (put it in quotes)")
        path = printable(value)
        try:
            if os.path.isdir(path):
                return _with_hashed_names(path)
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        except ssl.SSLError as error:
            raise ValidationError("holds no certificates in PEM form") from error
        except OSError as error:
            raise ValidationError(f"cannot be read: {error.strerror}") from error
        return path


class ReadableFile(Field[str]):
    """A file that is there and may be read; its absolute path."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        path = os.path.abspath(printable(str(value)))
        if not os.path.isfile(path):
            raise ValidationError("is no file" if os.path.exists(path) else "does not exist")
        if not os.access(path, os.R_OK):
            raise ValidationError("cannot be read")
        return path


class LogFile(Field[str]):
    """A file that can be appended to; it need not exist yet."""

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


def _with_hashed_names(directory: str) -> str:
    if not any(_HASHED_NAME.fullmatch(name) for name in os.listdir(directory)):
        raise ValidationError(
            "is a directory without certificates under hashed names: run `openssl rehash` on it"
        )
    return directory


def _try_to_append(path: str) -> None:
    """Raise OSError where ``path`` cannot be appended to. Permissions alone do not tell."""
    if os.path.exists(path):
        with open(path, "ab", opener=_open_without_waiting):
            return
    # A file of the wrong owner must not stay behind when root only checks the configuration.
    with tempfile.TemporaryFile(dir=os.path.dirname(path)):
        pass


def _open_without_waiting(path: str, flags: int) -> int:
    # For somebody who reads a pipe.
    return os.open(path, flags | os.O_NONBLOCK)
