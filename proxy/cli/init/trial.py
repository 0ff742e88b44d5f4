"""Asks the upstream while a line of progress is shown.

Rule: the modules that call upstreams take a second to import, so they are imported when they are needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import TextIO

from proxy.cli.init.answers import Answers
from proxy.cli.progress import Progress


def listing(answers: Answers, stream: TextIO) -> list[str]:
    """The ids that the upstream lists; raises ``Unreached`` and ``ConfigError``."""
    progress = Progress(stream, 1)
    progress.begin(1, f"asking {answers.base_url} for its models")
    try:
        from proxy.cli.init.upstream import Upstream

        return Upstream(answers).models()
    finally:
        progress.clear()


def answering(answers: Answers, stream: TextIO) -> Iterator[str]:
    """Test each model; a line for each that answers. Raises ``Unreached`` and ``ConfigError``."""
    from proxy.cli.init.upstream import Upstream

    upstream, models = Upstream(answers), answers.distinct_models
    progress = Progress(stream, len(models))
    for number, model in enumerate(models, 1):
        began = monotonic()
        progress.begin(number, f"testing {model}")
        try:
            upstream.answer(model)
        finally:
            progress.clear()
        yield f"{model} answers ({monotonic() - began:.1f} s)"
