"""gunicorn's configuration, cached as plain attributes.

Rule: a worker's configuration does not change. ``Config`` looks up each of the about twenty values
that a request reads in a table of objects, through ``__getattr__``: 20 to 45 microseconds in all.
"""

from __future__ import annotations

from typing import Any


def cache_settings(cfg: Any) -> None:
    """Store each value of ``cfg`` as an attribute of its own; its properties stay."""
    for name, setting in cfg.settings.items():
        if not hasattr(type(cfg), name):
            vars(cfg)[name] = setting.get()
