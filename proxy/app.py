"""The application: wiring only."""

from __future__ import annotations

from flask import Flask

from config.registry import environment_provider
from config.settings import Settings
from proxy.api import BLUEPRINTS
from proxy.api.context import EXTENSION
from proxy.api.errors import register_error_handlers
from proxy.api.lifecycle import register_lifecycle
from proxy.runtime import build_runtime


def create_app(settings: Settings) -> Flask:
    """The WSGI application for ``settings``; opens no connection."""
    app = Flask("proxy", static_folder=None)
    # A client that gets a redirect for a trailing slash loses its body.
    app.url_map.strict_slashes = False
    app.url_map.redirect_defaults = False
    app.url_map.merge_slashes = False
    app.extensions[EXTENSION] = build_runtime(settings, environment_provider(settings))
    register_lifecycle(app)
    register_error_handlers(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app
