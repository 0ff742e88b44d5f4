"""Every variable: its names, its form, its meaning.

Rule: a variable stands in one of the two tables once; loading, ``--print-config``, the README's
table and the tests all read them (docs/features.md "Configuration").
"""

from __future__ import annotations

from config.variable import PREFIX, Variable
from config.variables_server import SERVER
from config.variables_upstream import REGISTRY_FIELD, UPSTREAM

__all__ = ["CUSTOM_HEADER_PREFIX", "PREFIX", "REGISTRY_FIELD", "VARIABLES", "Variable"]

CUSTOM_HEADER_PREFIX = "CUSTOM_HEADER_"
"""``CUSTOM_HEADER_X_Y=v`` is sent upstream as ``X-Y: v``."""

VARIABLES: tuple[Variable, ...] = UPSTREAM + SERVER
