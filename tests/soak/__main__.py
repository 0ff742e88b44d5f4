"""``python -m tests.soak``: ten minutes, or SOAK_SECONDS; ends with 1 where something does not add up."""

import os
import sys

import tests.gevent_first  # noqa: F401 - before what it patches
from tests.soak.soak import soak

if __name__ == "__main__":
    books = soak(float(os.environ.get("SOAK_SECONDS", "600")))
    sys.stdout.write(books.text() + "\n")
    sys.exit(bool(books.faults))
