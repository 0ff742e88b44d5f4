"""Creates the Flask application from its parts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import Flask

from config.registry.values import Registry, registry_in_force
from config.settings import Settings
from proxy.api import BLUEPRINTS, native
from proxy.api.application import App
from proxy.api.context import EXTENSION
from proxy.api.dynamic import register_dynamic
from proxy.api.errors import register_error_handlers
from proxy.api.lifecycle import register_lifecycle
from proxy.api.mistyped import register_mistyped
from proxy.api.observed import Observer, observe
from proxy.relay.recording import Recording
from proxy.runtime import build_runtime


def create_app(
    settings: Settings,
    registry: Registry | None = None,
    *,
    observer: Callable[[], Observer] | None = None,
) -> Flask:
    """The WSGI application for ``settings``; opens no connection.

    ``registry``: None for the one that the settings name. ``observer`` returns what sees an exchange;
    None: a recording, if the settings ask for it. Raises ``ConfigError``.
    """
    app = App("proxy", static_folder=None)
    # With a redirect for a slash too many or too few, clients would not send their body again.
    app.url_map.strict_slashes = False
    app.url_map.redirect_defaults = False
    app.url_map.merge_slashes = False
    shared = build_runtime(settings, registry or registry_in_force(settings))
    app.extensions[EXTENSION] = shared
    register_lifecycle(app)
    if observer is None and shared.recorder is not None:
        observer = partial(Recording, shared.recorder)
    if observer is not None:
        observe(app, observer)
    register_error_handlers(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    if shared.provider.native:
        app.register_blueprint(native.bp)
    register_dynamic(app)
    register_mistyped(app)
    return app
