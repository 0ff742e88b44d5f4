"""Files of the operator that commands write: a backup first, then the whole new content at once.

Rule: at any moment the file has its old content or its new one.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from datetime import UTC, datetime
from pathlib import Path

PRIVATE = 0o600


def back_up(path: Path, mode: int | None = None) -> Path | None:
    """Copy the file to ``NAME.backup-TIME`` beside it; None if there is no file.

    ``mode`` None: the file's own mode. Raises ``OSError``.
    """
    if not path.exists():
        return None
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    backup = path.with_name(f"{path.name}.backup-{now}")
    # Before the copy has its mode, only its owner may read it.
    os.close(os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
    shutil.copy2(path, backup)
    if mode is not None:
        os.chmod(backup, mode)
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
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(beside, mode)
        os.replace(beside, path)
    except BaseException:
        # Also after Ctrl-C.
        os.unlink(beside)
        raise
