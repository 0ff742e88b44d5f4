"""The progress of a command (proxy/cli/progress.py)."""

from __future__ import annotations

import io

from proxy.cli.progress import CLEARED_LINE, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_progress_is_one_line_that_is_gone_in_the_end() -> None:
    terminal = Terminal()
    progress = Progress(terminal, 3)
    progress.begin(1, "answers")
    progress.end(1, "answers", "works")
    progress.clear()
    assert terminal.getvalue() == f"{CLEARED_LINE}[1/3] answers ...{CLEARED_LINE}"


def test_elsewhere_each_step_is_a_line_when_it_has_ended() -> None:
    stream = io.StringIO()
    progress = Progress(stream, 3)
    progress.begin(1, "answers")
    progress.end(1, "answers", "works")
    progress.clear()
    assert stream.getvalue() == "[1/3] answers: works\n"
