"""What surrounds a value: white space, quotes and a comment.

Rule: pure. python-dotenv removes all three from a ``.env`` file. ``docker run --env-file`` and other readers
pass them on, so they are removed from variables of the environment where no value can be meant that way,
and are refused where one can.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_COMMENT = re.compile(r"(?:^|\s)#.*", re.DOTALL)
_INNER_COMMENT = re.compile(r"\s#")
# Not around several quoted parts, such as the header `"Chromium";v="120"` or a list of quoted keys.
_QUOTED = re.compile(r"""(["'])((?:(?!\1).)*)\1\s*(?:#.*)?""", re.DOTALL)
_QUOTES = ("'", '"')
REASON = "docker's --env-file keeps comments and quotes"
COMMENT = (
    f"contains a comment (` #`): remove it, because {REASON}; if it is part of the value, write that "
    "in quotes in .env"
)


def unwrapped(text: str, *, exact: bool) -> str:
    """``text`` without surrounding white space, quotes and comment.

    ``exact``: a value, such as a secret or a path, that may look like a comment. It keeps one if it is
    not in quotes; ``wrapping_problem`` refuses it.
    """
    text = text.strip()
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        return quoted[2].strip()
    return text if exact else _COMMENT.sub("", text).strip()


def wrapping_problem(text: str, *, exact: bool) -> str | None:
    """A phrase that continues "NAME ..." if a rest of quotes or a comment is left in ``text``."""
    if exact and has_comment(text):
        return COMMENT
    if text.startswith(_QUOTES) or text.endswith(_QUOTES):
        return f"begins or ends with a quote: remove the quotes, because {REASON}"
    return None


def has_comment(text: str) -> bool:
    """Whether ``text`` seems to end with a comment."""
    return _INNER_COMMENT.search(text) is not None


def without_wrapping(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` with the values unwrapped, as far as a credential can be."""
    return {name: unwrapped(text, exact=True) for name, text in environ.items()}
