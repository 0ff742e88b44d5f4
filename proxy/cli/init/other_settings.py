"""The operator's settings that ``init`` does not ask for, such as a forward proxy.

Rule: they apply to the requests of ``init`` too, so they are checked before the first question.
"""

from __future__ import annotations

from collections.abc import Mapping

from config.settings import Settings, load_settings
from config.variables.table import VARIABLES
from proxy.cli.environment import operator_variables
from proxy.cli.init.answers import Answers, setting_values
from proxy.providers.profiles import UNKNOWN

NAMES: Mapping[str, tuple[str, ...]] = {v.field: v.names for v in VARIABLES}
"""The variables of each setting, in order of precedence."""
CONFIG = "config"
"""The setting that names a registry file, which is not read here."""


def ensure_valid() -> None:
    """Raise ``ConfigError`` if a setting that stays as it is is invalid."""
    settings_with(dict.fromkeys(setting_values(Answers(UNKNOWN))))


def settings_with(values: Mapping[str, str | None]) -> Settings:
    """The operator's settings with ``values`` by field in place of their own; no registry file.

    Raises ``ConfigError``.
    """
    replaced = {name for field in (*values, CONFIG) for name in NAMES[field]}
    environ, dotenv = (
        {name: text for name, text in source.items() if name not in replaced}
        for source in operator_variables()
    )
    chosen = {NAMES[field][0]: text for field, text in values.items() if text}
    return load_settings(environ, dotenv=dotenv | chosen)
