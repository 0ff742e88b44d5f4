"""What one provider does otherwise, as data.

Rule: a new provider is one new module and one entry in ``PROFILES``. The flags of a request are
the defaults, then what is true of the model everywhere (families.py), then the provider's, then
the provider's for that model; whoever knows better overrides them with ``overridden``.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from proxy.providers.profiles.ark import ARK
from proxy.providers.profiles.azure import AZURE
from proxy.providers.profiles.base import ModelRule, Profile, Vendor, plain_name
from proxy.providers.profiles.deepseek import DEEPSEEK
from proxy.providers.profiles.families import FAMILIES
from proxy.providers.profiles.gemini import GEMINI
from proxy.providers.profiles.glm import GLM
from proxy.providers.profiles.groq import GROQ
from proxy.providers.profiles.llamacpp import LLAMACPP
from proxy.providers.profiles.minimax import MINIMAX
from proxy.providers.profiles.mistral import MISTRAL
from proxy.providers.profiles.moonshot import MOONSHOT
from proxy.providers.profiles.ollama import OLLAMA
from proxy.providers.profiles.openai import OPENAI
from proxy.providers.profiles.openrouter import OPENROUTER
from proxy.providers.profiles.overrides import overridden
from proxy.providers.profiles.qiniu import QINIU
from proxy.providers.profiles.qwen import QWEN
from proxy.providers.profiles.vllm import VLLM

__all__ = [
    "PROFILES",
    "UNKNOWN",
    "Profile",
    "Vendor",
    "base_path_for",
    "credential_header",
    "overridden",
    "profile_for",
    "vendor_for",
]

PROFILES: tuple[Vendor, ...] = (
    OPENAI,
    AZURE,
    DEEPSEEK,
    QWEN,
    MOONSHOT,
    GLM,
    MINIMAX,
    OPENROUTER,
    GEMINI,
    GROQ,
    MISTRAL,
    OLLAMA,
    VLLM,
    LLAMACPP,
    ARK,
    QINIU,
)
UNKNOWN = Vendor(name="default", hosts={})
"""The provider of every other host: docs/protocol.md's defaults and the model's own rules."""

LONGEST_NAME = 256
"""Characters of a model name that are looked at: clients choose names, and they are cached."""

BASE_PATHS: dict[str, str] = {
    pattern: path for provider in PROFILES for pattern, path in provider.hosts.items()
}
VENDOR_FOR_HOST: dict[str, Vendor] = {
    pattern: provider for provider in PROFILES for pattern in provider.hosts
}


def profile_for(host: str, model: str, *, path: str = "") -> Profile:
    """The flags of ``model`` (the upstream's name for it) at ``host`` (``h``, ``h:port``, ``[v6]``).

    ``path`` is that of the base URL: a deployment path tells Azure behind a domain of one's own.
    Unknown hosts get the defaults and the rules of the model's family (docs/protocol.md 1.1).
    """
    return _profile(host, model[:LONGEST_NAME], _is_deployment(path))


def vendor_for(host: str, *, path: str = "") -> Vendor:
    """The provider that answers at ``host``; ``UNKNOWN`` for any other."""
    return _vendor(host, _is_deployment(path))


def base_path_for(host: str, path: str = "") -> str | None:
    """The path before ``/chat/completions`` at a known host whose URL has ``path``.

    Corrects a URL without a path, with the beginning of the right path (``/openai`` at Groq,
    ``/v1beta`` at Gemini) or with a plain ``/v1``. None: the URL stands as it is, because the host
    is unknown or its path says something else (docs/features.md "Upstream URL").
    """
    pattern = _host_pattern(host)
    if pattern is None:
        return None
    base_path = BASE_PATHS[pattern]
    given = path.rstrip("/")
    unfinished = given in ("", "/v1") or f"{base_path}/".startswith(f"{given}/")
    return base_path if unfinished else None


def credential_header(host: str, key: str, *, path: str = "") -> tuple[str, str]:
    """Name, in lower case, and value of the one header that carries ``key`` to ``host``.

    Azure wants its keys as ``api-key`` and access tokens (which are JWTs) as bearer tokens.
    """
    if vendor_for(host, path=path).credential == "api-key" and not _is_access_token(key):
        return "api-key", key
    return "authorization", f"Bearer {key}"


@lru_cache(maxsize=1024)
def _profile(host: str, model: str, is_deployment: bool) -> Profile:
    provider = _vendor(host, is_deployment)
    name = plain_name(model)
    flags: dict[str, object] = {
        **_model_flags(FAMILIES, name),
        **provider.flags,
        **_model_flags(provider.models, name),
    }
    return overridden(Profile(name=provider.name), flags)


def _vendor(host: str, is_deployment: bool) -> Vendor:
    pattern = _host_pattern(host)
    if pattern is not None:
        return VENDOR_FOR_HOST[pattern]
    return AZURE if is_deployment else UNKNOWN


def _is_deployment(path: str) -> bool:
    return "/deployments/" in path


def _is_access_token(key: str) -> bool:
    return key.startswith("eyJ") and key.count(".") == 2


def _model_flags(rules: tuple[ModelRule, ...], name: str) -> dict[str, object]:
    flags: dict[str, object] = {}
    for model_rule in rules:
        if model_rule.matches(name):
            flags.update(model_rule.flags)
    return flags


@lru_cache(maxsize=256)
def _host_pattern(host: str) -> str | None:
    """The entry of ``Vendor.hosts`` that ``host`` falls under: exact, then suffix, then port."""
    name, port = _split_port(host.strip().lower())
    if name in VENDOR_FOR_HOST:
        return name
    _, dot, parent = name.partition(".")
    while dot:
        if f".{parent}" in VENDOR_FOR_HOST:
            return f".{parent}"
        _, dot, parent = parent.partition(".")
    return f":{port}" if f":{port}" in VENDOR_FOR_HOST and _is_own_machine(name) else None


def _split_port(host: str) -> tuple[str, str]:
    if host.startswith("["):
        name, _, rest = host[1:].partition("]")
        return name, rest.removeprefix(":")
    name, _, port = host.partition(":")
    return name.rstrip("."), port


def _is_own_machine(name: str) -> bool:
    """Whether ``name`` is a machine of the operator's own, where a port tells the server."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return "." not in name or name.endswith((".localhost", ".local", ".internal", ".lan"))
    return address.is_loopback or address.is_private
