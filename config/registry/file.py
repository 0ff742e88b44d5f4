"""The registry that a file and the environment describe together.

Rule: the environment's upstream stands behind the file's, and is where models go that nobody
registered; without one that is the file's first provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from config.errors import ConfigError
from config.registry.entries import RegistryFile, free_name, load_registry_file
from config.registry.values import (
    DEFAULT_BASE_URL,
    Chosen,
    Provider,
    Registry,
    environment_provider,
    router_rules,
)

OWN_KEY = "OPENAI_API_KEY"
"""The variable with the key of the environment's own upstream."""


def load_registry(path: Path, environ: Mapping[str, str], settings: Chosen) -> Registry:
    """The registry of the file at ``path``; raises ``ConfigError``."""
    file = load_registry_file(path, environ)
    if file.problems:
        raise ConfigError(file.problems)
    return file_registry(file, settings)


def file_registry(file: RegistryFile, settings: Chosen) -> Registry:
    """The file's providers and models, with the environment's upstream where there is one.

    The environment's upstream is where models go that nobody registered; without it that is the
    file's first provider.
    """
    version = settings.azure_api_version
    providers = tuple(replace(p, azure_api_version=version) for p in file.providers)
    models = tuple(
        replace(m, provider=replace(m.provider, azure_api_version=version)) for m in file.models
    )
    own = _environment_upstream(file, settings)
    return Registry(
        providers=providers if own is None else (*providers, own),
        default=own or providers[0],
        models=models,
        rules=router_rules(settings),
        strict_models=settings.strict_models,
        models_from_upstream=file.models_from_upstream,
        from_file=True,
        default_is_registered=own is None,
    )


def _environment_upstream(file: RegistryFile, settings: Chosen) -> Provider | None:
    """The provider that the environment describes beside the file; None where it describes none.

    A key that the file takes by name is the file's: alone it describes no upstream.
    """
    own_key = settings.openai_api_key is not None and OWN_KEY not in file.key_variables
    if not own_key and settings.openai_base_url == DEFAULT_BASE_URL:
        return None
    provider = environment_provider(settings)
    names = {other.name for other in file.providers}
    return replace(provider, name=free_name(provider.name, names))
