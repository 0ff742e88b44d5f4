"""The image that the Dockerfile makes, built and run by buildah: no engine, no registry.

Rule: nothing but the base differs from what ``docker build .`` does. What this machine needs to
reach its package index goes in as the build secrets that the Dockerfile offers.
"""

from __future__ import annotations

import configparser
import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.paths import ROOT

NAME = "localhost/claude-proxy"
BASE = "localhost/base"
BUILD_SECONDS = 240
RUN_SECONDS = 60
INDEX_OPTIONS = frozenset({"index-url", "extra-index-url", "trusted-host", "proxy"})
"""Of pip's configuration on this machine, what says where packages come from."""


@dataclass(frozen=True, slots=True)
class Image:
    """The built image, with a container of it whose file system is mounted at ``root``."""

    directory: Path
    container: str
    root: Path

    def inspect(self) -> dict[str, Any]:
        """The image's configuration, as Docker keeps it."""
        shown = buildah(self.directory, "inspect", "--type", "image", NAME).stdout
        found: dict[str, Any] = json.loads(shown)["Docker"]
        return found

    def run(self, *command: str, variables: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """``command`` in the container, as the image's user, on this machine's network."""
        given = [word for variable in variables for word in ("--env", variable)]
        return buildah(
            self.directory, "run", *given, self.container, "--", *command, seconds=RUN_SECONDS
        )

    def list_context(self) -> set[str]:
        """The files that a build of the repository gets to see."""
        dockerfile = self.directory / "Context"
        dockerfile.write_text("FROM scratch\nCOPY . /\n")
        name = "localhost/context"
        _build(self.directory, "--file", str(dockerfile), "--tag", name, str(ROOT))
        container = buildah(self.directory, "from", name).stdout.strip()
        root = Path(buildah(self.directory, "mount", container).stdout.strip())
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def buildah(
    directory: Path, command: str, *arguments: str, seconds: float = BUILD_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run buildah with its storage below ``directory``; its exit code is the caller's to judge."""
    storage = ["--root", f"{directory}/storage", "--runroot", f"{directory}/run"]
    return subprocess.run(
        ["buildah", *storage, "--storage-driver", "vfs", command, *arguments],
        env=os.environ | {"BUILDAH_ISOLATION": "chroot", "TMPDIR": str(directory)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@contextmanager
def built_image(base_tar: Path, directory: Path) -> Iterator[Image]:
    """Build the image below ``directory`` on the file system in ``base_tar``."""
    try:
        context = directory / "base"
        context.mkdir()
        os.link(base_tar, context / "root.tar")
        (context / "Dockerfile").write_text("FROM scratch\nADD root.tar /\n")
        _build(directory, "--tag", BASE, str(context))
        secrets = [word for secret in _secrets(directory) for word in ("--secret", secret)]
        argument = f"PYTHON_IMAGE={BASE}"
        _build(directory, "--tag", NAME, "--build-arg", argument, *secrets, str(ROOT))
        container = buildah(directory, "from", NAME).stdout.strip()
        root = Path(buildah(directory, "mount", container).stdout.strip())
        assert root.joinpath("opt/claude-proxy").is_dir()
        yield Image(directory, container, root)
    finally:
        buildah(directory, "umount", "--all")
        shutil.rmtree(directory)


def _build(directory: Path, *arguments: str) -> None:
    done = buildah(directory, "bud", "--format", "docker", *arguments)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def _secrets(directory: Path) -> Iterator[str]:
    """``--secret`` values: this machine's certificates, and its index where it names one."""
    bundle = os.environ.get("PIP_CERT") or ssl.get_default_verify_paths().cafile
    if bundle and Path(bundle).is_file():
        yield f"id=ca_bundle,src={bundle}"
    options = _index_options()
    if options:
        config = configparser.ConfigParser(interpolation=None)
        config["global"] = options
        with (directory / "pip.conf").open("w", encoding="utf-8") as file:
            config.write(file)
        yield f"id=pip_conf,src={directory}/pip.conf"


def _index_options() -> dict[str, str]:
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    ).stdout
    options = {}
    for line in listed.splitlines():
        place, _, value = line.partition("=")
        name = place.rpartition(".")[2]
        # A directory of this machine is none of the build's.
        words = [word for word in value.strip("'\"").split() if not word.startswith("file:")]
        if name in INDEX_OPTIONS and words:
            options[name] = " ".join(words)
    return options
