"""The models behind opus, sonnet and haiku, and the names that lead to them."""

from __future__ import annotations

import pytest

from config.registry.values import Model, Provider, Registry, RouterRules, environment_registry
from config.settings import Settings
from proxy.providers.routing import Router
from proxy.providers.tier_models import is_local, tier_models

KEYED = Provider("keyed", "https://api.keyed.test/v1", ("key",))
KEYLESS = Provider("keyless", "https://api.keyless.test/v1")


def router(*models: Model, rules: RouterRules | None = None, strict: bool = False) -> Router:
    registry = Registry(
        (KEYED, KEYLESS),
        KEYED,
        models,
        rules=rules or RouterRules(),
        strict_models=strict,
        from_file=True,
        default_is_registered=True,
    )
    return Router(Settings(), registry)


def test_without_a_registry() -> None:
    settings = Settings(big_model="b", middle_model="m", small_model="claude-3-haiku")
    found = tier_models(Router(settings, environment_registry(settings)))
    assert {name: (each.model, each.name) for name, each in found.items()} == {
        "opus": ("b", "b"),
        "sonnet": ("m", "m"),
        # The proxy takes a name with claude in it for a tier.
        "haiku": ("claude-3-haiku", None),
    }
    assert found["opus"].takes_client_key


def test_smart_routes_replace_tiers_and_stand_beside_them() -> None:
    models = (
        Model("one", "r1", KEYED, max_input_tokens=1000),
        Model("two", "r2", KEYLESS, profile={"max_input": 2000}),
    )
    rules = RouterRules(background="two", think="two", long_context="one")
    found = tier_models(router(*models, rules=rules))
    assert {name: (e.asked, e.model, e.max_input_tokens) for name, e in found.items()} == {
        "opus": ("opus", "r1", 1000),
        "sonnet": ("sonnet", "r1", 1000),
        "haiku": ("haiku", "r2", 2000),
        "think": ("two", "r2", 2000),
        "long_context": ("one", "r1", 1000),
    }
    assert [found[name].takes_client_key for name in ("opus", "haiku")] == [False, True]


@pytest.mark.parametrize(
    ("model", "strict", "name"),
    [
        pytest.param(Model("one", "r", KEYED), False, "one", id="its id"),
        pytest.param(Model("claude-x", "r", KEYED, aliases=("x",)), False, "x", id="an alias"),
        pytest.param(Model("opus", "r", KEYED), False, "keyed/r", id="a word of the client"),
        pytest.param(Model("x[1m]", "r", KEYED), False, "keyed/r", id="a suffix of the client"),
        pytest.param(Model("Claude", "claude-r", KEYED), True, None, id="none"),
    ],
)
def test_the_name_that_the_client_takes_as_it_is(
    model: Model, strict: bool, name: str | None
) -> None:
    found = tier_models(router(model, strict=strict))["opus"]
    assert (found.model, found.name) == (model.remote_id, name)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:11434/v1", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080", True),
        ("http://192.168.1.5/v1", True),
        ("http://ollama:11434", True),
        ("http://host.docker.internal:1234/v1", True),
        ("https://api.openai.com/v1", False),
        ("https://8.8.8.8/v1", False),
    ],
)
def test_local_upstreams(url: str, local: bool) -> None:
    assert is_local(url) is local
