"""``python -m proxy.cli``: the same as ``claude-proxy``."""

import sys

from proxy.cli.main import main

sys.exit(main())
