"""What the 404 says of a ``/v1`` path that Anthropic or OpenAI have and this proxy does not offer.

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
"""For the path behind ``/v1``, or its beginning, its name and what to use."""
_OTHERS = (
    "this path",
    "it has POST /v1/messages, POST /v1/messages/count_tokens and GET /v1/models",
)


def not_offered(path: str) -> str:
    """The words about ``path``, from ``": "`` on; empty where it is under no ``/v1``."""
    behind = behind_version(path)
    if behind is None:
        return ""
    known = (pair for start, pair in INSTEAD.items() if f"{behind}/".startswith(f"{start}/"))
    name, instead = next(known, _OTHERS)
    return f": this proxy does not offer {name}; {instead}"
