"""``claude-proxy init --yes``, for scripts."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from config.variables.table import VARIABLES
from proxy.cli.environment import current_settings
from proxy.cli.main import main
from proxy.providers.profiles import PROFILES
from tests.cli.init.providers import RIGHT, WRONG, provider, refusal
from tests.live import free_port
from tests.upstream_stub import UpstreamStub, answer, completion, json_answer

DEEPSEEK = ("deepseek-v4-flash", "deepseek-v4-pro")
Shown = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usual = {vendor.start.key_variable for vendor in PROFILES} - {None}
    for name in usual.union(*(variable.names for variable in VARIABLES)):
        monkeypatch.delenv(str(name), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def init(monkeypatch: pytest.MonkeyPatch, upstream: UpstreamStub) -> Callable[..., int]:
    """Runs it for DeepSeek, at the scripted upstream."""
    monkeypatch.setenv("DEEPSEEK_API_KEY", RIGHT)
    upstream.default = provider(DEEPSEEK)

    def run(*flags: str) -> int:
        where = ("--base-url", upstream.base_url)
        return main(["init", "--provider", "deepseek", *where, "--yes", *flags])

    return run


def lines(path: str = ".env") -> list[str]:
    return [line for line in Path(path).read_text().splitlines() if not line.startswith("#")]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def failed(shown: Shown) -> str:
    """What was said on standard error, in one line without the program's name."""
    return shown.readouterr().err.splitlines()[-1].removeprefix("claude-proxy: ")


def test_env_is_written(init: Callable[..., int], upstream: UpstreamStub, capsys: Shown) -> None:
    assert init() == 0
    assert lines() == [
        f"OPENAI_BASE_URL={upstream.base_url}",
        f"OPENAI_API_KEY={RIGHT}",
        "CLAUDE_PROXY_BIG_MODEL=deepseek-v4-pro",
        "CLAUDE_PROXY_MIDDLE_MODEL=deepseek-v4-pro",
        "CLAUDE_PROXY_SMALL_MODEL=deepseek-v4-flash",
        "CLAUDE_PROXY_HOST=127.0.0.1",
    ]
    assert mode(Path(".env")) == 0o600
    shown = capsys.readouterr()
    assert RIGHT not in shown.out + shown.err
    assert "Wrote .env, which only you can read." in shown.out
    assert "  opus      deepseek-v4-pro\n" in shown.out
    assert '"ANTHROPIC_BASE_URL": "http://127.0.0.1:8085"' in shown.out
    assert "[1/2] testing deepseek-v4-pro" not in shown.out
    assert [(r.method, r.json["model"]) for r in upstream.requests if r.body] == [
        ("POST", "deepseek-v4-pro"),
        ("POST", "deepseek-v4-flash"),
    ]


def test_the_old_env_is_kept_beside_the_new_one(init: Callable[..., int]) -> None:
    old = Path(".env")
    old.write_text("# mine\nBIG_MODEL=old\nPORT=9000\n")
    old.chmod(0o644)
    assert init("--no-test", "--big", "deepseek-v4-pro") == 0
    assert lines()[:2] == ["BIG_MODEL=deepseek-v4-pro", "PORT=9000"]
    assert mode(old) == 0o600
    (backup,) = Path().glob(".env.backup-*")
    assert backup.read_text() == "# mine\nBIG_MODEL=old\nPORT=9000\n"
    assert mode(backup) == 0o600


def test_what_is_written_is_in_force(init: Callable[..., int], upstream: UpstreamStub) -> None:
    assert init("--access", "key") == 0
    settings = current_settings()
    assert settings.openai_base_url == upstream.base_url
    assert (settings.host, len(settings.auth_keys)) == ("0.0.0.0", 1)
    assert len(settings.auth_keys[0]) == 32
    first = settings.auth_keys
    # It is protected now, so nothing changes.
    assert init() == 0
    assert current_settings().auth_keys == first
    assert current_settings().host == "0.0.0.0"


def test_access_by_key_listens_everywhere_again(init: Callable[..., int]) -> None:
    assert init() == 0
    assert init("--access", "key") == 0
    assert current_settings().host == "0.0.0.0"


def test_a_registry_file(init: Callable[..., int], upstream: UpstreamStub, capsys: Shown) -> None:
    assert init("--registry", "providers.yaml", "--access", "key") == 0
    path = Path("providers.yaml")
    assert mode(path) == 0o600
    assert RIGHT not in path.read_text()
    shown = capsys.readouterr().out
    assert "Wrote providers.yaml, which only you can read. It takes the key from" in shown
    assert "DEEPSEEK_API_KEY." in shown
    assert "--config providers.yaml\n" in shown
    assert not Path(".env").exists()
    settings = current_settings({"config": "providers.yaml"})
    assert settings.registry is not None
    assert (settings.big_model, settings.small_model) == DEEPSEEK[::-1]
    assert settings.registry.default.name == "deepseek"
    assert settings.registry.default.base_url == upstream.base_url
    assert settings.registry.default.api_key == RIGHT
    assert settings.auth_keys[0] in shown


def test_a_registry_file_is_not_replaced(init: Callable[..., int], capsys: Shown) -> None:
    Path("r.yaml").write_text("mine")
    assert init("--registry", "r.yaml") == 1
    assert failed(capsys).startswith("r.yaml exists: name a new file with --registry")
    assert Path("r.yaml").read_text() == "mine"


def test_the_settings_of_claude_code_are_merged(
    init: Callable[..., int], tmp_path: Path, capsys: Shown
) -> None:
    path = tmp_path / "home" / ".claude" / "settings.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"model": "opus"}')
    assert init("--claude-code", "--access", "key") == 0
    settings = json.loads(path.read_text())
    assert settings["model"] == "opus"
    assert settings["env"]["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:8085"
    assert [settings["env"]["ANTHROPIC_AUTH_TOKEN"]] == list(current_settings().auth_keys)
    assert str(path) in capsys.readouterr().out


def test_a_local_server_needs_no_key_and_its_only_model_is_taken(upstream: UpstreamStub) -> None:
    upstream.default = provider(["tiny"], key=None)
    assert main(["init", "--provider", "ollama", "--base-url", upstream.base_url, "--yes"]) == 0
    assert lines()[1:5] == [
        "OPENAI_API_KEY=unused",
        "CLAUDE_PROXY_BIG_MODEL=tiny",
        "CLAUDE_PROXY_MIDDLE_MODEL=tiny",
        "CLAUDE_PROXY_SMALL_MODEL=tiny",
    ]


def test_the_key_from_standard_input(
    upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, write = os.pipe()
    with open(write, "w") as end:
        end.write(f"{RIGHT}\n")
    upstream.default = provider(["m"])
    with open(read) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        where = ("--base-url", upstream.base_url)
        assert main(["init", "--provider", "other", *where, "--key-stdin", "--yes"]) == 0
    assert f"OPENAI_API_KEY={RIGHT}" in lines()


def test_models_that_are_given_count_more_than_proposals(init: Callable[..., int]) -> None:
    assert init("--big", "deepseek-v4-flash") == 0
    assert lines()[2:5] == [
        f"CLAUDE_PROXY_{t}_MODEL=deepseek-v4-flash" for t in ("BIG", "MIDDLE", "SMALL")
    ]


USAGE = [
    pytest.param((), "--yes needs --provider NAME, one of: openai, azure,", id="no provider"),
    pytest.param(("--provider", "foo"), "--provider 'foo' is not one of: openai,", id="unknown"),
    pytest.param(
        ("--provider", "azure"),
        "the provider azure needs --base-url URL, such as https://RESOURCE.openai",
        id="no address",
    ),
    pytest.param(
        ("--provider", "openai"),
        "the provider openai needs a key: set OPENAI_API_KEY, or name the variable that holds it "
        "with --key-env NAME",
        id="no key",
    ),
    pytest.param(
        ("--provider", "openai", "--key-env", "MINE"),
        "--key-env MINE: this variable is not set",
        id="no such variable",
    ),
]


@pytest.mark.parametrize(("flags", "message"), USAGE)
def test_usage_errors_name_the_flag(flags: tuple[str, ...], message: str, capsys: Shown) -> None:
    assert main(["init", "--yes", *flags]) == 2
    assert failed(capsys).startswith(message)


def test_without_a_terminal_nothing_is_asked(
    capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("/dev/null") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert main(["init"]) == 2
    assert failed(capsys).startswith(
        "init asks questions, so it needs a terminal; without one add --yes and --provider NAME"
    )


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        pytest.param(
            "--base-url", "localhost", "The base URL 'localhost' must begin with", id="url"
        ),
        pytest.param("--base-url", "http://h/?a&b", "OPENAI_BASE_URL: the value contains", id="&"),
        pytest.param("--big", "a\x1b", "The model's id contains a control character.", id="model"),
        pytest.param("--big", "a b", "the model's id: the value contains a character", id="space"),
    ],
)
def test_answers_that_cannot_be_used(
    init: Callable[..., int], flag: str, value: str, message: str, capsys: Shown
) -> None:
    assert init(flag, value) == 1
    assert failed(capsys).startswith(message)
    assert not Path(".env").exists()


def test_a_wrong_key(
    init: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", WRONG)
    assert init() == 1
    assert failed(capsys) == (
        "The upstream refuses the key (401): Incorrect API key provided: ***. "
        "Correct the key in DEEPSEEK_API_KEY."
    )
    assert not Path(".env").exists()


def test_no_network(init: Callable[..., int], capsys: Shown) -> None:
    port = free_port()
    assert init("--base-url", f"http://127.0.0.1:{port}/v1") == 1
    assert failed(capsys) == (
        f"Cannot reach the upstream 127.0.0.1:{port}: connection refused. Is the server running? "
        f"Correct --base-url (now http://127.0.0.1:{port}/v1) or the network."
    )


def test_an_unknown_model(init: Callable[..., int], capsys: Shown) -> None:
    assert init("--small", "nope") == 1
    assert failed(capsys) == (
        "The upstream does not know the model nope: The model `nope` does not exist. "
        "Name another one with --small, or write it untested with --no-test."
    )
    assert init("--small", "nope", "--no-test") == 0


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        pytest.param([], "The upstream lists no models: name one with --big ID.", id="none"),
        pytest.param(
            [f"acme-{n}" for n in range(7)],
            "None of the listed models is proposed: name one with --big ID, such as acme-0, "
            "acme-1, acme-2, acme-3, acme-4 (2 more).",
            id="others",
        ),
    ],
)
def test_no_proposal(
    init: Callable[..., int],
    upstream: UpstreamStub,
    listed: list[str],
    message: str,
    capsys: Shown,
) -> None:
    upstream.default = provider([], listed=listed)
    assert init() == 1
    assert failed(capsys) == message


def test_a_server_in_trouble(
    init: Callable[..., int], upstream: UpstreamStub, capsys: Shown
) -> None:
    upstream.default = refusal(503, "overloaded")
    assert init() == 1
    assert failed(capsys) == (
        "The models cannot be listed (503): overloaded. "
        "Try again, or name the models with --big, --middle and --small."
    )


def test_a_refused_parameter_is_healed_as_in_the_service(
    init: Callable[..., int], upstream: UpstreamStub
) -> None:
    upstream.default = json_answer(completion("ready"))
    upstream.answer(
        refusal(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'")
    )
    assert init("--big", "m", "--middle", "m", "--small", "m") == 0
    asked = [request for request in upstream.requests if request.method == "POST"]
    assert ["max_tokens" in request.json for request in asked] == [True, False]


def test_the_key_of_another_host_is_not_sent(upstream: UpstreamStub, capsys: Shown) -> None:
    Path(".env").write_text("OPENAI_BASE_URL=https://api.deepseek.com\nOPENAI_API_KEY=sk-other\n")
    where = ("--base-url", upstream.base_url)
    assert main(["init", "--provider", "openai", *where, "--yes"]) == 2
    assert failed(capsys).startswith("the provider openai needs a key")
    assert upstream.requests == []


def test_the_key_of_the_same_host_is_kept(upstream: UpstreamStub) -> None:
    Path(".env").write_text(f"OPENAI_BASE_URL={upstream.base_url}\nOPENAI_API_KEY={RIGHT}\n")
    upstream.default = provider(["m"])
    where = ("--base-url", upstream.base_url)
    assert main(["init", "--provider", "groq", *where, "--yes"]) == 0
    assert f"OPENAI_API_KEY={RIGHT}" in lines()


def test_variables_of_the_shell_that_take_precedence_are_named(
    init: Callable[..., int], monkeypatch: pytest.MonkeyPatch, upstream: UpstreamStub, capsys: Shown
) -> None:
    monkeypatch.setenv("BIG_MODEL", "gpt-4o")
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.base_url)
    assert init() == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.count("WARNING") == 1
    warning = "WARNING: BIG_MODEL is set in this shell and takes precedence over .env: unset it"
    assert warning in shown


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "Is a directory; use --registry FILE", id="directory"),
        pytest.param(b"\xff\xfe", "is not UTF-8 text", id="encoding"),
    ],
)
def test_an_env_that_cannot_be_changed(
    init: Callable[..., int],
    upstream: UpstreamStub,
    content: bytes | None,
    message: str,
    capsys: Shown,
) -> None:
    path = Path(".env")
    path.mkdir() if content is None else path.write_bytes(content)
    assert init() == 1
    assert failed(capsys).endswith(message)
    assert upstream.requests == []


def test_a_link_stays_a_link(init: Callable[..., int], tmp_path: Path) -> None:
    (tmp_path / "real").write_text("A=1\n")
    Path(".env").symlink_to(tmp_path / "real")
    assert init() == 0
    assert Path(".env").is_symlink()
    assert (tmp_path / "real").read_text().startswith("A=1\nOPENAI_BASE_URL=")


def test_a_native_upstream(upstream: UpstreamStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anthropic's own host, reached through a forward proxy of the settings."""
    monkeypatch.setenv("OPENAI_API_KEY", RIGHT)
    monkeypatch.setenv("HTTP_PROXY", upstream.origin)
    listed = {"data": [{"id": "claude-opus-4-8"}]}
    upstream.answer(json_answer(listed), json_answer({"type": "message", "content": []}))
    url = "http://api.anthropic.com"
    flags = ("--provider", "other", "--base-url", url, "--key-env", "OPENAI_API_KEY")
    assert main(["init", *flags, "--yes"]) == 0
    assert [(r.method, r.target) for r in upstream.requests] == [
        ("GET", f"{url}/v1/models"),
        ("POST", f"{url}/v1/messages"),
    ]
    assert {r.headers["x-api-key"] for r in upstream.requests} == {RIGHT}


def test_another_setting_that_is_invalid_is_named_before_anything_is_asked(
    init: Callable[..., int], upstream: UpstreamStub, capsys: Shown
) -> None:
    Path(".env").write_text("PORT=none\nOPENAI_BASE_URL=nonsense\n")
    assert init() != 0
    assert "PORT='none' (.env) must be a whole number" in capsys.readouterr().err
    assert upstream.requests == []


def test_a_base_url_that_is_invalid_is_replaced(init: Callable[..., int]) -> None:
    Path(".env").write_text("OPENAI_BASE_URL=nonsense\n")
    assert init() == 0


def test_ids_that_would_act_on_the_terminal_are_left_out(
    init: Callable[..., int], upstream: UpstreamStub, capsys: Shown
) -> None:
    upstream.default = provider(["m"], listed=["m", "\x1b[2J"])
    assert init() == 0
    assert "\x1b[2J" not in capsys.readouterr().out


def test_what_is_no_file_is_refused_before_anything_is_asked(
    init: Callable[..., int], upstream: UpstreamStub, capsys: Shown
) -> None:
    os.mkfifo(".env")
    assert init() == 1
    assert failed(capsys) == f"{Path.cwd()}/.env: Is not a regular file; use --registry FILE"
    Path(".env").unlink()
    Path(".env").symlink_to(".env")
    assert init() == 1
    assert failed(capsys) == ".env: Too many levels of symbolic links; use --registry FILE"
    Path("new.yaml").symlink_to("elsewhere.yaml")
    assert init("--registry", "new.yaml") == 1
    assert failed(capsys).startswith("new.yaml exists: ")
    assert init("--registry", "") == 1
    assert failed(capsys).startswith(". exists: ")
    assert not upstream.requests
    assert not Path("elsewhere.yaml").exists()


def test_a_web_page_is_no_list(
    init: Callable[..., int], upstream: UpstreamStub, capsys: Shown
) -> None:
    upstream.default = answer(b"<!doctype html>", content_type="text/html")
    assert init() == 1
    assert failed(capsys) == (
        "The upstream's list of models could not be read. Is "
        f"{upstream.base_url}/models the address of an API? Correct --base-url (now "
        f"{upstream.base_url}) or the network."
    )
