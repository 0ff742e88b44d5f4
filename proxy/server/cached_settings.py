"""gunicorn's configuration, cached as plain attributes.

Rule: only for workers, whose configuration does not change. A request reads about twenty values, and
``Config.__getattr__`` looks each of them up in a table: 20 to 45 microseconds for each request.
"""

from __future__ import annotations

from typing import Any


def cache_settings(cfg: Any) -> None:
    """Store each value of ``cfg`` as an instance attribute, unless its class has a property for it."""
    for name, setting in cfg.settings.items():
        if not hasattr(type(cfg), name):
            vars(cfg)[name] = setting.get()
