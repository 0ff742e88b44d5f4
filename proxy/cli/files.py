"""Files of the operator that commands write: a backup first, then the whole new content at once.

Rule: at any moment the file has its old content or its new one, and nothing is left beside it that is
not whole. Only its owner may read a file before it has the mode that it keeps.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from datetime import UTC, datetime
from pathlib import Path

PRIVATE = 0o600


def real_file(path: Path) -> Path:
    """The file that ``path`` names or links to; it need not exist.

    Raises ``OSError`` for a loop of links, and for what is no regular file: to read a pipe would wait.
    """
    try:
        real = path.resolve()
    except RuntimeError as error:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from error
    try:
        mode = real.stat().st_mode
    except FileNotFoundError:
        return real
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(real))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "Is not a regular file", str(real))
    return real


def replace_backed_up(path: Path, text: str, mode: int | None = None) -> Path | None:
    """``replace_text`` after a copy to ``NAME.backup-TIME`` beside it; None if there was no file.

    ``mode`` is that of both; None: the old file's. Raises ``OSError``; then there is no copy either.
    """
    backup = _back_up(path, mode)
    old = path.stat().st_ino if backup else None
    try:
        replace_text(path, text, mode)
    except BaseException:
        # Ctrl-C may come just after the renaming.
        if backup is not None and path.stat().st_ino == old:
            backup.unlink()
        raise
    return backup


def replace_text(path: Path, text: str, mode: int | None = None) -> None:
    """Write ``text`` to a new file and rename it to ``path``, whose directory is created if needed.

    ``mode`` None: the old file's mode, else only its owner may read it. Raises ``OSError``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode is None:
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else PRIVATE
    descriptor, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            # Otherwise the new name may be on the disk before the content.
            os.fsync(file.fileno())
        os.chmod(beside, mode)
        os.replace(beside, path)
    except BaseException:
        # Also after Ctrl-C, and just after the renaming.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
        raise


def _back_up(path: Path, mode: int | None) -> Path | None:
    if not path.exists():
        return None
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    backup = path.with_name(f"{path.name}.backup-{now}")
    os.close(os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
    try:
        shutil.copyfile(path, backup)
        if mode is None:
            shutil.copystat(path, backup)
        else:
            os.chmod(backup, mode)
    except BaseException:
        backup.unlink()
        raise
    return backup
