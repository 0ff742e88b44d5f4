"""Patches the standard library before any other plugin imports ssl, as the service itself does.

It also makes certifi's bundle small for this process (the services that tests start have the whole
one): to load it takes longer than most tests, and no test reaches a server that it would vouch for.
"""

import os
import signal
from pathlib import Path

from gevent import monkey

monkey.patch_all()

import certifi
import gevent

certifi.where = lambda: str(Path(__file__).with_name("authority.pem"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # In a shell's background job, as well as in all programs that the tests start from there.
    signal.signal(signal.SIGINT, signal.default_int_handler)

if "PYTEST_XDIST_WORKER" in os.environ:
    # pytest-xdist reports the next tests from a thread that gevent does not know. While a worker
    # waits for them something must be due, otherwise gevent takes the wait for a deadlock.
    gevent.spawn(gevent.sleep, 10**6)
