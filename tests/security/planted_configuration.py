"""The shipped configuration of gunicorn, for workers with bugs (``tests.security.planted_bugs``)."""

import runpy

from tests.paths import DEPLOY

_SHIPPED = DEPLOY / "gunicorn.conf.py"
_OPTIONS = {
    name: value
    for name, value in runpy.run_path(str(_SHIPPED)).items()
    if not name.startswith("__")
}
globals().update(_OPTIONS)


def post_worker_init(worker: object) -> None:
    from tests.security.planted_bugs import plant

    _OPTIONS["post_worker_init"](worker)
    plant()
