"""Find the vendor, the profile, the path and the key's header for a host and a model.

Rule: the flags of a profile are the defaults, then those of the model's family (families.py), then
the vendor's, then the vendor's for that model. The registry and healing override them by name.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from proxy.providers.profiles.azure import AZURE
from proxy.providers.profiles.base import ModelRule, Profile, Vendor, plain_name
from proxy.providers.profiles.families import FAMILIES
from proxy.providers.profiles.overrides import FLAG_TYPES, overridden
from proxy.providers.profiles.vendors import PROFILES, UNKNOWN

LONGEST_NAME = 256
"""Characters of a model name that are compared and cached; limited because clients choose names."""

VENDOR_FOR_HOST: dict[str, Vendor] = {
    pattern: vendor for vendor in PROFILES for pattern in vendor.hosts
}
RESPONSES_FOR_VENDOR = {vendor.name: vendor.responses for vendor in PROFILES}
DEFAULTS = {name: getattr(Profile(), name) for name in FLAG_TYPES}


def profile_for(host: str, model: str, *, path: str = "") -> Profile:
    """The profile of ``model`` (the upstream's name for it) at ``host``.

    ``host`` is ``name``, ``name:port`` or ``[v6]:port``. ``path`` is the base URL's: a deployment
    path identifies Azure on any host. Unknown hosts get the defaults and the rules of the model's
    family (docs/protocol.md 1.1).
    """
    return _profile(host, model[:LONGEST_NAME], _is_deployment(path))


@lru_cache(maxsize=512)
def under_responses(profile: Profile) -> Profile:
    """``profile`` with what its vendor has at the Responses endpoint alone (``Vendor.responses``).

    Such a flag applies only where ``profile`` has the default, so that the registry, healing and the
    flags of a model go before it.
    """
    flags = RESPONSES_FOR_VENDOR.get(profile.name, {})
    missing = {name: flags[name] for name in flags if getattr(profile, name) == DEFAULTS[name]}
    return overridden(profile, missing)


def vendor_for(host: str, *, path: str = "") -> Vendor:
    """The vendor of ``host``; ``UNKNOWN`` for any other host."""
    return _vendor(host, _is_deployment(path))


def base_path_for(host: str, path: str = "") -> str | None:
    """The path before ``/chat/completions`` at a known host whose URL has ``path``.

    Corrects a URL without a path, with the beginning of the right path (``/openai`` at Groq,
    ``/v1beta`` at Gemini) or with a plain ``/v1``. None: the URL is used unchanged, because the
    host is unknown or its path is another one (docs/features.md "Upstream URL").
    """
    pattern = _host_pattern(host)
    if pattern is None:
        return None
    base_path = VENDOR_FOR_HOST[pattern].hosts[pattern]
    given = path.rstrip("/")
    is_incomplete = given in ("", "/v1") or f"{base_path}/".startswith(f"{given}/")
    return base_path if is_incomplete else None


def responses_path_for(host: str, path: str = "") -> str | None:
    """As ``base_path_for``, for the path before ``/responses``, which is another one at some hosts."""
    base_path = base_path_for(host, path)
    pattern = _host_pattern(host)
    if base_path is None or pattern is None:
        return base_path
    return VENDOR_FOR_HOST[pattern].responses_paths.get(pattern, base_path)


def credential_header(host: str, key: str, *, path: str = "") -> tuple[str, str]:
    """Name (in lower case) and value of the header that carries ``key`` to ``host``.

    Azure accepts keys in ``api-key`` and access tokens, which are JWTs, as bearer tokens.
    """
    if vendor_for(host, path=path).credential == "api-key" and not _is_access_token(key):
        return "api-key", key
    return "authorization", f"Bearer {key}"


@lru_cache(maxsize=1024)
def _profile(host: str, model: str, is_deployment: bool) -> Profile:
    vendor = _vendor(host, is_deployment)
    name = plain_name(model)
    flags: dict[str, object] = {
        **_model_flags(FAMILIES, name),
        **vendor.flags,
        **_model_flags(vendor.models, name),
    }
    return overridden(Profile(name=vendor.name), flags)


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
    """The entry of ``Vendor.hosts`` that matches ``host``: exact, then suffix, then port."""
    name, port = _split_port(host.strip().lower())
    if name in VENDOR_FOR_HOST:
        return name
    _, dot, parent = name.partition(".")
    while dot:
        if f".{parent}" in VENDOR_FOR_HOST:
            return f".{parent}"
        _, dot, parent = parent.partition(".")
    return f":{port}" if f":{port}" in VENDOR_FOR_HOST and _is_local(name) else None


def _split_port(host: str) -> tuple[str, str]:
    if host.startswith("["):
        name, _, after = host[1:].partition("]")
        return name, after.removeprefix(":")
    name, _, port = host.partition(":")
    return name.rstrip("."), port


def _is_local(name: str) -> bool:
    """Whether ``name`` is loopback or on a private network, where a port identifies the server."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return "." not in name or name.endswith((".localhost", ".local", ".internal", ".lan"))
    return address.is_loopback or address.is_private
