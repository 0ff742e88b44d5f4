"""gunicorn's configuration file, for ``gunicorn -c deploy/gunicorn.conf.py wsgi:app``.

The options are those of the command ``claude-proxy``, from the environment and from ``.env`` in the
working directory; SIGHUP reads both again.
"""

from claude_messages_proxy import refuse_foreign_packages

refuse_foreign_packages()

from proxy.cli.interrupt import STOPPED, end_when_interrupted

# Needed until gunicorn handles SIGINT, which it does after a second of imports.
end_when_interrupted(STOPPED)

from gevent import monkey

# Patched before ssl is imported: otherwise calls to https upstreams fail in forked workers.
monkey.patch_all()

from proxy.cli.serve import shipped_options

wsgi_app = "wsgi:app"
globals().update(shipped_options())
