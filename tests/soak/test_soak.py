"""A short soak. ``make soak`` is the long one."""

from __future__ import annotations

import pytest

from tests.soak.clients import ABORT, CLIENT_ERROR, CUT, SUCCESS, UPSTREAM_ERROR
from tests.soak.soak import soak


@pytest.mark.long
@pytest.mark.timeout(240)
def test_the_account_balances_to_the_request() -> None:
    books = soak(24)
    assert books.faults == [], books.text()
    assert books.kills
    assert books.restarts
    # All that can happen has happened.
    for name in (SUCCESS, CLIENT_ERROR, UPSTREAM_ERROR, ABORT, CUT):
        assert books.clients[name], books.text()
