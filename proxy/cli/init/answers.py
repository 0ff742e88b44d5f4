"""What the operator answered, and the variables that it becomes.

Rule: pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from config.registry.values import DEFAULT_BASE_URL
from proxy.cli.init.proposals import NO_MODELS, Tiers
from proxy.providers.profiles import PROFILES, UNKNOWN, Start, Vendor, vendor_for

OTHER = "other"
NO_KEY = "unused"
"""OPENAI_API_KEY for a server that needs no key: with one here the proxy asks its clients for none."""
LOOPBACK = "127.0.0.1"

Access = Literal["local", "key", "kept"]
"""local: listen on the loopback address; key: an auth key for clients; kept: as it is configured."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers so far."""

    vendor: Vendor
    base_url: str = ""
    key: str | None = field(default=None, repr=False)
    """None: each client sends its own."""
    key_variable: str = ""
    """The variable that the key was taken from, if any."""
    models: Tiers = NO_MODELS
    access: Access = "kept"
    auth_key: str | None = field(default=None, repr=False)

    @property
    def start(self) -> Start:
        """The proposals: those of the vendor of the base URL where the operator named none."""
        if self.vendor is not UNKNOWN:
            return self.vendor.start
        return vendor_of(self.base_url).start

    @property
    def distinct_models(self) -> tuple[str, ...]:
        """Each model once, the largest first."""
        return tuple(dict.fromkeys((self.models.big, self.models.middle, self.models.small)))


def vendor_named(text: str) -> Vendor | None:
    """The vendor of a menu's name; ``UNKNOWN`` for ``other``, None if there is none."""
    if text.lower() == OTHER:
        return UNKNOWN
    return next((vendor for vendor in PROFILES if vendor.name == text.lower()), None)


def vendor_of(base_url: str) -> Vendor:
    """The vendor that serves ``base_url``; ``UNKNOWN`` for any other host."""
    parts = urlsplit(base_url)
    return vendor_for(parts.netloc, path=parts.path)


def held_key(variables: Mapping[str, str], answers: Answers) -> tuple[str, str]:
    """The variable that holds the upstream's key already, and the key; both empty if none does.

    OPENAI_API_KEY belongs to the host of OPENAI_BASE_URL, so it is never offered for another one.
    """
    own_host = urlsplit(variables.get("OPENAI_BASE_URL", "").strip() or DEFAULT_BASE_URL).netloc
    names = [answers.start.key_variable or ""]
    if "OPENAI_API_KEY" not in names:
        names.append("OPENAI_API_KEY")
    for name in names:
        is_foreign = name == "OPENAI_API_KEY" and urlsplit(answers.base_url).netloc != own_host
        key = variables.get(name, "").strip()
        if key and not is_foreign:
            return name, key
    return "", ""


def provider_name(answers: Answers) -> str:
    """A provider's name for a registry file."""
    vendor = answers.vendor if answers.vendor is not UNKNOWN else vendor_of(answers.base_url)
    return "upstream" if vendor is UNKNOWN else vendor.name


def setting_values(answers: Answers) -> Mapping[str, str | None]:
    """Values by field of ``Settings``; None: the variable is removed."""
    values: dict[str, str | None] = {
        "openai_base_url": answers.base_url,
        "openai_api_key": answers.key,
        "big_model": answers.models.big,
        "middle_model": answers.models.middle,
        "small_model": answers.models.small,
    }
    if answers.access == "local":
        values["host"] = LOOPBACK
    elif answers.access == "key":
        values |= {"host": None, "auth_keys": answers.auth_key}
    return values
