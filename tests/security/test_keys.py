"""Keys are compared in constant time, always with all of them."""

from __future__ import annotations

import ast
import hmac

import pytest

from proxy.access import auth
from tests.paths import ROOT

SECRETS = {"auth_key", "auth_keys", "api_key", "api_keys", "provider_key", "key"}
AUTH = ROOT / "proxy" / "access" / "auth.py"


def test_every_key_is_compared_with_every_other(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    real = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert auth.holds_auth_key(("right", "wrong"), ("right", "other"))
    # Also behind the one that fits: the time does not tell which.
    assert compared == [
        (b"right", b"right"),
        (b"right", b"other"),
        (b"wrong", b"right"),
        (b"wrong", b"other"),
    ]


def test_no_key_is_compared_by_its_characters() -> None:
    found = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(AUTH.read_text("utf-8")))
        if isinstance(node, ast.Compare)
        and any(isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for op in node.ops)
        and SECRETS & {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    ]
    assert found == []
