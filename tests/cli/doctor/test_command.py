"""``claude-proxy doctor`` as an operator runs it, with an upstream at the far end of a socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from config.variables.table import VARIABLES
from proxy import __version__
from proxy.cli.doctor.probes import PROBES
from proxy.cli.main import main
from tests.cli.command import run
from tests.cli.doctor.upstreams import refuses_images, refuses_member, upstream
from tests.upstream_stub import Recorded, Script, UpstreamStub, json_answer

KEY = "very-secret-key-1"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in VARIABLES:
        for name in variable.names:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[UpstreamStub]:
    server = UpstreamStub()
    server.default = upstream(
        refuses_member("max_tokens", "Unsupported parameter: 'max_tokens'"), refuses_images
    )
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("CLAUDE_PROXY_BIG_MODEL", "gpt-4o")
    monkeypatch.setenv("CLAUDE_PROXY_SMALL_MODEL", "gpt-4o-mini")
    yield server
    server.close()


def registry(stub: UpstreamStub, *, top: str = "", provider: str = "", model: str = "") -> Path:
    """A registry file of one provider and the model ``mine``, with a line added here or there."""
    path = Path("registry.yaml")
    lines = (
        top,
        "providers:",
        "  - name: one",
        f"    base_url: {stub.base_url}",
        f"    {provider}",
        "    models:",
        "      - id: mine",
        "        remote_id: theirs",
        f"        {model}",
    )
    path.write_text("\n".join(lines) + "\n")
    return path


def credentials(stub: UpstreamStub) -> set[str | None]:
    return {recorded.headers.get("authorization") for recorded in stub.requests}


def test_the_table_and_the_flags(
    stub: UpstreamStub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("CLAUDE_PROXY_BIG_MODEL", "some-model")
    assert main(["doctor"]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0] == f"localhost/some-model at {stub.url} (profile default)"
    assert lines[2].split() == ["PROBE", "RESULT", "WHAT", "IT", "MEANS"]
    assert [line.split("  ")[0] for line in lines[3 : 3 + len(PROBES)]] == [p.name for p in PROBES]
    assert lines[-2] == "profile: {token_field: max_completion_tokens, vision: false}"
    assert shown.err.splitlines()[0] == f"[1/{len(PROBES)}] answers: works"
    assert len(shown.err.splitlines()) == len(PROBES)
    assert KEY not in shown.out + shown.err
    assert credentials(stub) == {f"Bearer {KEY}"}


def test_a_refusal_that_no_step_takes_is_printed_to_paste(
    stub: UpstreamStub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.default = upstream(refuses_member("tools", f"no tools for {KEY}"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert main(["doctor", "--model", "some-model"]) == 0
    shown = capsys.readouterr().out
    assert shown.endswith(
        "No healing step takes these refusals; to report them, paste:\n\n"
        'localhost | 400 | none | doctor | {"error": {"message": "no tools for ***"}}\n\n'
    )


def test_a_key_for_passthrough(stub: UpstreamStub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--key", KEY, "--model", "gpt-x"]) == 0
    shown = capsys.readouterr()
    assert KEY not in shown.out + shown.err
    assert credentials(stub) == {f"Bearer {KEY}"}
    assert {recorded.json["model"] for recorded in stub.requests} == {"gpt-x"}


OWN_AGENT = f"claude-proxy/{__version__}"
CLIENT_AGENT = "claude-cli/2.1.197 (external, cli)"


def agents(stub: UpstreamStub) -> set[str | None]:
    return {recorded.headers.get("user-agent") for recorded in stub.requests}


@pytest.mark.parametrize(
    ("provider", "agent"),
    [
        pytest.param("", OWN_AGENT, id="the proxy's own"),
        pytest.param("profile: {user_agent: client}", CLIENT_AGENT, id="the client's, by profile"),
        pytest.param("extra_headers: {User-Agent: mine/1}", "mine/1", id="the operator's"),
        pytest.param(
            "profile: {user_agent: client}\n    extra_headers: {user-agent: mine/1}",
            "mine/1",
            id="the operator's before the client's",
        ),
        pytest.param("direct: true", CLIENT_AGENT, id="the client's, natively"),
        pytest.param(
            "direct: true\n    extra_headers: {user-agent: mine/1}",
            "mine/1",
            id="the operator's, natively",
        ),
    ],
)
def test_the_agent_is_the_one_that_the_service_sends(
    stub: UpstreamStub, provider: str, agent: str
) -> None:
    stub.default = upstream()
    path = registry(stub, provider=provider)
    assert main(["doctor", "--config", str(path), "--model", "mine"]) == 0
    assert agents(stub) == {agent}


def test_a_host_that_admits_agents_of_clients_only_is_examined(
    stub: UpstreamStub, capsys: pytest.CaptureFixture[str]
) -> None:
    admitted = upstream()

    def judged(recorded: Recorded) -> Script:
        if recorded.headers["user-agent"].startswith("claude-cli/"):
            return admitted(recorded)
        words = "This model is only available for Coding Agents such as Claude Code."
        return json_answer({"error": {"message": words}}, status=403)

    stub.default = judged
    assert main(["doctor"]) == 0
    assert "profile: {user_agent: client}" in capsys.readouterr().out
    assert agents(stub) == {OWN_AGENT, CLIENT_AGENT}


def test_no_key_at_all(stub: UpstreamStub) -> None:
    assert main(["doctor"]) == 0
    assert credentials(stub) == {None}


def test_the_operators_key_is_not_replaced(
    stub: UpstreamStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert main(["doctor", "--key", "another-key"]) == 0
    assert credentials(stub) == {f"Bearer {KEY}"}


def test_an_upstream_that_refuses_the_key(
    stub: UpstreamStub, capsys: pytest.CaptureFixture[str]
) -> None:
    refusal = {"error": {"message": f"Incorrect API key provided: {KEY}"}}
    stub.default = json_answer(refusal, status=401)
    assert main(["doctor", "--key", KEY]) == 1
    shown = capsys.readouterr()
    assert "answers  failed  Incorrect API key provided: ***" in shown.out
    assert shown.err.splitlines()[-1] == (
        "claude-proxy: no answer to plain requests: localhost/gpt-4o"
    )
    assert KEY not in shown.out + shown.err
    assert len(stub.requests) == 1


def test_a_key_that_no_header_can_hold(
    stub: UpstreamStub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--key", "pass\nphrase"]) == 1
    shown = capsys.readouterr()
    assert "cannot be sent in a header" in shown.out
    assert "phrase" not in shown.out + shown.err


def test_one_key_is_not_shown_to_two_providers(
    stub: UpstreamStub, capsys: pytest.CaptureFixture[str]
) -> None:
    more = "{name: two, base_url: 'http://localhost:9/v1', models: [{id: other}]}"
    config = registry(stub)
    config.write_text(f"{config.read_text()}  - {more}\n")
    assert main(["doctor", "--config", str(config), "--all", "--key", KEY]) == 2
    message = capsys.readouterr().err
    assert "--key would be sent to several providers (one, two)" in message
    assert KEY not in message
    assert stub.requests == []
    assert main(["doctor", "--config", str(config), "--model", "mine", "--key", KEY]) == 0


def test_nobody_listens(stub: UpstreamStub, capsys: pytest.CaptureFixture[str]) -> None:
    stub.close()
    assert main(["doctor"]) == 1
    assert "answers  failed" in capsys.readouterr().out


def test_all_asks_each_upstream_model_once(
    stub: UpstreamStub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--all"]) == 0
    titles = [line for line in capsys.readouterr().out.splitlines() if " at " in line]
    assert [title.split(" at ")[0] for title in titles] == [
        "localhost/gpt-4o",
        "localhost/gpt-4o-mini",
    ]


def test_what_is_printed_can_be_pasted(
    stub: UpstreamStub, capsys: pytest.CaptureFixture[str]
) -> None:
    config = registry(stub)
    assert main(["doctor", "--config", str(config), "--all"]) == 0
    found = [line for line in capsys.readouterr().out.splitlines() if line.startswith("profile: ")]
    assert len(found) == 1
    pasted = registry(stub, model=found[0])
    assert yaml.safe_load(pasted.read_text())["providers"][0]["models"][0]["profile"] == {
        "token_field": "max_completion_tokens",
        "vision": False,
    }
    before = len(stub.requests)
    assert main(["doctor", "--config", str(pasted), "--model", "mine"]) == 0
    assert "no flags to add" in capsys.readouterr().out
    later = [recorded.json for recorded in stub.requests[before:]]
    assert {body["model"] for body in later} == {"theirs"}
    assert all("max_completion_tokens" in body for body in later[:1])


def test_a_model_that_nobody_registered(
    stub: UpstreamStub, capsys: pytest.CaptureFixture[str]
) -> None:
    config = registry(stub, top="strict_models: true")
    assert main(["doctor", "--config", str(config), "--model", "nobody"]) == 2
    assert "--model 'nobody' is not registered" in capsys.readouterr().err
    assert stub.requests == []


@pytest.mark.parametrize(("status", "code"), [(200, 0), (401, 1)])
def test_a_native_upstream_is_asked_for_a_message(
    stub: UpstreamStub, capsys: pytest.CaptureFixture[str], status: int, code: int
) -> None:
    error = {"type": "error", "error": {"type": "authentication_error", "message": "who? " + KEY}}
    stub.default = json_answer(error if status != 200 else {"type": "message"}, status=status)
    config = registry(stub, provider="direct: true")
    assert main(["doctor", "--config", str(config), "--model", "mine", "--key", KEY]) == code
    (request,) = stub.requests
    assert request.target == "/v1/messages"
    assert request.headers["x-api-key"] == KEY
    assert "authorization" not in request.headers
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert request.json["model"] == "theirs"
    shown = capsys.readouterr()
    assert ("It answers. It is native" in shown.out) is (status == 200)
    assert KEY not in shown.out + shown.err


def test_as_a_process(stub: UpstreamStub, tmp_path: Path) -> None:
    ended = run(
        tmp_path, "doctor", environ={"OPENAI_BASE_URL": stub.base_url, "BIG_MODEL": "gpt-4o"}
    )
    assert ended.returncode == 0, ended.stderr
    assert "\x1b" not in ended.stderr
    assert ended.stdout.endswith("profile: {token_field: max_completion_tokens, vision: false}\n\n")


def test_model_and_all_exclude_each_other() -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["doctor", "--all", "--model", "x"])


@pytest.mark.parametrize("options", [[], ["--all"]])
def test_the_only_model_of_the_list(
    stub: UpstreamStub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
) -> None:
    monkeypatch.delenv("CLAUDE_PROXY_BIG_MODEL")
    monkeypatch.delenv("CLAUDE_PROXY_SMALL_MODEL")
    stub.answer(json_answer({"data": [{"id": "qwen3"}]}))
    assert main(["doctor", "--key", KEY, *options]) == 0
    shown = capsys.readouterr()
    assert [line for line in shown.out.splitlines() if line.startswith("localhost/")] == [
        f"localhost/qwen3 at {stub.url} (profile default)"
    ]
    assert credentials(stub) == {f"Bearer {KEY}"}


def test_several_models_of_the_list(
    stub: UpstreamStub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CLAUDE_PROXY_BIG_MODEL")
    stub.answer(json_answer({"data": [{"id": "qwen3"}, {"id": f"b\x1b[31m{KEY}"}]}))
    assert main(["doctor", "--key", KEY]) == 2
    assert len(stub.requests) == 1
    shown = capsys.readouterr().err
    assert (
        "CLAUDE_PROXY_BIG_MODEL is not set and localhost lists 2 models: set it, or name " in shown
    )
    assert "qwen3" in shown
    assert "\x1b" not in shown
    assert KEY not in shown
