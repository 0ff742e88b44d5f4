"""Asks the upstream while a line of progress is shown.

Rule: the modules that call upstreams take half a second to import, so they are imported when they are
needed. Ctrl-C meanwhile ends the process at once (``proxy.cli.interrupt``).
"""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING, TextIO

from config.urls import without_query
from proxy.cli.init.answers import Answers
from proxy.cli.interrupt import end_when_interrupted, raise_when_interrupted
from proxy.cli.one_line import shortened
from proxy.cli.progress import Progress

if TYPE_CHECKING:
    from proxy.cli.init.upstream import Upstream

NAME_WIDTH = 64
"""So that the line of progress fits a terminal."""


def listing(answers: Answers, stream: TextIO) -> list[str]:
    """The ids that the upstream lists; raises ``Unreached`` and ``ConfigError``."""
    progress, name = (
        Progress(stream, 1),
        shortened(f"models of {without_query(answers.base_url)}", NAME_WIDTH),
    )
    progress.begin(1, name)
    try:
        ids = _upstream(answers).models()
        progress.end(1, name, f"{len(ids)} listed")
        return ids
    finally:
        progress.clear()


def answering(answers: Answers, stream: TextIO) -> Iterator[str]:
    """Test each model; a line for each that answers. Raises ``Unreached`` and ``ConfigError``."""
    models = answers.distinct_models
    progress = Progress(stream, len(models))
    for number, model in enumerate(models, 1):
        began = monotonic()
        progress.begin(number, shortened(f"testing {model}", NAME_WIDTH))
        try:
            _upstream(answers).answer(model)
        finally:
            progress.clear()
        yield f"{model} answers ({monotonic() - began:.1f} s)"


def _upstream(answers: Answers) -> Upstream:
    end_when_interrupted()
    try:
        from proxy.cli.init.upstream import Upstream

        return Upstream(answers)
    finally:
        raise_when_interrupted()
