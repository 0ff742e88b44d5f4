"""The registry of a file and the environment together.

Rule: requests for models that are not registered are sent to the environment's upstream, or, if the
environment describes none, to the file's first provider.
"""

from __future__ import annotations

from dataclasses import replace

from config.registry.entries import RegistryFile, free_name
from config.registry.values import (
    DEFAULT_BASE_URL,
    Provider,
    Registry,
    RegistrySettings,
    environment_provider,
    router_rules,
)

ENVIRONMENT_KEY = "OPENAI_API_KEY"
"""The variable with the key of the environment's upstream."""


def file_registry(file: RegistryFile, settings: RegistrySettings) -> Registry:
    """The file's providers and models, and the environment's upstream if there is one."""
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
        changed=file.changed,
    )


def _environment_upstream(file: RegistryFile, settings: RegistrySettings) -> Provider | None:
    """The provider that the environment describes in addition to the file, if any.

    OPENAI_API_KEY describes no upstream if the file names this variable for one of its providers.
    """
    has_key = settings.openai_api_key is not None and ENVIRONMENT_KEY not in file.key_variables
    if not has_key and settings.openai_base_url == DEFAULT_BASE_URL:
        return None
    provider = environment_provider(settings)
    names = {other.name for other in file.providers}
    return replace(provider, name=free_name(provider.name, names))
