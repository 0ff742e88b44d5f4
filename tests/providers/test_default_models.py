"""Where the upstream's list may decide about a model (docs/features.md "Model choice")."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config.registry.values import Model, Provider, Registry, registry_in_force
from config.settings import Settings, load_settings
from proxy.providers.default_models import only_model, tiers_in_force, undecided_tiers

LOCAL = "http://127.0.0.1:8080/v1"
ALL = {"big", "middle", "small"}


@pytest.mark.parametrize(
    ("environ", "undecided"),
    [
        pytest.param({}, set(), id="OpenAI"),
        pytest.param(
            {"OPENAI_BASE_URL": "https://eu.api.openai.com/v1"}, set(), id="OpenAI's other"
        ),
        pytest.param({"OPENAI_BASE_URL": "https://r.openai.azure.com"}, set(), id="Azure"),
        pytest.param(
            {"OPENAI_BASE_URL": "https://gateway.test/openai/deployments/d"},
            set(),
            id="a deployment",
        ),
        pytest.param({"OPENAI_BASE_URL": "https://api.anthropic.com"}, set(), id="native"),
        pytest.param({"OPENAI_BASE_URL": LOCAL}, ALL, id="local"),
        pytest.param({"OPENAI_BASE_URL": "https://api.deepseek.com"}, ALL, id="another vendor"),
        pytest.param({"OPENAI_BASE_URL": LOCAL, "BIG_MODEL": ""}, ALL, id="empty is not set"),
        pytest.param(
            {"OPENAI_BASE_URL": LOCAL, "BIG_MODEL": "gpt-4o"}, set(), id="set to its default"
        ),
        pytest.param({"OPENAI_BASE_URL": LOCAL, "SMALL_MODEL": "x"}, {"big", "middle"}, id="SMALL"),
        pytest.param(
            {"OPENAI_BASE_URL": LOCAL, "MIDDLE_MODEL": "x"}, {"big", "small"}, id="MIDDLE"
        ),
    ],
)
def test_undecided(environ: dict[str, str], undecided: set[str]) -> None:
    settings = load_settings(environ)
    assert undecided_tiers(settings, registry_in_force(settings)) == undecided


@pytest.mark.parametrize(
    ("environ", "tiers"),
    [
        ({}, ("gpt-4o", "gpt-4o", "gpt-4o-mini")),
        ({"BIG_MODEL": "x"}, ("x", "x", "gpt-4o-mini")),
        ({"OPENAI_BASE_URL": LOCAL}, ("gpt-4o", "gpt-4o", "gpt-4o-mini")),
        ({"OPENAI_BASE_URL": LOCAL, "BIG_MODEL": "x"}, ("x", "x", "x")),
        ({"OPENAI_BASE_URL": LOCAL, "MIDDLE_MODEL": "x"}, ("x", "x", "x")),
        ({"OPENAI_BASE_URL": LOCAL, "SMALL_MODEL": "x"}, ("x", "x", "x")),
        ({"OPENAI_BASE_URL": LOCAL, "MIDDLE_MODEL": "x", "SMALL_MODEL": "y"}, ("x", "x", "y")),
    ],
)
def test_a_class_that_is_not_set(environ: dict[str, str], tiers: tuple[str, ...]) -> None:
    settings = load_settings(environ)
    assert tiers_in_force(settings, registry_in_force(settings)) == tiers


def test_a_registry_with_models_decides_itself() -> None:
    settings = load_settings({"OPENAI_BASE_URL": LOCAL})
    provider = Provider("one", LOCAL)
    bare = Registry((provider,), provider, from_file=True, default_is_registered=True)
    assert undecided_tiers(settings, bare) == ALL
    named = replace(bare, models=(Model("m", "m", provider),))
    assert undecided_tiers(settings, named) == set()
    assert tiers_in_force(settings, named) == ("m", "m", "m")


def test_settings_of_a_program_are_all_set() -> None:
    settings = Settings(openai_base_url=LOCAL)
    assert undecided_tiers(settings, registry_in_force(settings)) == set()


@pytest.mark.parametrize(
    ("ids", "only"), [(None, None), ([], None), (["a"], "a"), (["a", "b"], None)]
)
def test_only_model(ids: list[str] | None, only: str | None) -> None:
    assert only_model(None if ids is None else [{"id": each} for each in ids]) == only
