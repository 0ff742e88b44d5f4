"""Which model and provider a request goes to with a registry (docs/features.md "Model choice")."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from config.errors import ConfigError
from config.registry.values import Model, Provider, Registry, RouterRules
from config.settings import Settings
from config.urls import chat_url, messages_url
from proxy.errors import NotFound
from proxy.providers.routing import Router

DEEPSEEK = Provider("deepseek", "https://api.deepseek.com/v1", ("k",), profile={"vision": False})
NATIVE = Provider("anthropic", "https://api.anthropic.com", ("k",), native=True)
OPENROUTER = Provider("openrouter", "https://openrouter.ai/api/v1", ("k",))
LOCAL = Provider("local", "http://127.0.0.1:11434/v1")
MODELS = (
    Model("chat", "deepseek-chat", DEEPSEEK, aliases=("claude-deep",), profile={"max_stop": 2}),
    Model("reasoner", "deepseek-reasoner", DEEPSEEK, fallbacks=("chat", "opus-native")),
    Model("opus-native", "claude-opus-4-8", NATIVE),
    Model("dated-20250929", "dated", LOCAL),
    Model("gpt-4o", "gpt-4o", LOCAL, max_input_tokens=1000, encoding="gpt-4"),
)
REGISTRY = Registry(
    providers=(DEEPSEEK, NATIVE, OPENROUTER, LOCAL),
    default=DEEPSEEK,
    models=MODELS,
    from_file=True,
    default_is_registered=True,
)


def router(settings: Settings | None = None, **changes: Any) -> Router:
    return Router(settings or Settings(), replace(REGISTRY, **changes))


def chosen(name: str, found: Router | None = None) -> tuple[str, str, str]:
    route = (found or router()).resolve(name)
    return route.provider.name, route.model, route.reason


@pytest.mark.parametrize(
    ("name", "provider", "model", "reason"),
    [
        pytest.param("chat", "deepseek", "deepseek-chat", "registered", id="1 id"),
        pytest.param("claude-deep", "deepseek", "deepseek-chat", "registered", id="1 alias"),
        pytest.param("opus-native", "anthropic", "claude-opus-4-8", "registered", id="1 native"),
        pytest.param("deepseek/chat", "deepseek", "deepseek-chat", "provider", id="2 slash"),
        pytest.param("deepseek,chat", "deepseek", "deepseek-chat", "provider", id="2 comma"),
        pytest.param(
            "deepseek,deepseek-chat", "deepseek", "deepseek-chat", "provider", id="2 by its own name"
        ),
        pytest.param("local/qwen3", "local", "qwen3", "provider", id="2 nobody registered it"),
        pytest.param("local,a/b", "local", "a/b", "provider", id="2 comma before slash"),
        pytest.param(
            "openrouter,qwen/qwen3", "openrouter", "qwen/qwen3", "provider", id="2 slashes behind"
        ),
        pytest.param(
            "openrouter/qwen/qwen3", "openrouter", "qwen/qwen3", "provider", id="2 two slashes"
        ),
        pytest.param(
            "openrouter/auto", "openrouter", "openrouter/auto", "provider", id="2 a vendor itself"
        ),
        pytest.param(
            "anthropic/claude-opus-4-8", "anthropic", "claude-opus-4-8", "provider", id="2 native"
        ),
        pytest.param("qwen-max", "deepseek", "qwen-max", "name", id="3 unchanged"),
        pytest.param("q/w", "deepseek", "q/w", "name", id="3 a vendor that is no provider"),
        pytest.param("gpt-4o", "local", "gpt-4o", "registered", id="1 before the tiers"),
        pytest.param("anthropic/chat", "deepseek", "deepseek-chat", "registered", id="alias prefix"),
        pytest.param(
            "anthropic/deepseek/chat", "deepseek", "deepseek-chat", "provider", id="alias of 2"
        ),
        pytest.param("chat[1m]", "deepseek", "deepseek-chat", "registered", id="edge 139 suffix"),
        pytest.param("chat-20250929", "deepseek", "deepseek-chat", "registered", id="a date"),
        pytest.param("chat-20250929[1m]", "deepseek", "deepseek-chat", "registered", id="both"),
        pytest.param("chat@2025-09-29", "deepseek", "deepseek-chat", "registered", id="@date"),
        pytest.param("dated", "local", "dated", "registered", id="registered with a date"),
        pytest.param("dated-20240101", "deepseek", "dated-20240101", "name", id="another date"),
    ],
)  # fmt: skip
def test_model_choice(name: str, provider: str, model: str, reason: str) -> None:
    assert chosen(name) == (provider, model, reason)


@pytest.mark.parametrize(
    ("settings", "changes", "name", "expected"),
    [
        pytest.param(
            Settings(small_model="reasoner"),
            {},
            "claude-haiku-4-5",
            ("deepseek", "deepseek-reasoner", "tier"),
            id="4 a tier is a registered model",
        ),
        pytest.param(
            Settings(middle_model="local/qwen3"),
            {},
            "sonnet",
            ("local", "qwen3", "tier"),
            id="4 a tier at a provider",
        ),
        pytest.param(
            Settings(),
            {},
            "claude-haiku-4-5",
            ("deepseek", "deepseek-chat", "tier"),
            id="4 the built-in names are not the registry's",
        ),
        pytest.param(
            Settings(),
            {},
            "claude-sonnet-5",
            ("local", "gpt-4o", "tier"),
            id="4 a built-in name that is registered",
        ),
        pytest.param(
            Settings(small_model="foo"),
            {},
            "claude-haiku-4-5",
            ("deepseek", "foo", "tier"),
            id="4 a name of the operator's own goes to the default",
        ),
        pytest.param(
            Settings(),
            {"default_is_registered": False, "default": OPENROUTER},
            "claude-haiku-4-5",
            ("openrouter", "gpt-4o-mini", "tier"),
            id="4 the environment's upstream has the built-in names",
        ),
    ],
)
def test_tiers(
    settings: Settings, changes: dict[str, Any], name: str, expected: tuple[str, str, str]
) -> None:
    assert chosen(name, router(settings, **changes)) == expected


def test_5_strict_models() -> None:
    strict = router(strict_models=True)
    assert chosen("chat-20250929", strict)[1] == "deepseek-chat"
    assert chosen("deepseek/chat", strict)[1] == "deepseek-chat"
    assert chosen("opusplan", strict)[2] == "tier"
    for name in ("qwen-max", "deepseek/other", "local,qwen3", "anthropic/qwen"):
        with pytest.raises(NotFound, match=r"^model: "):
            strict.resolve(name)


def test_what_a_route_holds() -> None:
    route = router().resolve("chat")
    url = chat_url(route.provider, route.base_path)
    assert url == "https://api.deepseek.com/v1/chat/completions"
    # The provider's flags, then the model's.
    assert (route.profile.vision, route.profile.max_stop) == (False, 2)
    assert (route.native, route.registered) == (False, MODELS[0])
    native = router().resolve("opus-native")
    assert native.native
    assert messages_url(native.provider) == "https://api.anthropic.com/v1/messages"
    assert router().resolve("reasoner").fallbacks == ("chat", "opus-native")
    assert router().resolve("gpt-4o").encoding == "cl100k_base"


def test_the_route_header() -> None:
    assert router().resolve("chat").header == "deepseek/deepseek-chat;reason=registered"
    assert router().resolve("é;x").header == "deepseek/%C3%A9%3Bx;reason=name"


THINK = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
RULES = RouterRules(
    default="gpt-4o",
    think="reasoner",
    background="local/small",
    long_context="opus-native",
    long_context_threshold=500,
)


def adaptive(effort: str | None) -> dict[str, Any]:
    request: dict[str, Any] = {"thinking": {"type": "adaptive"}}
    return request | ({"output_config": {"effort": effort}} if effort else {})


@pytest.mark.parametrize(
    ("request_", "rules", "tokens", "model", "reason"),
    [
        pytest.param(THINK, RULES, 9, "deepseek-reasoner", "think", id="enabled"),
        pytest.param(adaptive("xhigh"), RULES, 9, "deepseek-reasoner", "think", id="xhigh"),
        pytest.param(adaptive("max"), RULES, 9, "deepseek-reasoner", "think", id="max"),
        pytest.param(adaptive("high"), RULES, 9, "gpt-4o", "default", id="adaptive, high"),
        pytest.param(adaptive(None), RULES, 9, "gpt-4o", "default", id="adaptive alone"),
        pytest.param(
            {"output_config": {"effort": "max"}}, RULES, 9, "gpt-4o", "default", id="effort alone"
        ),
        pytest.param(
            {"thinking": {"type": "disabled"}}, RULES, 9, "gpt-4o", "default", id="disabled"
        ),
        pytest.param({"model": "claude-haiku-4-5"}, RULES, 9, "small", "background", id="haiku"),
        pytest.param({"model": "haiku"}, RULES, 9, "small", "background", id="haiku, the word"),
        pytest.param(
            {"model": "claude-haiku-4-5[1m]"}, RULES, 9, "small", "background", id="haiku, suffix"
        ),
        pytest.param(
            {"model": "my-haiku"}, RULES, 9, "my-haiku", "name", id="a name that holds haiku"
        ),
        pytest.param(
            THINK | {"model": "haiku"}, RULES, 9, "deepseek-reasoner", "think", id="think first"
        ),
        pytest.param({}, RULES, 500, "gpt-4o", "default", id="at the threshold"),
        pytest.param({}, RULES, 501, "claude-opus-4-8", "long_context", id="above the threshold"),
        pytest.param(THINK, RULES, 501, "claude-opus-4-8", "long_context", id="think, but long"),
        pytest.param(
            {},
            replace(RULES, long_context_threshold=None),
            1001,
            "claude-opus-4-8",
            "long_context",
            id="above the chosen model's limit",
        ),
        pytest.param(
            {}, replace(RULES, long_context_threshold=None), 1000, "gpt-4o", "default", id="below it"
        ),
        pytest.param(
            THINK,
            replace(RULES, long_context_threshold=None),
            10**9,
            "deepseek-reasoner",
            "think",
            id="no limit at all",
        ),
        pytest.param({"model": "chat"}, RULES, 9, "deepseek-chat", "registered", id="by its id"),
        pytest.param({"model": "x"}, RULES, 9, "x", "name", id="a name as it is"),
        pytest.param(
            THINK | {"model": "chat"}, RULES, 9, "deepseek-reasoner", "think", id="id, thinking"
        ),
        pytest.param(
            THINK | {"model": "deepseek/chat"},
            RULES,
            10**9,
            "deepseek-chat",
            "provider",
            id="an address is never replaced",
        ),
        pytest.param(THINK, RouterRules(), 10**9, "gpt-4o", "tier", id="off"),
        pytest.param(
            {"model": "haiku"}, RouterRules(default="chat"), 9, "deepseek-chat", "default", id="default"
        ),
    ],
)  # fmt: skip
def test_smart_routing(
    request_: dict[str, Any], rules: RouterRules, tokens: int, model: str, reason: str
) -> None:
    request = {"model": "claude-sonnet-5", **request_}
    route = router(rules=rules).choose(request, lambda: tokens)
    assert (route.model, route.reason) == (model, reason)


def test_nothing_is_estimated_without_need() -> None:
    def never() -> int:
        raise AssertionError("estimated")

    rules = replace(RULES, long_context=None)
    assert router(rules=rules).choose({"model": "haiku"}, never).model == "small"
    assert router().choose({"model": "gpt-4o"}, never).model == "gpt-4o"


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        pytest.param(
            {"providers": (replace(DEEPSEEK, profile={"visions": True}),)},
            ("provider deepseek: profile: visions: unknown profile flag",),
            id="a provider's flag",
        ),
        pytest.param(
            {"models": (replace(MODELS[0], profile={"vision": "no", "max_stop": 0}),)},
            (
                "model chat: profile: vision: must be true or false",
                "model chat: profile: max_stop: must be an integer above 0",
            ),
            id="every flag of a model",
        ),
        pytest.param(
            {
                "strict_models": True,
                "models": (replace(MODELS[0], fallbacks=("none",)),),
                "rules": RouterRules(think="other", default="sonnet"),
            },
            (
                "model chat: fallbacks: no model 'none' is registered (strict_models)",
                "router: think: no model 'other' is registered (strict_models)",
            ),
            id="strict models hold for routes",
        ),
    ],
)
def test_what_only_the_router_can_refuse(
    changes: dict[str, Any], problems: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError) as caught:
        router(**changes)
    assert caught.value.problems == problems


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(ConfigError, match="model chat: encoding: 'nonsense' is neither"):
        router(models=(replace(MODELS[0], encoding="nonsense"),))


def test_encodings_of_registered_models() -> None:
    """Those of the tiers too, but not those of models at native upstreams."""
    tiers = Settings(big_model="o3", middle_model="opus-native", small_model="chat")
    assert router(tiers).encodings == {"cl100k_base", "o200k_base"}
    assert router(tiers, models=(), from_file=False).encodings == {"cl100k_base", "o200k_base"}
    assert router(models=(MODELS[2],), default=NATIVE, strict_models=True).encodings == set()
