"""The keys of a registry file, in its three shapes (docs/features.md "Registry file").

Rule: a key that is not here is refused. The schemas check one entry at a time; ``checks`` compares
entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema
from marshmallow.fields import Dict, Field, List, Nested

from config.fields import ProxyUrl, TokenCount
from config.file_fields import CaBundle
from config.registry.fields import (
    OWN_MEMBERS,
    Flag,
    Headers,
    Keys,
    Members,
    Number,
    OneOf,
    OptionalString,
    Setting,
    String,
    Strings,
    Url,
)
from config.registry.values import APIS, REASONING_EFFORTS

TOP_SETTINGS: Mapping[str, str] = {
    "ak": "auth_keys",
    "host": "host",
    "port": "port",
    "big_model": "big_model",
    "middle_model": "middle_model",
    "small_model": "small_model",
    "upstream_timeout_seconds": "request_timeout",
    "log_body_max_chars": "log_body_max_chars",
    "log_stream_text_preview_chars": "log_stream_text_preview_chars",
    "strict_models": "strict_models",
}
"""Keys at the top of the file that are settings, and their fields of ``Settings``."""
ROUTER_SETTINGS: Mapping[str, str] = {
    "default": "router_default",
    "think": "router_think",
    "background": "router_background",
    "long_context": "router_long_context",
    "long_context_threshold": "long_context_threshold",
}
"""The same for the keys below ``router``."""
VARIABLE_SOURCES = ("api_key_env", "api_key_name")
"""Keys that name the variable with a provider's API key."""
KEY_SOURCES = ("api_key", "api_keys", *VARIABLE_SOURCES)
"""Keys that give a provider's API key; at most one may be used."""


class Strict(Schema):
    """A schema that refuses unknown keys; its messages continue "FILE:LINE: KEY: "."""

    class Meta:
        unknown = RAISE

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.error_messages |= {
            "type": "must be a mapping of keys to values",
            "unknown": "unknown key",
        }


def _optional(form: Field[Any]) -> Field[Any]:
    """``form``, for which null is the same as absent."""
    form.allow_none = True
    return form


def _required(form: Field[Any]) -> Field[Any]:
    form.required = True
    form.error_messages |= {"required": "is missing", "null": "is missing"}
    return form


def _list_of(form: Field[Any]) -> Field[Any]:
    return List(form, allow_none=True, error_messages={"invalid": "must be a list"})


def _key_fields() -> dict[str, Field[Any]]:
    return {
        "api_key": _optional(Keys()),
        "api_keys": _optional(Keys()),
        "api_key_env": _optional(Strings()),
        "api_key_name": _optional(Strings()),
    }


def _provider_fields() -> dict[str, Field[Any]]:
    return {
        **_key_fields(),
        "name": _optional(String()),
        "direct": _optional(Flag()),
        "proxy": _optional(ProxyUrl()),
        "ca_bundle": _optional(CaBundle()),
        "extra_headers": _optional(Headers()),
        "upstream_timeout_seconds": Number(0, 86_400, above=True),
        "deny_betas": _optional(Strings()),
        "api": OneOf(APIS),
    }


def _model_fields() -> dict[str, Field[Any]]:
    return {
        "display_name": _optional(OptionalString()),
        "aliases": _optional(Strings()),
        "max_tokens": TokenCount(),
        "max_input_tokens": TokenCount(),
        "encoding": _optional(String()),
        "temperature": Number(0, 2),
        "reasoning_effort": OneOf(REASONING_EFFORTS),
        "extra_body": Members(OWN_MEMBERS),
        "fallbacks": _optional(Strings()),
        "price": _optional(Nested(PRICE)),
        "profile": Members(),
        "api": OneOf(APIS),
    }


PRICE = Strict.from_dict(
    {name: Number(0) for name in ("input", "output", "cache_read", "cache_write")}
)
"""Price of a million tokens."""

MODEL = Strict.from_dict(
    {"id": _required(String()), "remote_id": _optional(OptionalString()), **_model_fields()}
)
"""A model below its provider."""

PROVIDER = Strict.from_dict(
    {
        "base_url": _required(Url()),
        **_provider_fields(),
        "profile": Members(),
        "models": _list_of(Nested(MODEL)),
    }
)

FLAT_MODEL = Strict.from_dict(
    {
        **_provider_fields(),
        **_model_fields(),
        "api_base": _required(Url()),
        "model_name": _optional(OptionalString()),
        "can_stream": _optional(Flag()),
        "context": TokenCount(),
        **{
            f"{way}_cost_per_{unit}": Number(0)
            for way in ("input", "output")
            for unit in ("token", "million_tokens")
        },
    }
)
"""A model with its own ``api_base``: ``models: {ID: {...}}``."""

LISTED_MODEL = Strict.from_dict(
    {**FLAT_MODEL._declared_fields, "model_id": _required(String())}, name="ListedModel"
)
"""A flat model as an entry of a list: the same with ``model_id``."""

ROUTER = Strict.from_dict({name: _optional(Setting()) for name in ROUTER_SETTINGS})

TOP: Mapping[str, Field[Any]] = {
    **{name: _optional(Setting()) for name in TOP_SETTINGS},
    # Only text is accepted, since YAML reads an unquoted 0123 as 83.
    "ak": _optional(Keys()),
    "router": _optional(Nested(ROUTER)),
    "models_from_upstream": _optional(Flag()),
    "providers": _list_of(Nested(PROVIDER)),
}
FILE_WITH_MAPPING: Schema = Strict.from_dict(
    {**TOP, "models": Dict(String(), Nested(FLAT_MODEL), allow_none=True)}
)()
FILE_WITH_LIST: Schema = Strict.from_dict({**TOP, "models": _list_of(Nested(LISTED_MODEL))})()
