"""The WSGI application, for ``gunicorn -c deploy/gunicorn.conf.py wsgi:app``."""

import sys

from claude_messages_proxy import refuse_foreign_packages

CANNOT_BOOT = 3
"""With which a worker makes gunicorn end; after any other code it would start the next, endlessly."""

refuse_foreign_packages(CANNOT_BOOT)

from gevent import monkey

patched_by_server = monkey.is_module_patched("socket")
monkey.patch_all()

from config.errors import ConfigError
from proxy.app import create_app
from proxy.cli.environment import settings_in_force
from proxy.cli.metrics_directory import adopt_metrics_directory
from proxy.cli.process import prepare_in_foreign_server

try:
    settings = settings_in_force()
except ConfigError as error:
    print(f"claude-proxy: {error}", file=sys.stderr)
    sys.exit(CANNOT_BOOT)
prepare_in_foreign_server(settings, patched_by_server=patched_by_server)
adopt_metrics_directory()
app = create_app(settings)
