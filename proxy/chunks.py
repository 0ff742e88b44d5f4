"""The items of an upstream stream, as the reader hands them to the translator.

Rule: ``proxy.upstream`` makes them, ``proxy.convert`` reads them, and this is all the two share.
A chunk is a decoded ``data:`` line (any JSON value) or one of the two signals below. A named
``error`` event whose payload has no ``error`` member arrives wrapped as ``{"error": payload}``.
"""

from __future__ import annotations

from enum import Enum
from typing import Any


class Signal(Enum):
    """Stream items that are not JSON."""

    DONE = "done"
    """``data: [DONE]``."""
    UNDECODABLE = "undecodable"
    """A data line that is not JSON, or an event above the size cap."""


Chunk = Any
"""A decoded JSON value or a ``Signal``."""
