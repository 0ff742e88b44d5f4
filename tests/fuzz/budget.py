"""How many examples each law is tried with: a few hundred, or what FUZZ_EXAMPLES says.

Rule: every law of this folder has the same budget; ``make fuzz`` sets 10000.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "200"))

law = settings(
    max_examples=EXAMPLES,
    deadline=None,
    # Whoever waits for the answers of a real server draws slowly.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
