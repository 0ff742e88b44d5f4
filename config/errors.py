"""The error for a configuration that cannot be used."""

from __future__ import annotations

from collections.abc import Sequence


class ConfigError(Exception):
    """The configuration is invalid; ``problems`` has one line for each bad value."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        self.of_usage = all(problem.startswith("--") for problem in self.problems)
        """Whether only options of the command line are wrong."""
        if len(self.problems) == 1:
            message = f"bad configuration: {self.problems[0]}"
        else:
            message = "\n  ".join(["bad configuration:", *self.problems])
        super().__init__(message)
