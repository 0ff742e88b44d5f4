"""Flask blueprints, hooks and responses: the only package that imports flask.

Rule: an endpoint is a module of this package, with its declarations, and an entry in ``BLUEPRINTS``.
"""

from __future__ import annotations

from flask import Blueprint

from proxy.api import connection, dry_run, health, info, messages, metrics, models, stats, tokens
from proxy.api.openapi import view

BLUEPRINTS: tuple[Blueprint, ...] = (
    messages.bp,
    tokens.bp,
    dry_run.bp,
    models.bp,
    health.bp,
    connection.bp,
    stats.bp,
    metrics.bp,
    info.bp,
    view.bp,
)
