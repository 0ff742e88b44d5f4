"""Flask blueprints: the only package that imports flask."""

from __future__ import annotations

from flask import Blueprint

from proxy.api import connection, health, messages, models, service, tokens

BLUEPRINTS: tuple[Blueprint, ...] = (
    messages.bp,
    tokens.bp,
    models.bp,
    health.bp,
    connection.bp,
    service.bp,
)
