"""Questions at a terminal.

Rule: a key is typed without echo, and the echo is on again however the question ends. The end of the
input is a ``CommandError``; Ctrl-C is ``KeyboardInterrupt``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from getpass import getpass

from proxy.cli.errors import CommandError
from proxy.cli.init.choices import Item, choose, columns, rows
from proxy.cli.lines import wrapped

Check = Callable[[str], str]
"""Returns the answer to use; raises ``CommandError`` with what is wrong with it."""


class InputEnded(CommandError):
    """The input ended before all questions were answered."""


class Terminal:
    """Asks on standard output, reads standard input."""

    def __init__(self) -> None:
        with contextlib.suppress(ImportError):
            # Gives ``input`` the arrow keys; some builds of Python have none.
            import readline  # noqa: F401

    def say(self, text: str = "") -> None:
        """Print a paragraph, wrapped."""
        print(wrapped(text))

    def ask(self, prompt: str, default: str = "", *, check: Check = str) -> str:
        """A text; Enter alone is ``default``. Asks again until there is one that ``check`` takes."""
        shown = f"{prompt} [{default}]: " if default else f"{prompt}: "
        while True:
            text = self._read(input, shown) or default
            checked = self.checked(text, check) if text else None
            if checked is not None:
                return checked

    def secret(self, prompt: str, *, check: Check = str) -> str:
        """A text that is not shown; empty for Enter alone."""
        while True:
            text = self._read(getpass, f"{prompt}: ")
            checked = self.checked(text, check) if text else ""
            if checked is not None:
                return checked

    def agrees(self, question: str) -> bool:
        """Whether the answer is yes, which is the default."""
        answer = self._read(input, f"{question} [Y/n]: ").lower()
        return answer in ("", "y", "yes")

    def menu(self, prompt: str, items: Sequence[Item], default: str = "") -> str:
        """The value of one of ``items``, which are shown in two columns if there are many."""
        lines = columns(items) if len(items) > 8 else rows(items)
        print("\n".join(lines))
        number = next((n for n, item in enumerate(items, 1) if item.value == default), None)
        shown = tuple(items)
        while True:
            text = self.ask(prompt, str(number) if number else "")
            outcome = choose(text, shown, items)
            if outcome.value is not None:
                return outcome.value
            shown = outcome.items or tuple(items)
            if not outcome.items:
                self.say(f"There is no {text!r}: type a number, a name or a part of it.")
            else:
                print("\n".join(rows(shown, len(shown))))

    def checked(self, text: str, check: Check) -> str | None:
        """What ``check`` returns; None after saying what is wrong."""
        try:
            return check(text)
        except CommandError as error:
            self.say(str(error))
            return None

    def _read(self, read: Callable[[str], str], prompt: str) -> str:
        while True:
            try:
                return read(prompt).strip()
            except EOFError as error:
                print()
                raise InputEnded("the input ended: nothing was written") from error
            except UnicodeDecodeError:
                self.say("That was not text.")
