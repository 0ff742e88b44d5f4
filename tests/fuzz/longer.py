"""``pytest -p tests.fuzz.longer``: the property tests of the whole suite, with FUZZ_EXAMPLES examples.

Rule: the number of examples that a test names is what the usual run can afford; ``make fuzz`` can
afford more.
"""

from __future__ import annotations

import pytest
from hypothesis import is_hypothesis_test, settings

from tests.fuzz.budget import EXAMPLES


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Change the settings of property tests, and leave all others out."""
    laws = [each for each in items if isinstance(each, pytest.Function)]
    items[:] = laws = [law for law in laws if is_hypothesis_test(law.obj)]
    for test in {law.function for law in laws}:
        # hypothesis has no public way to change what a decorator has said.
        own = test._hypothesis_internal_use_settings
        longer = settings(own, max_examples=EXAMPLES, deadline=None)
        test._hypothesis_internal_use_settings = longer
