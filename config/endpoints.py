"""Base URLs that name an endpoint in place of the API's base.

Rule: pure. Endpoints that a rule of ``config.urls`` takes are not refused: ``/chat/completions``,
``/responses``, ``/invocations``, Foundry's ``/models`` and, for a native upstream, ``/messages``.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qs, urlsplit, urlunsplit

from config.urls import CHAT, MESSAGES, RESPONSES

_MESSAGES = re.compile(r"/(?:messages|complete)(?:/(?:count_tokens|batches))?$")
_NATIVE_BASE = re.compile(r"/anthropic(?:/v[0-9]+)?$")
"""Where DeepSeek, Moonshot, Z.ai, MiniMax and gateways offer the Messages API."""
_OTHERS = re.compile(
    # A deployment of Azure's may have any name.
    r"(?<!/deployments)/(?:responses/(?:compact|input_tokens)|completions|embeddings|models|moderations|rerank|files"
    r"|batches|realtime|images/(?:generations|edits|variations)"
    r"|audio/(?:speech|transcriptions|translations))$"
)
_RESPONSES = re.compile(f"{RESPONSES}$")
_OLLAMA = re.compile(r"/api/(?:chat|generate|tags|embed|embeddings|show|ps)$")
_GEMINI = re.compile(r"/models/[^/]+:[A-Za-z]+$")
_COHERE = re.compile(r"(?<=/v[0-9])/chat$")


def misplaced_endpoint(url: str, *, native: bool) -> str | None:
    """A phrase that continues "URL ..." if ``url`` ends in an endpoint that no rule takes.

    It says what to write. None: the URL is usable, or no URL at all, which other checks refuse.
    ``native``: the upstream speaks the Messages API.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    path = parts.path.rstrip("/")
    if native:
        return _misplaced_at_native(parts, path)
    if _MESSAGES.search(path) or _NATIVE_BASE.search(path):
        return _messages_api(parts, path)
    base = _base(parts, path)
    return None if base is None else _advice(parts, path, base)


def _misplaced_at_native(parts: SplitResult, path: str) -> str | None:
    if path.endswith(MESSAGES):
        return None
    for pattern in (_MESSAGES, re.compile(f"{CHAT}$"), _RESPONSES, _OTHERS):
        if pattern.search(path):
            return _advice(parts, path, pattern.sub("", path))
    return None


def _messages_api(parts: SplitResult, path: str) -> str:
    base = _NATIVE_BASE.sub("", _MESSAGES.sub("", path))
    return (
        f"ends in {_end(path, base)}, which is the Messages API: write the base URL of the OpenAI-"
        f"compatible API, such as {_written(parts, base)}, or keep this one with `direct: true` in "
        "a registry file"
    )


def _base(parts: SplitResult, path: str) -> str | None:
    """The path of the API's base; None if ``path`` ends in no endpoint that is refused."""
    for endpoint in (CHAT, RESPONSES):
        if path.endswith(endpoint):
            base = path.removesuffix(endpoint)
            return base.removesuffix(endpoint) if base.endswith(endpoint) else None
    if _OLLAMA.search(path):
        return _OLLAMA.sub("/v1", path)
    if _GEMINI.search(path):
        return _GEMINI.sub("/openai", path)
    if path.endswith("/models") and _is_versioned_or_azure(parts):
        return None
    for pattern in (_OTHERS, _COHERE):
        if pattern.search(path):
            return pattern.sub("", path)
    return None


def _is_versioned_or_azure(parts: SplitResult) -> bool:
    """Whether ``/models`` is the root of Foundry's API, there or behind a gateway of one's own."""
    host = (parts.hostname or "").rstrip(".")
    return host.endswith(".azure.com") or "api-version" in parse_qs(parts.query)


def _advice(parts: SplitResult, path: str, base: str) -> str:
    return f"ends in {_end(path, base)}, an endpoint: write {_written(parts, base)}"


def _end(path: str, base: str) -> str:
    # Ollama's and Gemini's bases do not begin the path.
    return path.removeprefix(base) if path.startswith(base) else "/" + path.rpartition("/")[2]


def _written(parts: SplitResult, path: str) -> str:
    # The query may contain a key.
    url = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
    return f"{url} and the same query" if parts.query else url
