"""The text of a 404 for a ``/v1`` path of Anthropic or OpenAI that this proxy does not offer.

Rule: a pure function of the path. With a native default upstream these paths are relayed instead
(``proxy.api.native``).
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.api.mistyped import behind_version

_AT_ANTHROPIC = "call Anthropic's API itself for it"
_TOOLS = "send tools, system prompt and history with each POST /v1/messages"
_FILES = "send images and documents inside POST /v1/messages, as base64 or text sources"

INSTEAD: Mapping[str, tuple[str, str]] = {
    "messages/batches": ("message batches", "send each request as POST /v1/messages"),
    "files": ("files", _FILES),
    "skills": ("skills", _TOOLS),
    "agents": ("agents", _TOOLS),
    "sessions": ("sessions", _TOOLS),
    "environments": ("environments", _TOOLS),
    "deployments": ("deployments", _TOOLS),
    "memory_stores": ("memory stores", "use the memory tool in POST /v1/messages"),
    "vaults": ("vaults", "send credentials to your own tools"),
    "organizations": ("organizations", _AT_ANTHROPIC),
    "me": ("accounts", _AT_ANTHROPIC),
    "oauth": ("OAuth", _AT_ANTHROPIC),
    "user_profiles": ("user profiles", _AT_ANTHROPIC),
    "complete": ("text completions", "use POST /v1/messages"),
    "completions": ("OpenAI's completions", "use POST /v1/messages"),
    "chat/completions": ("OpenAI's Chat Completions", "use POST /v1/messages"),
    "responses": ("OpenAI's Responses", "use POST /v1/messages"),
    "embeddings": ("embeddings", "call the upstream itself for them"),
}
"""For a path after ``/v1``, or a prefix of it: the name of the API, and what to use instead."""
_OTHERS = (
    "this path",
    "it has POST /v1/messages, POST /v1/messages/count_tokens and GET /v1/models",
)


def not_offered(path: str) -> str:
    """The text for ``path``, which begins with ``": "``; empty if the path is not under ``/v1``."""
    behind = behind_version(path)
    if behind is None:
        return ""
    known = (pair for start, pair in INSTEAD.items() if f"{behind}/".startswith(f"{start}/"))
    name, instead = next(known, _OTHERS)
    return f": this proxy does not offer {name}; {instead}"
