"""Runs the checks in their order and notes what each found.

Rule: one check's failure never ends the run. Where a check cannot be meaningful because of an earlier
one, it is skipped with that reason. Texts of servers are shortened and masked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from proxy.cli.one_line import escaped, shortened
from proxy.cli.progress import Progress
from proxy.cli.smoke import model_checks, server_checks
from proxy.cli.smoke.cancellation import cancellation
from proxy.cli.smoke.client import Client, Refused
from proxy.cli.smoke.outcome import Failed, NotSupported, Result, Row, Skipped, Spent
from proxy.cli.smoke.statistics import Usage
from proxy.cli.smoke.tool_loop import tools
from proxy.cli.smoke.wire import Unreachable
from proxy.redaction import mask_secrets

LONGEST_NOTE = 400
OWN_KEY = "The proxy's own key was refused"
NO_KEY = " (no key was sent: --key-env names the variable that holds it)"
UNFORESEEN = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
ANSWERED = frozenset({"message", "stream"})
"""One of these must pass for the checks that need an answer."""


@dataclass(frozen=True, slots=True)
class Check:
    """One row to be."""

    name: str
    run: Callable[[], str]
    """Returns the note."""
    needs_answer: bool = False


def server_part(client: Client, model: str) -> list[Check]:
    """The checks of the proxy itself; ``model`` is named in the invalid requests."""
    return [
        Check("health", partial(server_checks.health, client)),
        Check("models", partial(server_checks.models, client)),
        Check("errors", partial(server_checks.errors, client, model)),
    ]


def model_part(client: Client, model: str) -> list[Check]:
    """The checks of one model. The statistics are read before and after those that use tokens."""
    usage = Usage()
    needing = (
        ("tools", tools),
        ("thinking", model_checks.thinking),
        ("image", model_checks.image),
        ("usage", usage.check),
        ("cancellation", cancellation),
    )
    return [
        Check("message", partial(_first_message, usage, client, model)),
        Check("stream", partial(model_checks.stream, client, model)),
        *(Check(name, partial(check, client, model), needs_answer=True) for name, check in needing),
        Check("count", partial(model_checks.count, client, model)),
        Check("connection", partial(model_checks.connection, client, model)),
    ]


def _first_message(usage: Usage, client: Client, model: str) -> str:
    usage.begin(client)
    return model_checks.message(client, model)


class Examination:
    """The rows of a run so far."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.unreachable = False
        """Whether a check found that nothing answers at the proxy's address."""
        self.rows: list[Row] = []

    def run(self, checks: Sequence[Check], progress: Progress, model: str | None = None) -> None:
        """Run the checks of the server, or of ``model``."""
        passed: set[str] = set()
        try:
            for number, check in enumerate(checks, 1):
                name = check.name if model is None else f"{escaped(model)}: {check.name}"
                progress.begin(number, name)
                reason = self._hindrance(check, passed)
                row = self._skipped(check, reason, model) if reason else self._row(check, model)
                self.rows.append(row)
                if row.result == "passed":
                    passed.add(check.name)
                progress.end(number, name, f"{row.result} ({row.seconds:.2f} s)")
        finally:
            progress.clear()

    def _hindrance(self, check: Check, passed: set[str]) -> str:
        if self.unreachable:
            return "the proxy cannot be reached"
        if check.needs_answer and not ANSWERED & passed:
            return "neither message nor stream passed"
        return ""

    def _skipped(self, check: Check, reason: str, model: str | None) -> Row:
        return Row(check.name, "skipped", reason, 0.0, Spent(), model)

    def _row(self, check: Check, model: str | None) -> Row:
        before, began = self._client.spent, time.monotonic()
        result, note = self._outcome(check)
        after = self._client.spent
        spent = Spent(
            after.requests - before.requests,
            after.input_tokens - before.input_tokens,
            after.output_tokens - before.output_tokens,
        )
        return Row(check.name, result, self._shown(note), time.monotonic() - began, spent, model)

    def _outcome(self, check: Check) -> tuple[Result, str]:
        try:
            return "passed", check.run()
        except NotSupported as error:
            return "not supported", str(error)
        except Skipped as error:
            return "skipped", str(error)
        except Failed as error:
            self.unreachable = self.unreachable or isinstance(error, Unreachable)
            return "failed", str(error) + self._hint(error)
        except UNFORESEEN as error:
            # An answer of a form that no check foresees, such as JSON nested a thousand times.
            return "failed", f"the answer cannot be read: {type(error).__name__}"

    def _hint(self, error: Failed) -> str:
        """What to do about a key that was refused."""
        if not isinstance(error, Refused) or error.status != 401:
            return ""
        # Where the upstream refuses the proxy's own key, the message says so.
        if OWN_KEY in str(error):
            return ""
        return "" if self._client.target.key else NO_KEY

    def _shown(self, note: str) -> str:
        key = self._client.target.key
        return shortened(mask_secrets(note, [key] if key else []), LONGEST_NOTE)
