"""How an operator chooses the protocol of an upstream (docs/providers.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.registry.values import registry_in_force
from config.settings import Settings, load_settings
from proxy.providers.routing import Router


def routed(settings: Settings, model: str) -> tuple[str, bool]:
    profile = Router(settings, registry_in_force(settings)).resolve(model).profile
    return profile.api, profile.api_switch


@pytest.mark.parametrize(
    ("environ", "chosen"),
    [
        pytest.param({}, ("chat", True), id="nothing"),
        pytest.param({"OPENAI_API": "responses"}, ("responses", False), id="the variable"),
        pytest.param({"OPENAI_API": "Chat"}, ("chat", False), id="in any case"),
        pytest.param({"OPENAI_API": "auto"}, ("chat", True), id="auto"),
        pytest.param({"CLAUDE_PROXY_OPENAI_API": "responses"}, ("responses", False), id="prefixed"),
        pytest.param({"OPENAI_BASE_URL": "https://h/v1/responses"}, ("responses", False), id="URL"),
    ],
)
def test_the_environment(environ: dict[str, str], chosen: tuple[str, bool]) -> None:
    environ = {"OPENAI_BASE_URL": "https://h/v1", **environ}
    assert routed(load_settings(environ), "m") == chosen


def test_a_key_in_place_of_the_protocol_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({"OPENAI_API": "sk-proj-0123456789"})
    assert caught.value.problems == ("OPENAI_API must be one of auto, chat, responses",)


def test_nothing_is_converted_for_anthropic() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({"OPENAI_API": "chat", "OPENAI_BASE_URL": "https://api.anthropic.com"})
    assert caught.value.problems == (
        "OPENAI_API=chat is given together with the OPENAI_BASE_URL of Anthropic, to which requests "
        "are sent unchanged: remove one of them",
    )


def loaded(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "models.yaml"
    path.write_text(text)
    return load_settings({"CLAUDE_PROXY_CONFIG": str(path)})


def test_a_registry(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        "providers:\n"
        "  - {name: a, base_url: https://a/v1, api_key: k, api: responses, models: [{id: one}, "
        "{id: two, api: chat}]}\n"
        "  - {name: b, base_url: https://b/v1, api_key: k, models: [{id: three, api: responses}, "
        "{id: four, api: auto}, {id: five, profile: {api: responses}}]}\n",
    )
    assert routed(settings, "one") == ("responses", False)
    assert routed(settings, "two") == ("chat", False)
    assert routed(settings, "a/other") == ("responses", False)
    assert routed(settings, "three") == ("responses", False)
    assert routed(settings, "four") == ("chat", True)
    assert routed(settings, "five") == ("responses", True)


def test_flat_models(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        "models:\n"
        "  a: {model_name: m, api_base: https://h/v1, api_key: k, api: responses}\n"
        "  b: {model_name: n, api_base: https://h/v1, api_key: k}\n",
    )
    assert len(registry_in_force(settings).providers) == 1
    assert routed(settings, "a") == ("responses", False)
    assert routed(settings, "b") == ("chat", True)


def test_bad_registries(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    with pytest.raises(ConfigError) as caught:
        loaded(
            tmp_path,
            "providers:\n"
            "  - name: a\n"
            "    base_url: https://a/v1\n"
            "    api: completions\n"
            "  - name: b\n"
            "    base_url: https://b\n"
            "    direct: true\n"
            "    api: chat\n"
            "    models:\n"
            "      - id: m\n"
            "        api: responses\n"
            "  - {name: c, base_url: https://api.anthropic.com, api: auto, models: []}\n",
        )
    given = "is given together with direct, which sends requests unchanged: remove one"
    assert caught.value.problems == (
        f"{path}:4: providers.0.api: must be one of auto, chat, responses",
        f"{path}:8: providers.1.api: {given}",
        f"{path}:11: providers.1.models.0.api: {given}",
    )
