"""How clients read times: RFC 3339 in UTC."""

from __future__ import annotations

from proxy.timestamps import rfc3339


def test_a_moment_is_rounded_up() -> None:
    assert rfc3339(0.0) == "1970-01-01T00:00:00Z"
    assert rfc3339(0.001) == "1970-01-01T00:00:01Z"
