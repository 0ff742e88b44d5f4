"""``claude-proxy claude-code``: what it asks, writes and says."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.registry.values import Model, Provider, Registry, RouterRules
from config.settings import Settings
from config.variables.table import VARIABLES
from proxy.cli.claude_code import client_settings, configured_facts
from proxy.cli.claude_code.members import compacts_at, members
from proxy.cli.errors import UsageError
from proxy.cli.main import main
from proxy.cli.proxy_address import address
from tests.live import LiveProxy, free_port, live_proxy
from tests.paths import ROOT
from tests.upstream_stub import Close, Sleep, UpstreamStub, answer, json_answer, server_tls

KEY = "front-door-key"
FIXED = Settings(openai_api_key="sk-server", auth_keys=("alice", "bob"))
ALWAYS = {"CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1", "ENABLE_TOOL_SEARCH": "true"}
LIST = {
    "data": [
        {"id": "big", "max_model_len": 60_000},
        {"id": "middle", "context_length": 64_000},
        {"id": "small", "max_context_length": 32_768},
    ]
}
SMALL_WINDOW = {
    "CLAUDE_CODE_AUTO_COMPACT_WINDOW": "100000",
    "CLAUDE_CODE_DISABLE_1M_CONTEXT": "1",
    "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "60000",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "8192",
    "ANTHROPIC_DEFAULT_OPUS_MODEL": "big",
    "ANTHROPIC_DEFAULT_SONNET_MODEL": "middle",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL": "small",
}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in VARIABLES:
        for name in variable.names:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamStub]:
    stub = UpstreamStub()
    stub.default = json_answer(LIST)
    yield stub
    stub.close()


@pytest.fixture(scope="module")
def proxy(upstream: UpstreamStub) -> Iterator[LiveProxy]:
    environ = {
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": "sk-upstream",
        "CLAUDE_PROXY_AUTH_KEY": KEY,
        "CLAUDE_PROXY_BIG_MODEL": "big",
        "CLAUDE_PROXY_MIDDLE_MODEL": "middle",
        "CLAUDE_PROXY_SMALL_MODEL": "small",
    }
    with live_proxy(environ) as running:
        yield running


@pytest.fixture
def something() -> Iterator[UpstreamStub]:
    """A server that is not claude-proxy."""
    stub = UpstreamStub()
    yield stub
    stub.close()


def env(text: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(text)["env"]
    return found


@pytest.mark.parametrize(
    ("settings", "options", "url", "token"),
    [
        pytest.param(FIXED, {}, "http://127.0.0.1:8085", "alice", id="the first auth key"),
        pytest.param(
            Settings(openai_api_key="sk-server"), {}, "http://127.0.0.1:8085", "any", id="no key"
        ),
        pytest.param(
            Settings(auth_keys=("alice",)),
            {},
            "http://127.0.0.1:8085",
            "YOUR-UPSTREAM-KEY",
            id="passthrough",
        ),
        pytest.param(
            Settings(openai_base_url="http://localhost:11434"),
            {},
            "http://127.0.0.1:8085",
            "any",
            id="a local upstream wants none",
        ),
        pytest.param(
            Settings(host="10.0.0.1", port=9),
            {"key": "mine"},
            "http://10.0.0.1:9",
            "mine",
            id="key",
        ),
        pytest.param(
            FIXED, {"url": "https://proxy.test/"}, "https://proxy.test", "alice", id="url"
        ),
    ],
)
def test_settings_without_a_server(
    settings: Settings, options: dict[str, Any], url: str, token: str
) -> None:
    assert client_settings(settings, **options) == {
        "env": {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_AUTH_TOKEN": token, **ALWAYS}
    }


COMPACT, NO_1M = "CLAUDE_CODE_AUTO_COMPACT_WINDOW", "CLAUDE_CODE_DISABLE_1M_CONTEXT"


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (2_000_000, {COMPACT: "1000000"}),
        (1_000_000, {COMPACT: "1000000"}),
        (400_000, {COMPACT: "400000"}),
        (200_000, {COMPACT: "200000", NO_1M: "1"}),
        (100_000, {COMPACT: "100000", NO_1M: "1"}),
        (
            99_999,
            {
                COMPACT: "100000",
                NO_1M: "1",
                "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "99999",
                "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "8192",
                "ANTHROPIC_DEFAULT_OPUS_MODEL": "gpt-4o",
                "ANTHROPIC_DEFAULT_SONNET_MODEL": "gpt-4o",
                "ANTHROPIC_DEFAULT_HAIKU_MODEL": "gpt-4o-mini",
            },
        ),
    ],
)
def test_the_settings_of_a_window(window: int, expected: dict[str, str]) -> None:
    found = client_settings(FIXED, window=window)["env"]
    assert {name: found[name] for name in found.keys() - ALWAYS.keys() if "_URL" not in name} == {
        "ANTHROPIC_AUTH_TOKEN": "alice",
        **expected,
    }


def registry(*models: Model, rules: RouterRules | None = None) -> Settings:
    one = models[0].provider
    found = Registry(
        (one,),
        one,
        models,
        rules=rules or RouterRules(),
        from_file=True,
        default_is_registered=True,
    )
    return Settings(registry=found, big_model=models[0].id, middle_model=models[1].id)


ONE = Provider("one", "https://one.test/v1", ("key",))


def test_the_smallest_window_of_the_main_models_counts_not_haikus() -> None:
    models = (
        Model("big", "b", ONE, max_input_tokens=300_000),
        Model("middle", "m", ONE, max_input_tokens=120_000),
        Model("gpt-4o-mini", "s", ONE, max_input_tokens=10_000),
    )
    facts = configured_facts(registry(*models))
    assert facts.window == (120_000, "m")
    assert facts.window_of("haiku") == (10_000, "s")


def test_one_window_that_is_not_known_sets_nothing() -> None:
    models = Model("big", "b", ONE, max_input_tokens=300_000), Model("middle", "m", ONE)
    facts = configured_facts(registry(*models))
    assert facts.window is None
    assert members("http://x", "k", facts)["env"].keys() == {
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_AUTH_TOKEN",
        *ALWAYS,
    }


def test_claudes_at_a_native_upstream_need_no_window(capsys: pytest.CaptureFixture[str]) -> None:
    Path(".env").write_text("OPENAI_BASE_URL=https://api.anthropic.com\nOPENAI_API_KEY=k\n")
    assert main(["claude-code", "--offline"]) == 0
    printed = capsys.readouterr()
    assert COMPACT not in env(printed.out)
    assert "Claude Code knows the context windows of these models itself." in printed.err
    native = Provider("native", "https://api.anthropic.com", ("key",), native=True)
    mixed = (
        Model("big", "claude-opus-4-8", native),
        Model("middle", "m", ONE, max_input_tokens=120_000),
    )
    assert configured_facts(registry(*mixed)).window == (120_000, "m")


def test_smart_routes_count() -> None:
    models = (
        Model("big", "b", ONE, max_input_tokens=100_000),
        Model("middle", "m", ONE, max_input_tokens=100_000),
        Model("thinker", "t", ONE, max_input_tokens=90_000),
        Model("long", "l", ONE, max_input_tokens=500_000),
    )
    thinking = RouterRules(think="thinker")
    assert configured_facts(registry(*models, rules=thinking)).window == (90_000, "t")
    both = RouterRules(think="thinker", long_context="long")
    assert configured_facts(registry(*models, rules=both)).window == (500_000, "l")


def test_a_small_window_takes_names_without_claude() -> None:
    models = (
        Model("claude-big", "remote", ONE, aliases=("opus", "big"), max_input_tokens=60_000),
        Model("claude-middle", "r2", ONE, max_input_tokens=60_000),
        Model("claude-small", "claude-3", ONE, max_input_tokens=60_000),
    )
    settings = client_settings(registry(*models))["env"]
    assert settings["ANTHROPIC_DEFAULT_OPUS_MODEL"] == "big"
    assert settings["ANTHROPIC_DEFAULT_SONNET_MODEL"] == "one/r2"


@pytest.mark.parametrize(
    ("text", "url", "root"),
    [
        ("http://h:8085", "http://h:8085", "http://h:8085"),
        (" https://h/ ", "https://h", "https://h"),
        ("http://h:1/v1", "http://h:1", "http://h:1"),
        ("http://h:1/v1/messages", "http://h:1", "http://h:1"),
        ("http://h:1/v1/messages/count_tokens/", "http://h:1", "http://h:1"),
        ("http://h/ai/v1", "http://h/ai", "http://h/ai"),
        ("http://h/https/api.x.test/v1", "http://h/https/api.x.test", "http://h"),
        ("http://[::1]:8085", "http://[::1]:8085", "http://[::1]:8085"),
    ],
)
def test_addresses(text: str, url: str, root: str) -> None:
    assert address(text) == (url, root)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("localhost:8085", "has no scheme: write http://localhost:8085"),
        ("", "has no scheme: write http://127.0.0.1:8085"),
        ("ftp://h", "the scheme must be http or https"),
        ("http://h:99999", "a port is 1 to 65535"),
        ("http://h:0", "names no host and port"),
        ("http://h:x", "a port is 1 to 65535"),
        ("http://", "names no host and port"),
        ("http://a b", "names no host and port"),
        ("http://[::1", "Invalid IPv6 URL"),
        ("http://u:secret@h", "must not hold a user name or password"),
        ("u:secret@h", "write http://h"),
        ("http://h/?key=secret", "leave out what follows"),
        ("http://h\u00e4user.example", "a host is ASCII without spaces"),
        ("http://h/a b", "a path is ASCII without spaces: write /a%20b"),
        ("http://h/é", "a path is ASCII without spaces: write /%C3%A9"),
    ],
)
def test_addresses_that_are_none(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("?", r"\?")) as caught:
        address(text)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_running_proxy_is_asked(
    proxy: LiveProxy,
    upstream: UpstreamStub,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MINE", KEY)
    assert main(["claude-code", "--url", f"{proxy.url}/v1", "--key-env", "MINE"]) == 0
    printed = capsys.readouterr()
    assert env(printed.out) == {
        "ANTHROPIC_BASE_URL": proxy.url,
        "ANTHROPIC_AUTH_TOKEN": KEY,
        **ALWAYS,
        **SMALL_WINDOW,
    }
    assert printed.err.splitlines() == [
        f"{proxy.url}: mode fixed, clients need a key",
        "  opus         localhost: big (60,000 tokens)",
        "  sonnet       localhost: middle (64,000 tokens)",
        "  haiku        localhost: small (32,768 tokens)",
        "Claude Code compacts a conversation at 38,808 of 60,000 tokens (big).",
        "haiku has a smaller window (32,768): a subagent on it compacts when it is refused.",
        "What each setting does: docs/clients.md, section Claude Code.",
    ]
    assert KEY not in printed.err
    assert {request.headers["authorization"] for request in upstream.requests} == {
        "Bearer sk-upstream"
    }


def test_the_configured_key_is_used_and_other_settings_are_not(
    proxy: LiveProxy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_PROXY_AUTH_KEY", f"{KEY},other")
    monkeypatch.setenv("CLAUDE_PROXY_PORT", str(proxy.port))
    monkeypatch.setenv("CLAUDE_PROXY_BIG_MODEL", "somewhere-else")
    assert main(["claude-code"]) == 0
    found = env(capsys.readouterr().out)
    assert found["ANTHROPIC_AUTH_TOKEN"] == KEY
    assert found["ANTHROPIC_DEFAULT_OPUS_MODEL"] == "big"


def test_the_configured_key_is_not_sent_to_another_machine(
    something: UpstreamStub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_PROXY_AUTH_KEY", KEY)
    # Stands for the other machine: as a forward proxy it gets the whole request.
    monkeypatch.setenv("http_proxy", something.origin)
    something.answer(json_answer({"name": "claude-proxy"}))
    assert main(["claude-code", "--url", "http://proxy.example.com:8085"]) == 0
    assert env(capsys.readouterr().out)["ANTHROPIC_AUTH_TOKEN"] == "YOUR-PROXY-KEY"
    [request] = something.requests
    assert KEY not in str(request.headers)


def test_a_proxy_that_says_anything(
    something: UpstreamStub, capsys: pytest.CaptureFixture[str]
) -> None:
    tiers: dict[str, object] = {f"tier {number}": {"asked": "m"} for number in range(50)}
    tiers["opus"] = {"model": "a\x1b[31m", "name": "b\x1b[31m", "max_input_tokens": 10**30}
    tiers["sonnet"] = ["c"]
    configuration = {"mode": ["fixed"], "tiers": tiers}
    something.answer(json_answer({"name": "claude-proxy", "configuration": configuration}))
    something.default = json_answer({"max_input_tokens": 10**30})
    assert main(["claude-code", "--url", something.origin]) == 0
    printed = capsys.readouterr()
    assert env(printed.out) == {
        "ANTHROPIC_BASE_URL": something.origin,
        "ANTHROPIC_AUTH_TOKEN": "any",
        **ALWAYS,
    }
    assert printed.err.splitlines()[:3] == [
        f"{something.origin}: mode unknown, any key is accepted",
        "  opus         : a [31m (window unknown)",
        "  sonnet       :  (window unknown)",
    ]
    assert len(something.requests) == 3


def test_a_window_of_the_users_own(proxy: LiveProxy, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["claude-code", "--url", proxy.url, "--key", KEY, "--window", "128k"]
    assert main(asked) == 0
    found = env(capsys.readouterr().out)
    assert found[COMPACT] == "128000"
    assert "CLAUDE_CODE_MAX_CONTEXT_TOKENS" not in found


def test_where_the_key_is_not_known(proxy: LiveProxy, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claude-code", "--url", proxy.url]) == 0
    printed = capsys.readouterr()
    assert env(printed.out)["ANTHROPIC_AUTH_TOKEN"] == "YOUR-PROXY-KEY"
    assert "ask its operator for one (a value of its CLAUDE_PROXY_AUTH_KEY)" in printed.err
    assert main(["claude-code", "--url", proxy.url, "--write"]) == 1
    assert "ask its operator" in capsys.readouterr().err
    assert not Path(".claude").exists()


def test_a_wrong_key(proxy: LiveProxy, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claude-code", "--url", proxy.url, "--key", "wrong-key"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"claude-proxy: {proxy.url}: the proxy refuses the key")
    assert "wrong-key" not in printed.err


def test_writing_and_a_change_of_the_model(
    proxy: LiveProxy, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["claude-code", "--url", proxy.url, "--key", KEY, "--write"]
    path = Path(".claude/settings.json").absolute()
    assert main(asked) == 0
    assert capsys.readouterr().out == f"{path} written\n"
    assert SMALL_WINDOW.items() <= env(path.read_text()).items()
    assert main([*asked, "--window", "1m"]) == 0
    assert "removed, since it no longer applies: CLAUDE_CODE_MAX_CONTEXT_TOKENS" in (
        capsys.readouterr().out
    )
    assert env(path.read_text()) == {
        "ANTHROPIC_BASE_URL": proxy.url,
        "ANTHROPIC_AUTH_TOKEN": KEY,
        **ALWAYS,
        COMPACT: "1000000",
    }


def test_an_address_that_names_the_upstream(
    proxy: LiveProxy, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{proxy.url}/https/api.x.test"
    assert main(["claude-code", "--url", url, "--key", KEY]) == 0
    printed = capsys.readouterr()
    assert env(printed.out) == {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_AUTH_TOKEN": KEY,
        **ALWAYS,
    }
    assert "the client's key is sent upstream (the address names the upstream)" in printed.err


@pytest.mark.long
def test_passthrough_names_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    with live_proxy({"OPENAI_BASE_URL": "https://api.deepseek.com"}) as running:
        assert main(["claude-code", "--url", running.url, "--window", "128k"]) == 0
        printed = capsys.readouterr()
        assert main(["claude-code", "--url", running.url, "--window", "128k", "--write"]) == 1
    assert env(printed.out)["ANTHROPIC_AUTH_TOKEN"] == "YOUR-UPSTREAM-KEY"
    assert "mode passthrough, the client's key is sent upstream" in printed.err
    assert "name the variable that holds your key at deepseek by --key-env NAME" in printed.err
    assert "your key at deepseek" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ("8k", "8,000 tokens (--window) are too few for Claude Code, whose own instructions"),
        ("32k", "at 14,904 of 32,000 tokens (--window).\nThat is often, since its own"),
        ("64k", "at 42,808 of 64,000 tokens (--window).\nWhat each"),
    ],
)
def test_what_a_small_window_means(
    window: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["claude-code", "--offline", "--key", "k", "--window", window]) == 0
    assert said in capsys.readouterr().err


def test_passthrough_offline(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claude-code", "--offline"]) == 0
    printed = capsys.readouterr()
    assert env(printed.out)["ANTHROPIC_AUTH_TOKEN"] == "YOUR-UPSTREAM-KEY"
    assert "name the variable that holds your key at openai by --key-env NAME" in printed.err
    assert main(["claude-code", "--offline", "--write"]) == 1
    assert "your key at openai" in capsys.readouterr().err
    assert not Path(".claude").exists()


@pytest.mark.parametrize("local", [[], ["--url", "HERE"]])
def test_nothing_answers(local: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    options = [text.replace("HERE", f"http://127.0.0.1:{port}") for text in local]
    assert main(["claude-code", "--port", str(port), *options]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        f"claude-proxy: http://127.0.0.1:{port} does not answer (Connection refused): start it, "
        "or add --offline for the settings of this directory's files\n"
    )


HTML = "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(
            answer(b"<html>", status=404, content_type=HTML, headers={"server": "nginx/1.27"}),
            "is not claude-proxy (it answered 404, text/html, nginx/1.27): check",
            id="nginx",
        ),
        pytest.param(
            json_answer({"name": "other"}), "it answered 200, application/json)", id="other JSON"
        ),
        pytest.param(json_answer([1]), "it answered 200, application/json)", id="a list"),
        pytest.param(
            answer(b"", status=302, headers={"location": "https://h/login"}),
            "redirects to https://h/login: give that address by --url",
            id="redirect",
        ),
        pytest.param((b"SSH-2.0-OpenSSH_9.6\r\n",), "did not answer in HTTP", id="ssh"),
        pytest.param(
            answer(b"{", Close(), headers={"content-length": "9"}), "is not", id="cut short"
        ),
        pytest.param(
            answer(b"x", status=500, headers={"server": "a\x1b[31mb"}),
            "answered 500, application/json, a [31mb: see whether the proxy behind it runs",
            id="control characters",
        ),
        pytest.param((Close(),), "did not answer in HTTP", id="closed at once"),
    ],
)
def test_something_else_answers(
    script: Any, said: str, something: UpstreamStub, capsys: pytest.CaptureFixture[str]
) -> None:
    something.answer(script)
    assert main(["claude-code", "--url", something.origin, "--key", KEY]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith(f"claude-proxy: {something.origin} ")
    assert said in printed.err
    assert "\x1b" not in printed.err
    assert len(something.requests) == 1


def test_a_path_that_is_too_long(proxy: LiveProxy, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claude-code", "--url", f"{proxy.url}/claude", "--key", KEY]) == 1
    assert capsys.readouterr().err == (
        f"claude-proxy: {proxy.url}/claude is not claude-proxy (it answered 404, application/json, "
        f"gunicorn): check host, port and path; {proxy.url} is claude-proxy\n"
    )


def test_a_server_that_is_silent(
    something: UpstreamStub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.cli.claude_code.server.SECONDS", 0.2)
    something.answer((Sleep(1.0),))
    assert main(["claude-code", "--url", something.origin]) == 1
    assert capsys.readouterr().err == (
        f"claude-proxy: {something.origin} did not answer within 0.2 s: see whether it is "
        "overloaded\n"
    )


def test_tls_that_is_none_or_not_trusted(
    proxy: LiveProxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["claude-code", "--url", f"https://127.0.0.1:{proxy.port}"]) == 1
    assert "does not speak TLS there: write http://" in capsys.readouterr().err
    context, _ = server_tls(tmp_path)
    stub = UpstreamStub(tls=context)
    try:
        url = stub.origin.replace("http:", "https:").replace("127.0.0.1", "localhost")
        assert main(["claude-code", "--url", url]) == 1
    finally:
        stub.close()
    assert "a certificate that this machine does not trust" in capsys.readouterr().err
    assert isinstance(context, ssl.SSLContext)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--key-env", "NOT_THERE"], "--key-env NOT_THERE: this variable is not set"),
        (["--key", "two words"], "--key: the value is no key, which is ASCII without spaces"),
        (["--key", ""], "--key: the value is no key, which is ASCII without spaces"),
        (["--window", "large"], "--window 'large' is no number of tokens"),
        (["--window", "0"], "--window '0' is no number of tokens"),
        (["--url", "localhost"], "--url 'localhost' has no scheme"),
    ],
)
def test_bad_usage(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claude-code", *options]) == 2
    assert capsys.readouterr().err.startswith(f"claude-proxy: {said}")


def test_a_bad_configuration_here_does_not_matter_for_another_address(
    proxy: LiveProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_PROXY_WORKERS", "many")
    assert main(["claude-code", "--url", proxy.url, "--key", KEY]) == 0


@pytest.mark.parametrize("tokens", [28_000, 60_000, 128_000, 2_000_000])
def test_the_client_compacts_below_its_window(tokens: int) -> None:
    facts = configured_facts(FIXED, tokens)
    assert facts.window is not None
    assert 10_000 < compacts_at(facts.window) < tokens


def test_the_documents_give_the_reason_of_each_setting() -> None:
    told = (ROOT / "docs" / "clients.md").read_text("utf-8")
    rows = [line.partition(" | ")[0] for line in told.splitlines() if line.startswith("| `")]
    written = client_settings(FIXED, window=60_000)["env"]
    assert [name for name in written if not any(f"`{name}" in row for row in rows)] == []
