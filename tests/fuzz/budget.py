"""The settings that the laws of this folder share.

Rule: every law has the same number of examples; ``make fuzz`` sets another (tests/parts.py).
"""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

law = settings(
    max_examples=200,
    deadline=None,
    # Waiting for the answers of a real server makes drawing slow.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
