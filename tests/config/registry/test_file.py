"""The registry file, in its three shapes (docs/features.md "Registry file")."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigError
from config.registry.values import Model, Price, Provider, Registry, RouterRules
from config.settings import load_settings
from tests.paths import ROOT, TESTS

SHAPES = TESTS / "config" / "registries"
EXAMPLE = ROOT / "config" / "providers.example.yaml"
KEYS = {"DEEPSEEK_API_KEY": "sk-d", "MY_ANTHROPIC_KEY": "sk-a"}
OPENAI_TOO = {**KEYS, "OPENAI_API_KEY": "sk-o"}


def registry(path: Path, text: str, environ: Mapping[str, str] = KEYS) -> Registry:
    path = path / "providers.yaml"
    path.write_text(text, "utf-8")
    return load(path, environ)


def load(path: Path, environ: Mapping[str, str] = KEYS) -> Registry:
    """As the program loads it."""
    found = load_settings({**environ, "CLAUDE_PROXY_CONFIG": str(path)}).registry
    assert found is not None
    return found


def problems(path: Path, text: str, environ: Mapping[str, str] = KEYS) -> list[str]:
    """What is wrong, without the folder of the file."""
    with pytest.raises(ConfigError) as caught:
        registry(path, text, environ)
    return [problem.removeprefix(f"{path}/") for problem in caught.value.problems]


def one_model(path: Path, **fields: Any) -> Model:
    provider = {"base_url": "https://h.test", "models": [{"id": "m", **fields}]}
    return registry(path, json.dumps({"providers": [provider]})).models[0]


def one_provider(path: Path, **fields: Any) -> Provider:
    given = {"base_url": "https://h.test", **fields}
    return registry(path, json.dumps({"providers": [given]})).providers[0]


def test_the_example_loads() -> None:
    found = load(EXAMPLE, OPENAI_TOO)
    assert [(p.name, p.base_url, p.api_keys, p.native) for p in found.providers] == [
        ("deepseek", "https://api.deepseek.com/v1", ("sk-d",), False),
        ("openai", "https://api.openai.com/v1", ("sk-o",), False),
        ("anthropic", "https://api.anthropic.com", ("sk-a",), True),
        ("local", "http://127.0.0.1:11434/v1", (), False),
    ]
    assert [model.id for model in found.models] == [
        "deepseek-chat",
        "deepseek-reasoner",
        "gpt-4o-mini",
        "gpt-4.1",
        "o3",
        "claude-opus-4-8",
        "sonnet-native",
        "qwen3-coder",
    ]
    assert found.models[0] == Model(
        id="deepseek-chat",
        remote_id="deepseek-chat",
        provider=found.providers[0],
        display_name="DeepSeek V3",
        aliases=("claude-deepseek",),
        max_tokens=8000,
        max_input_tokens=128_000,
        fallbacks=("gpt-4o-mini",),
        price=Price(input=0.27, output=1.1, cache_read=0.07),
    )
    assert found.default == found.providers[0]
    assert (found.from_file, found.default_is_registered, found.models_from_upstream) == (
        True,
        True,
        False,
    )


def test_the_example_loads_with_everything_switched_on(tmp_path: Path) -> None:
    lines = [
        line.replace("#", "", 1) if line.lstrip().startswith("#") and _is_code(line) else line
        for line in EXAMPLE.read_text("utf-8").splitlines()
        if "ca_bundle" not in line and "api_keys" not in line
    ]
    path = tmp_path / "all.yaml"
    path.write_text("\n".join(lines), "utf-8")
    settings = load_settings({**OPENAI_TOO, "CONFIG_PATH": str(path)})
    assert settings.auth_keys == ("key-of-alice",)
    assert settings.registry is not None
    assert settings.registry.rules == RouterRules(
        default="deepseek-chat",
        think="deepseek-reasoner",
        background="gpt-4o-mini",
        long_context="gpt-4.1",
    )
    assert settings.registry.providers[3].proxy == "http://proxy.example.com:3128"


def _is_code(line: str) -> bool:
    """A comment that is a key, not a sentence."""
    return re.match(r"\s*#(  )*[a-z_]+:", line) is not None


def test_models_by_id() -> None:
    path = SHAPES / "models_by_id.yaml"
    settings = load_settings({**OPENAI_TOO, "CLAUDE_PROXY_CONFIG": str(path)})
    found = settings.registry
    assert found is not None
    deepseek, anthropic, openai = found.providers
    assert (deepseek.name, deepseek.base_url) == ("deepseek", "https://api.deepseek.com/v1")
    assert (anthropic.name, anthropic.native) == ("anthropic", True)
    assert found.models == (
        Model(
            id="claude-sonnet-4-5",
            remote_id="deepseek-chat",
            provider=deepseek,
            max_tokens=8000,
            max_input_tokens=128_000,
        ),
        Model(id="claude-opus-4-8", remote_id="claude-opus-4-8", provider=anthropic),
        Model(
            id="o3-high",
            remote_id="o3",
            provider=openai,
            reasoning_effort="high",
            extra_body={"store": False},
            profile={"vision": False},
        ),
    )
    assert openai.extra_headers == {"x-team": "platform"}
    assert settings.auth_keys == ("shared-secret",)
    assert settings.port == 8787
    assert (settings.connect_timeout, settings.first_byte_timeout, settings.request_timeout) == (
        300.0,
        300.0,
        300.0,
    )


def test_models_in_a_list() -> None:
    found = load(SHAPES / "models_in_a_list.yaml")
    assert [provider.name for provider in found.providers] == ["deepseek", "anthropic"]
    chat, native, reasoner = found.models
    assert chat == Model(
        id="deepseek-v3",
        remote_id="deepseek-chat",
        provider=found.providers[0],
        max_tokens=8000,
        max_input_tokens=64_000,
        price=Price(input=0.27, output=1.1),
    )
    assert native == Model(
        id="claude-native", remote_id="claude-sonnet-5", provider=found.providers[1]
    )
    # The same provider: same base URL and key. What else differs is that model's.
    assert reasoner.provider == replace(found.providers[0], extra_headers={"x-team": "platform"})
    assert reasoner.price == Price(input=0.5)


def test_the_same_host_with_another_key_is_another_provider(tmp_path: Path) -> None:
    text = """
        models:
          a: {api_base: https://h.test/v1, api_key: one}
          b: {api_base: https://h.test, api_key: two}
          c: {api_base: https://h.test/v1/, api_key: two}
    """
    found = registry(tmp_path, text)
    assert [(p.name, p.api_key) for p in found.providers] == [("h", "one"), ("h-2", "two")]
    assert [model.provider.name for model in found.models] == ["h", "h-2", "h-2"]


@pytest.mark.parametrize(
    ("given", "number"),
    [
        pytest.param(8192, 8192, id="plain"),
        pytest.param("8192", 8192, id="as text"),
        pytest.param("8k", 8000, id="k is 1000"),
        pytest.param("16K", 16_000, id="K too"),
        pytest.param("1.5k", 1500, id="a part of a thousand"),
        pytest.param("128K", 128_000, id="128K"),
        pytest.param("1m", 1_000_000, id="m"),
        pytest.param("1.048576M", 1_048_576, id="a part of a million"),
        pytest.param("0.1k", 100, id="no trace of binary fractions"),
        pytest.param(0, None, id="0 switches the limit off"),
        pytest.param("0k", None, id="0k too"),
        pytest.param(None, None, id="null is absent"),
    ],
)
def test_token_numbers(tmp_path: Path, given: object, number: int | None) -> None:
    assert one_model(tmp_path, max_tokens=given).max_tokens == number
    assert one_model(tmp_path, max_input_tokens=given).max_input_tokens == number


@pytest.mark.parametrize(
    "given",
    ["8x", "k", "-1", -1, "1.5", 1.5, "0.0001k", "", True, "3g", "1e3", [8], 2**31, "9" * 40],
    ids=repr,
)
def test_bad_token_numbers(tmp_path: Path, given: object) -> None:
    text = json.dumps(
        {"providers": [{"base_url": "https://h", "models": [{"id": "m", "max_tokens": given}]}]}
    )
    assert problems(tmp_path, text) == [
        "providers.yaml:1: providers.0.models.0.max_tokens: must be a whole number of tokens "
        "such as 8192, 8k, 1.5k or 1m, or 0 for no limit"
    ]


@pytest.mark.parametrize(
    ("base_url", "stored"),
    [
        pytest.param("https://h.test", "https://h.test/v1", id="v1 is inserted"),
        pytest.param("https://h.test/api/", "https://h.test/api/v1", id="behind a path"),
        pytest.param("https://h.test/v1", "https://h.test/v1", id="not twice"),
        pytest.param("https://h.test/api/paas/v4", "https://h.test/api/paas/v4", id="vN"),
        pytest.param("https://h.test/v1beta", "https://h.test/v1beta", id="v1beta"),
        pytest.param("https://h.test/openai", "https://h.test/openai", id="openai"),
        pytest.param("https://h.test/x/compat", "https://h.test/x/compat", id="compat"),
        pytest.param("https://h.test/inference", "https://h.test/inference", id="inference"),
        pytest.param(
            "https://h.test/openai/deployments/d",
            "https://h.test/openai/deployments/d",
            id="a deployment",
        ),
        pytest.param(
            "https://h.test/x/chat/completions", "https://h.test/x/chat/completions", id="complete"
        ),
        pytest.param("https://h.test?key=v", "https://h.test/v1?key=v", id="with a query"),
    ],
)
def test_base_urls(tmp_path: Path, base_url: str, stored: str) -> None:
    assert one_provider(tmp_path, base_url=base_url).base_url == stored


def test_a_native_upstream_keeps_its_base_url(tmp_path: Path) -> None:
    native = one_provider(tmp_path, direct=True)
    assert (native.base_url, native.native) == ("https://h.test", True)
    assert one_provider(tmp_path, base_url="https://api.anthropic.com").native is True
    assert (
        one_provider(tmp_path, base_url="https://api.anthropic.com", direct=False).native is False
    )


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        pytest.param({}, (), id="none: passthrough"),
        pytest.param({"api_key": "k"}, ("k",), id="in the file"),
        pytest.param({"api_key": ""}, (), id="empty is none"),
        pytest.param({"api_keys": ["a", " b "]}, ("a", "b"), id="several"),
        pytest.param({"api_key_env": "ONE"}, ("1",), id="by variable"),
        pytest.param({"api_key_name": "ONE"}, ("1",), id="by variable, the other word"),
        pytest.param({"api_key_env": ["ONE", "TWO"]}, ("1", "2"), id="by variables"),
    ],
)
def test_keys(tmp_path: Path, fields: dict[str, object], keys: tuple[str, ...]) -> None:
    text = json.dumps({"providers": [{"base_url": "https://h.test", **fields}]})
    found = registry(tmp_path, text, {"ONE": "1", "TWO": " 2 "})
    assert found.providers[0].api_keys == keys


def test_a_key_may_stand_in_dotenv(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("providers: [{base_url: 'https://h.test', api_key_env: K}]")
    settings = load_settings({}, dotenv={"CONFIG_PATH": str(path), "K": "secret"})
    assert settings.registry is not None
    assert settings.registry.providers[0].api_keys == ("secret",)
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", ["1: contains no provider: add providers, or models with their api_base"], id="empty"),
        pytest.param("just text", ["1: contains no provider: add providers, or models with their api_base"], id="no mapping"),
        pytest.param("a: b: c", ["1: not valid YAML: mapping values are not allowed here"], id="no YAML"),
        pytest.param("a: &a [*a]", ["1: aliases expand to too many values"], id="endless"),
        pytest.param(
            "providers:\n- base_url: https://h\n  colour: red\nmodels_form: 1",
            ["3: providers.0.colour: unknown key", "4: models_form: unknown key"],
            id="unknown keys",
        ),
        pytest.param(
            "providers:\n- name: a\n- base_url:\n",
            ["2: providers.0.base_url: is missing", "3: providers.1.base_url: is missing"],
            id="missing base_url",
        ),
        pytest.param("models:\n  m: {model_name: x}", ["2: models.m.api_base: is missing"], id="missing api_base"),
        pytest.param("- model_name: x", ["1: 0.api_base: is missing", "1: 0.model_id: is missing"], id="list"),
        pytest.param("- 5", ["1: 0: must be a mapping of keys to values"], id="no entry"),
        pytest.param(
            "providers:\n- base_url: https://h\n  models:\n  - id: a\n  - id: b\n    aliases: [a]",
            ["5: providers.0.models.1: the name 'a' is already registered in line 4"],
            id="an alias that is an id",
        ),
        pytest.param(
            "providers:\n- base_url: https://h\n  models: [{id: a}]\n"
            "- base_url: https://i\n  models: [{id: a}]",
            ["5: providers.1.models.0: the name 'a' is already registered in line 3"],
            id="duplicate ids",
        ),
        pytest.param(
            "models:\n  a: {api_base: https://h}\n  a: {api_base: https://i}",
            ["3: models.a: is given twice"],
            id="duplicate keys",
        ),
        pytest.param(
            '{"models": {"a": {"api_base": "https://h"},\n"a": {"api_base": "https://i"}}}',
            ["2: models.a: is given twice"],
            id="duplicate keys in JSON",
        ),
        pytest.param(
            "providers:\n- {name: a, base_url: https://h}\n- {name: a, base_url: https://i}",
            ["3: providers.1.name: 'a' is the name of another provider"],
            id="duplicate names",
        ),
        pytest.param(
            "providers:\n- {name: a/b, base_url: https://h}",
            ["2: providers.0.name: must not contain a slash or a comma"],
            id="a name that addresses could not be told from",
        ),
        pytest.param(
            "providers:\n- base_url: https://h\n  api_key_env: NOT_THERE",
            ["3: providers.0.api_key_env: the variable NOT_THERE is not set"],
            id="an unset key variable",
        ),
        pytest.param(
            "providers:\n- base_url: https://h\n  api_key_name: SPLIT",
            ["3: providers.0.api_key_name: the variable SPLIT contains a space, a control character or a non-ASCII character: write the key alone"],
            id="a key that would split a header",
        ),
        pytest.param(
            "providers:\n- base_url: https://h\n  api_key: sk-secret\n  api_key_env: DEEPSEEK_API_KEY",
            ["4: providers.0.api_key_env: is given together with api_key: remove one of them"],
            id="two ways to a key",
        ),
        pytest.param(
            "providers:\n- base_url: https://u:sk-secret@h",
            ["2: providers.0.base_url: contains credentials: give the key in api_key_env"],
            id="a key in the URL",
        ),
        pytest.param(
            "providers:\n- base_url: https://h\n  api_key: sk secret",
            ["3: providers.0.api_key: contains a space, a control character or a non-ASCII character: write the key alone"],
            id="a bad key is not shown",
        ),
        pytest.param(
            "providers:\n- base_url: https://h\n  upstream_timeout_seconds: 0",
            ["3: providers.0.upstream_timeout_seconds: must be a number above 0 to 86400"],
            id="a time is above 0",
        ),
        pytest.param(
            "providers:\n- base_url: https://h\n  extra_headers: {Host: x, content-length: 3}",
            ["3: providers.0.extra_headers: content-length is set by the HTTP client itself"],
            id="a header of the connection",
        ),
        pytest.param(
            "providers:\n- base_url: https://h\n  models:\n  - id: a\n    extra_body: {model: x}\n"
            "    temperature: 3\n    reasoning_effort: huge\n    price: {input: -1, cheap: 2}\n"
            "    fallbacks: 5\n    aliases: [1]",
            [
                "5: providers.0.models.0.extra_body: model cannot be replaced",
                "6: providers.0.models.0.temperature: must be a number from 0 to 2",
                "7: providers.0.models.0.reasoning_effort: must be one of none, minimal, low, medium, high, xhigh, max",
                "8: providers.0.models.0.price.cheap: unknown key",
                "8: providers.0.models.0.price.input: must be a number from 0",
                "9: providers.0.models.0.fallbacks: must be a list of texts",
                "10: providers.0.models.0.aliases: must be text (put it in quotes)",
            ],
            id="every bad value of a model",
        ),
        pytest.param(
            "router: {thinking: a}\nproviders: {a: b}",
            ["1: router.thinking: unknown key", "2: providers: must be a list"],
            id="a rule that there is not",
        ),
        pytest.param(
            "ak: 0123\nproviders: [{base_url: https://h}]",
            ["1: ak: must be text: put it in quotes"],
            id="a key is text",
        ),
        pytest.param(
            "models: {'': {api_base: https://h}}", ["1: models.: is empty"], id="an id is not empty"
        ),
        pytest.param(
            "port: [{a: b}]\nproviders: [{base_url: https://h}]",
            ["1: port: must be a single value"],
            id="a setting is one value",
        ),
        pytest.param(
            "providers:\n- base_url: https://h\n  models:\n  - id: a\n    extra_body: {since: 2024-01-01}",
            ["5: providers.0.models.0.extra_body: contains a date: put it in quotes"],
            id="what JSON has no word for",
        ),
        pytest.param(
            '{"providers": [{"base_url": "https://h", "models": [\n'
            '{"id": "a", "extra_body": {"n": 18446744073709551616}},\n'
            '{"id": "b", "extra_body": {"t": ["\\ud800"]}},\n'
            '{"id": "c", "extra_body": {"\\udfff": 1}}]}]}',
            [
                "2: providers.0.models.0.extra_body: contains a whole number of more than 64 bits:"
                " put it in quotes",
                "3: providers.0.models.1.extra_body: contains a lone surrogate",
                "4: providers.0.models.2.extra_body: contains a lone surrogate",
            ],
            id="what no request could carry",
        ),
        pytest.param(
            f"providers:\n- base_url: https://h\n  models:\n  - id: a\n"
            f"    price: {{input: 1{'0' * 400}, output: .inf}}",
            [
                "5: providers.0.models.0.price.input: must be a number from 0",
                "5: providers.0.models.0.price.output: must be a number from 0",
            ],
            id="a number beyond all numbers",
        ),
        pytest.param(
            "providers:\n- base_url: https://h\n  proxy: true\n  ca_bundle: 5",
            [
                "3: providers.0.proxy: must be text (put it in quotes)",
                "4: providers.0.ca_bundle: must be text (put it in quotes)",
            ],
            id="a proxy and certificates are texts",
        ),
        pytest.param(
            "port: [1]\nrouter: {default: [a]}\nproviders: [{base_url: https://h}]",
            ["1: port: must be a single value", "2: router.default: must be a single value"],
            id="a list is no setting",
        ),
        pytest.param(
            "providers:\n- base_url: https://h\n  api_key_env: sk-secret",
            ["3: providers.0.api_key_env: the variable that it names is not set"],
            id="a key in the place of a variable is not shown",
        ),
        pytest.param(
            "models:\n  a: {name: x, api_base: https://h, api_key: k1}\n"
            "  b: {name: x, api_base: https://h, api_key: k2}\n"
            "  c: {name: x, api_base: https://h/v1, api_key: k1}",
            ["3: models.b.name: 'x' is the name of another provider"],
            id="a name for two keys",
        ),
        pytest.param(
            "- {model_id: a, name: x, api_base: https://h, api_key: k}\n"
            "- {model_id: b, api_base: https://h, api_key: k}\n"
            "- {model_id: c, name: y, api_base: https://h/v1, api_key: k}",
            ["3: 2.name: the provider with this api_base and key is already named 'x'"],
            id="two names for a key",
        ),
        pytest.param(
            "providers: [{name: x, base_url: https://h}]\n"
            "models:\n- {model_id: a, name: x, api_base: https://g}",
            ["3: models.0.name: 'x' is the name of another provider"],
            id="a name in two shapes",
        ),
        pytest.param(
            "- {model_id: a, name: x/y, api_base: https://g}",
            ["1: 0.name: must not contain a slash or a comma"],
            id="a name that is an address",
        ),
    ],
)  # fmt: skip
def test_problems(tmp_path: Path, text: str, expected: list[str]) -> None:
    found = problems(tmp_path, text, {**KEYS, "SPLIT": "a b"})
    assert sorted(found) == sorted(f"providers.yaml:{line}" for line in expected)
    assert "secret" not in str(found)


def test_one_message_holds_the_files_problems_and_the_environments(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("port: high\nproviders:\n- api_key_env: NONE\n")
    with pytest.raises(ConfigError) as caught:
        load_settings({"CUSTOM_MODELS_FILE": str(path), "CLAUDE_PROXY_STRICT": "perhaps"})
    assert caught.value.problems == (
        "CLAUDE_PROXY_STRICT='perhaps' must be true or false",
        f"port='high' ({path}:1) must be a whole number from 0 to 65535",
        f"{path}:3: providers.0.base_url: is missing",
        f"{path}:3: providers.0.api_key_env: the variable NONE is not set",
    )


@pytest.mark.parametrize("name", ["CLAUDE_PROXY_CONFIG", "CONFIG_PATH", "CUSTOM_MODELS_FILE"])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({name: str(tmp_path / "none.yaml")})
    assert caught.value.problems == (f"{name}='{tmp_path}/none.yaml' does not exist",)


def test_an_address_and_models_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(
        "host: 127.0.0.1\nbig_model: b\nmiddle_model: m\nsmall_model: s\n"
        "providers: [{base_url: 'https://h.test', models: [{id: first}]}]"
    )
    settings = load_settings({"CONFIG_PATH": str(path), "SMALL_MODEL": "mine"})
    assert settings.host == "127.0.0.1"
    assert (settings.big_model, settings.middle_model, settings.small_model) == ("b", "m", "mine")


def test_the_file_is_the_weakest_source(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(
        "ak: [a, b]\nport: 1\nlog_body_max_chars: 7\nstrict_models: true\n"
        "router: {think: t, default: d, long_context_threshold: 60k}\n"
        "models_from_upstream: true\n"
        "providers: [{base_url: 'https://h.test'}]"
    )
    settings = load_settings(
        {"CONFIG_PATH": str(path), "PORT": "2", "ROUTER_THINK": "other"},
        dotenv={"CLAUDE_PROXY_LOG_BODY_MAX_CHARS": "0"},
    )
    assert (settings.port, settings.log_body_max_chars) == (2, 0)
    assert (settings.auth_keys, settings.strict_models) == (("a", "b"), True)
    assert settings.registry is not None
    assert settings.registry.rules == RouterRules(
        default="d", think="other", long_context_threshold=60_000
    )
    assert settings.registry.strict_models is True
    assert settings.registry.models_from_upstream is True


def test_a_zero_of_the_file_switches_off(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(
        "log_stream_text_preview_chars: 0\nrouter: {long_context_threshold: 0}\n"
        "providers: [{base_url: 'https://h.test'}]"
    )
    settings = load_settings({"CONFIG_PATH": str(path)})
    assert settings.log_stream_text_preview_chars == 0
    assert settings.long_context_threshold is None


FILE = "providers: [{base_url: 'https://h.test', api_key_env: OPENAI_API_KEY}]"
PLAIN = "providers: [{base_url: 'https://api.openai.com/v1'}]"


@pytest.mark.parametrize(
    ("text", "environ", "names", "default"),
    [
        pytest.param(PLAIN, {}, ["openai"], "openai", id="the file alone"),
        pytest.param(FILE, {"OPENAI_API_KEY": "k"}, ["h"], "h", id="the key is the file's"),
        pytest.param(
            FILE,
            {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://e.test"},
            ["h", "e"],
            "e",
            id="the environment's own upstream is the default",
        ),
        pytest.param(
            PLAIN, {"OPENAI_API_KEY": "k"}, ["openai", "openai-2"], "openai-2", id="two of a name"
        ),
    ],
)
def test_the_environments_upstream(
    tmp_path: Path, text: str, environ: dict[str, str], names: list[str], default: str
) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(text)
    found = load_settings({**environ, "CONFIG_PATH": str(path)}).registry
    assert found is not None
    assert [provider.name for provider in found.providers] == names
    assert found.default.name == default
    assert found.default_is_registered is (default == names[0])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{\n\t"providers": [\n\t\t{"base_url": "https://h.test"}\n\t]\n}', id="tabs"),
        pytest.param("\ufeffproviders: [{base_url: 'https://h.test'}]", id="byte order mark"),
        pytest.param('{"providers": [{"base_url": "https:\\/\\/h.test"}]}', id="escaped slashes"),
        pytest.param(
            "providers: [&p {base_url: 'https://h.test'}, {<<: *p, name: other}]",
            id="an anchor",
        ),
    ],
)  # fmt: skip
def test_spellings(tmp_path: Path, text: str) -> None:
    assert registry(tmp_path, text).providers[0].base_url == "https://h.test/v1"


def test_merged_keys(tmp_path: Path) -> None:
    text = """
        models:
          a: &a {api_base: https://h.test, max_tokens: 1k}
          b: {<<: *a, max_tokens: 2k}
    """
    assert [model.max_tokens for model in registry(tmp_path, text).models] == [1000, 2000]


def test_a_file_that_stands_for_billions(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    found = problems(tmp_path, "\n".join(lines))
    assert len(found) == 1
    assert found[0].endswith("aliases expand to too many values")


def test_nothing_but_plain_data_is_made(tmp_path: Path) -> None:
    found = problems(tmp_path, "providers: !!python/object/apply:os.system [true]")
    assert found == [
        "providers.yaml:1: tag:yaml.org,2002:python/object/apply:os.system is not plain data"
    ]
    assert "could not determine" in problems(tmp_path, "port: !own 5")[0]


def test_an_upstream_that_cannot_stream(tmp_path: Path) -> None:
    text = "models: {m: {api_base: 'https://h.test', can_stream: false}}"
    assert registry(tmp_path, text).models[0].profile == {"unsupported": ["stream"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a: 1\nport: !!bool x", ":2: not valid YAML: no tag:yaml.org,2002:bool"),
        pytest.param("port: !!int ''", ":1: not valid YAML: no tag:yaml.org,2002:int"),
        pytest.param("port: !!float ''", ":1: not valid YAML: no tag:yaml.org,2002:float"),
        pytest.param("at: !!timestamp x", ":1: not valid YAML: no tag:yaml.org,2002:timestamp"),
        pytest.param("a: \x00", ": not valid YAML or JSON"),
    ],
)
def test_a_text_that_breaks_the_parser_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(tmp_path, text) == [f"providers.yaml{expected}"]


def test_a_chosen_name_is_not_given_to_another_provider(tmp_path: Path) -> None:
    found = registry(
        tmp_path,
        "providers: [{base_url: https://api.x.com}, {name: x, base_url: https://h}]\n"
        "models: {a: {api_base: https://api.y.com}, b: {name: y, api_base: https://h}}",
    )
    names = [(provider.name, provider.base_url) for provider in found.providers]
    assert names == [
        ("x-2", "https://api.x.com/v1"),
        ("x", "https://h/v1"),
        ("y-2", "https://api.y.com/v1"),
        ("y", "https://h/v1"),
    ]


def test_any_model_may_name_the_provider_that_several_share(tmp_path: Path) -> None:
    found = registry(
        tmp_path,
        "- {model_id: a, api_base: https://h, api_key: k}\n"
        "- {model_id: b, name: chosen, api_base: https://h/v1, api_key: k}\n"
        "- {model_id: c, name: chosen, api_base: https://h, api_key: k}",
    )
    assert [provider.name for provider in found.providers] == ["chosen"]
    assert {model.provider.name for model in found.models} == {"chosen"}
    assert found.find("chosen/a")


def test_an_id_is_found_before_the_name_that_another_model_has_upstream(tmp_path: Path) -> None:
    found = registry(
        tmp_path,
        "providers: [{name: x, base_url: https://h, models: ["
        "{id: a, remote_id: b}, {id: b, remote_id: c}]}]",
    )
    addressed = {name: found.find(name) for name in ("x/a", "x/b", "x,b", "x/c")}
    assert {name: model and model.id for name, model in addressed.items()} == {
        "x/a": "a",
        "x/b": "b",
        "x,b": "b",
        "x/c": "b",
    }
