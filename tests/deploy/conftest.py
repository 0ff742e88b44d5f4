"""A Debian root and the container image built on it, each made once for all tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.debian_root import QUICKER
from tests.deploy.image import Image, built_image
from tests.deploy.scratch import scratch

PACKAGES = ("ca-certificates", "python3", "python3-venv")
SECONDS = 200


@pytest.fixture(scope="session")
def room() -> Iterator[Path]:
    """Where both of them are made."""
    with scratch("image-", gigabytes=4) as path:
        yield path


@pytest.fixture(scope="session")
def debian_tar(room: Path) -> Path:
    """A tar file with a fresh Debian 12 and its Python: no compiler, no recommended packages."""
    if os.geteuid() != 0:
        pytest.skip("mmdebstrap needs root to make a Debian: run the tests as root")
    if shutil.which("mmdebstrap") is None:
        pytest.skip("mmdebstrap is not installed: make programs")
    path = room / "root.tar"
    command = ["mmdebstrap", "--variant=minbase", *QUICKER, f"--include={','.join(PACKAGES)}"]
    done = subprocess.run(
        [*command, "bookworm", str(path)],
        env=os.environ | {"TMPDIR": str(room)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"mmdebstrap made no Debian: {done.stderr.strip()[-300:]}")
    return path


@pytest.fixture(scope="session")
def image(debian_tar: Path, room: Path) -> Iterator[Image]:
    """The image that the Dockerfile makes, on the Debian above."""
    if shutil.which("buildah") is None:
        pytest.skip("buildah is not installed: make programs")
    directory = room / "image"
    directory.mkdir()
    with built_image(debian_tar, directory) as built:
        yield built
