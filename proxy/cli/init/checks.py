"""Whether an answer can be used, and written.

Rule: pure. The message names what was answered, but never a key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from marshmallow import ValidationError

from config import fields
from proxy.cli.errors import CommandError

Written = Callable[[str, str], str]
"""Returns the value of a setting; raises ``CommandError`` if the file cannot hold it."""


class Unusable(CommandError):
    """An answer that cannot be used."""


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks of every kind of answer; ``written`` is the file's own."""

    written: Written

    def base_url(self, text: str) -> str:
        """``text`` as a base URL; raises ``CommandError``."""
        try:
            fields.checked_url(text)
        except ValidationError as error:
            raise Unusable(f"The base URL {text!r} {error.messages[0]}.") from error
        return self.written("OPENAI_BASE_URL", text)

    def key(self, text: str) -> str:
        """``text`` as a key; raises ``CommandError``."""
        try:
            fields.checked_key(text)
        except ValidationError as error:
            raise Unusable(f"The key {error.messages[0]}.") from error
        return self.written("OPENAI_API_KEY", text)

    def model(self, text: str) -> str:
        """``text`` as a model's id; raises ``CommandError``."""
        if not text.isprintable():
            raise Unusable("The model's id contains a control character.")
        return self.written("the model's id", text)


def is_local(base_url: str) -> bool:
    """Whether it is a server on this machine or on a private network."""
    host = urlsplit(base_url).hostname or ""
    try:
        address = ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal", ".lan"))
    return address.is_loopback or address.is_private
