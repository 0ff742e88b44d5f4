"""URLs of an upstream's endpoints, from its base URL.

Rule: pure. A base URL that already names its API version or endpoint is used as it is
(docs/features.md "Upstream URL", docs/edge-cases.md 157).
"""

from __future__ import annotations

import re
from typing import Protocol
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from config.registry.values import AZURE_API_VERSION

CHAT = "/chat/completions"
RESPONSES = "/responses"
INVOCATIONS = "/invocations"
"""Ends the Chat Completions endpoint of one model at Databricks."""
MESSAGES = "/messages"
DEFAULT_PATH = "/v1"
AZURE_RESPONSES = "/openai/v1/responses"
_API_VERSION = "api-version"
_DEPLOYMENT = "/deployments/"
_COMPLETE = re.compile(
    r"/(?:v[0-9]+[a-z0-9]*|openai|compat|inference|openapi|serving-endpoints|chat/completions"
    r"|responses|invocations)$"
)
_FOUNDRY = re.compile(r"/models(?:/chat/completions)?/*$")
FOUNDRY_API_VERSION = "2024-05-01-preview"
"""``api-version`` of the Azure AI Model Inference API, whose versions are not those of Azure OpenAI."""
_REPEATED_VERSION = re.compile(r"(?:/v1){2,}$")


class Located(Protocol):
    """The attributes of a provider that its URLs depend on."""

    @property
    def base_url(self) -> str: ...
    @property
    def azure_api_version(self) -> str: ...


def chat_url(provider: Located, base_path: str | None = None) -> str:
    """The Chat Completions endpoint of ``provider``.

    ``base_path`` is the path of the API on a known host (``/api/v1``); it replaces a path that is
    missing, incomplete, or the ``/v1`` of other hosts.
    """
    path = urlsplit(provider.base_url).path.rstrip("/")
    if path.endswith(RESPONSES):
        path = path.removesuffix(RESPONSES) + CHAT
    elif not path.endswith((CHAT, INVOCATIONS)):
        path = _api_path(path, base_path) + CHAT
    return _url(provider, path)


def responses_url(provider: Located, base_path: str | None = None) -> str:
    """The Responses endpoint of ``provider``, beside that of ``chat_url`` except on Azure.

    ``base_path``: as for ``chat_url``. Azure's deployments and models have it at ``/openai/v1``, where
    the request names the model and ``api-version`` is only sent as ``preview``.
    """
    parts = urlsplit(provider.base_url)
    path = parts.path.rstrip("/")
    if is_azure_deployment(provider.base_url) or _is_foundry(parts):
        return urlunsplit(parts._replace(path=AZURE_RESPONSES, query=_preview_only(parts.query)))
    return _url(provider, _base(path, base_path) + RESPONSES)


def names_responses(base_url: str) -> bool:
    """Whether ``base_url`` is a Responses endpoint, which then is the one that is called."""
    return urlsplit(base_url).path.rstrip("/").endswith(RESPONSES)


def deployment_of(base_url: str) -> str | None:
    """The deployment that an Azure URL names; None: it names none."""
    _, found, name = urlsplit(base_url).path.partition(_DEPLOYMENT)
    return unquote(name.partition("/")[0]) or None if found else None


def models_url(provider: Located, base_path: str | None = None) -> str:
    """The model list, at the base path of ``chat_url``; on Azure, at the path above ``/deployments``."""
    path = _base(urlsplit(provider.base_url).path.rstrip("/"), base_path)
    if _DEPLOYMENT in f"{path}/":
        path = path.partition(_DEPLOYMENT)[0]
    return _url(provider, f"{path}/models")


def messages_url(provider: Located) -> str:
    """The Messages endpoint of a native upstream: base + ``/v1/messages``, with one ``/v1``."""
    path = urlsplit(provider.base_url).path.rstrip("/")
    if not path.endswith(MESSAGES):
        path = (path if path.endswith(DEFAULT_PATH) else path + DEFAULT_PATH) + MESSAGES
    return _url(provider, path)


def registered_base_url(base_url: str) -> str:
    """``base_url`` of a registry file, with ``/v1`` appended if the file leaves it out.

    Unchanged if the path names the API: a version, ``/openai``, ``/compat``, ``/inference``, Vertex's
    ``/openapi``, Databricks' ``/serving-endpoints``, Foundry's ``/models``, an Azure deployment, or
    the endpoint itself.
    """
    parts = urlsplit(base_url)
    path = parts.path.rstrip("/")
    named = _COMPLETE.search(path) or is_azure_deployment(base_url) or _is_foundry(parts)
    if not named:
        path += DEFAULT_PATH
    return urlunsplit(parts._replace(path=path))


def is_azure_deployment(base_url: str) -> bool:
    """Whether it is ``.../openai/deployments/NAME``, which needs ``api-version`` and ``api-key``."""
    return _DEPLOYMENT in urlsplit(base_url).path


def _is_foundry(parts: SplitResult) -> bool:
    """Whether it is the Model Inference API of Azure AI Foundry, which needs ``api-version``."""
    host = (parts.hostname or "").rstrip(".")
    return host.endswith(".azure.com") and _FOUNDRY.fullmatch(parts.path) is not None


def without_query(url: str) -> str:
    """``url`` for output, with its query replaced by dots, since it may contain a key."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="...")) if parts.query else url


def _api_path(path: str, base_path: str | None) -> str:
    """The path that endpoints are appended to; ``path`` has no trailing slash."""
    path = _REPEATED_VERSION.sub(DEFAULT_PATH, path)
    if base_path is not None:
        known = "/" + base_path.strip("/") if base_path.strip("/") else ""
        if not path or f"{known}/".startswith(f"{path}/") or (path == DEFAULT_PATH and known):
            return known
    return path or DEFAULT_PATH


def _base(path: str, base_path: str | None) -> str:
    """The path of the API, above its endpoints; ``path`` has no trailing slash."""
    if path.endswith(INVOCATIONS):
        return path.removesuffix(INVOCATIONS).rpartition("/")[0]
    for endpoint in (CHAT, RESPONSES):
        if path.endswith(endpoint):
            return path.removesuffix(endpoint)
    return _api_path(path, base_path)


def _preview_only(query: str) -> str:
    """``query`` without a dated ``api-version``, which ``/openai/v1`` refuses."""
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([pair for pair in pairs if pair[0] != _API_VERSION or pair[1] == "preview"])


def _url(provider: Located, path: str) -> str:
    parts = urlsplit(provider.base_url)
    query = parts.query
    version = _api_version(provider, parts)
    if version and _API_VERSION not in dict(parse_qsl(query)):
        named = urlencode({_API_VERSION: version})
        query = f"{query}&{named}" if query else named
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))


def _api_version(provider: Located, parts: SplitResult) -> str:
    """The ``api-version`` that the URL needs; empty if it needs none."""
    if is_azure_deployment(provider.base_url):
        return provider.azure_api_version
    if not _is_foundry(parts):
        return ""
    own = provider.azure_api_version
    return FOUNDRY_API_VERSION if own == AZURE_API_VERSION else own
