"""The text of a registry file for one provider.

Rule: pure. A key that stands in a variable stays there: registry files are often kept in repositories.
"""

from __future__ import annotations

from typing import Any

import yaml

from proxy.cli.init.answers import LOOPBACK, Answers, provider_name

HEADER = (
    "# Written by `claude-proxy init`. config/providers.example.yaml shows every key, and\n"
    "# `claude-proxy --check --config FILE` validates this file.\n\n"
)


def registry_text(answers: Answers) -> str:
    """The file's content in YAML."""
    top: dict[str, Any] = {}
    if answers.access == "local":
        top["host"] = LOOPBACK
    elif answers.access == "key":
        top["ak"] = answers.auth_key
    models = answers.models
    top |= {
        "big_model": models.big,
        "middle_model": models.middle,
        "small_model": models.small,
        "models_from_upstream": True,
        "providers": [_provider(answers)],
    }
    return HEADER + yaml.safe_dump(top, sort_keys=False, allow_unicode=True, width=1000)


def _provider(answers: Answers) -> dict[str, Any]:
    provider: dict[str, Any] = {"name": provider_name(answers), "base_url": answers.base_url}
    if answers.key_variable:
        provider["api_key_env"] = answers.key_variable
    elif answers.key is not None:
        provider["api_key"] = answers.key
    provider["models"] = [{"id": model} for model in answers.distinct_models]
    return provider
