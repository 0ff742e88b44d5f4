"""The WSGI application, for ``gunicorn -c deploy/gunicorn.conf.py wsgi:app``."""

from gevent import monkey

patched_by_server = monkey.is_module_patched("socket")
monkey.patch_all()

from proxy.app import create_app
from proxy.cli.environment import settings_in_force
from proxy.cli.metrics_directory import adopt_metrics_directory
from proxy.cli.process import prepare_in_foreign_server

settings = settings_in_force()
prepare_in_foreign_server(settings, patched_by_server=patched_by_server)
adopt_metrics_directory()
app = create_app(settings)
