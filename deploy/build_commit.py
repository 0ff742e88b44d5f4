"""Build steps of setuptools that note the commit in the packages, for ``claude-proxy --version``.

Rule: imports nothing of ours; a build knows the checkout, but has no dependencies. A source distribution
carries the file, so that a wheel built from it has it too.
"""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parents[1]


class BuildPackages(build_py):
    """The modules, and the file with the commit."""

    def run(self) -> None:
        """As the base class."""
        super().run()
        if not self.editable_mode:
            # An editable installation has the checkout.
            write_commit(Path(self.build_lib))


class SourceDistribution(sdist):
    """The sources, and the file with the commit."""

    def make_release_tree(self, base_dir: Any, files: Any) -> None:
        """As the base class."""
        super().make_release_tree(base_dir, files)
        write_commit(Path(base_dir))


def write_commit(tree: Path) -> None:
    """Write the commit of this checkout into the package in ``tree``, if it is known."""
    spec = spec_from_file_location("commit", ROOT / "proxy" / "cli" / "commit.py")
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    if commit := module.whole_commit(ROOT / "proxy"):
        target = tree / "proxy" / module.FILE
        target.unlink(missing_ok=True)
        target.write_text(f"{commit}\n", "utf-8")
