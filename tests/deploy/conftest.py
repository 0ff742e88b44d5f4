"""What takes long to make and serves several tests: a Debian, and the image on top of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.image import Image, built_image

PACKAGES = ("ca-certificates", "python3", "python3-venv")
SECONDS = 200


@pytest.fixture(scope="session")
def debian_tar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A tar file with a fresh Debian 12 and its Python: no compiler, no recommended packages."""
    if os.geteuid() != 0:
        pytest.skip("a Debian root takes root to make")
    if shutil.which("mmdebstrap") is None:
        pytest.skip("mmdebstrap is not installed")
    directory = tmp_path_factory.mktemp("debian")
    path = directory / "root.tar"
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    done = subprocess.run(
        [*command, "bookworm", str(path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"mmdebstrap made no Debian: {done.stderr.strip()[-300:]}")
    yield path
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def image(debian_tar: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image that the Dockerfile makes, on the Debian above."""
    if shutil.which("buildah") is None:
        pytest.skip("buildah is not installed")
    with built_image(debian_tar, tmp_path_factory.mktemp("image")) as built:
        yield built
