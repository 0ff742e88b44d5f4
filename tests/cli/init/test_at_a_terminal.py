"""``claude-proxy init`` as a person uses it: five providers, wrong answers, Ctrl-C at each question."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.cli.init.providers import RIGHT, WRONG, provider
from tests.cli.init.pseudo_terminal import CTRL_C, CTRL_D, Screen, init_at_terminal
from tests.live import free_port
from tests.upstream_stub import UpstreamStub, Wait

KEY = "API key (not shown; Enter alone: each client sends its own): "
OPUS, SONNET, HAIKU = (
    f"Model for {name}_MODEL)" for name in ("opus (BIG", "sonnet (MIDDLE", "haiku (SMALL")
)


def written(directory: Path) -> dict[str, str]:
    lines = (directory / ".env").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {name.removeprefix("CLAUDE_PROXY_"): value for name, _, value in pairs}


def models(directory: Path) -> list[str]:
    values = written(directory)
    return [values[f"{tier}_MODEL"] for tier in ("BIG", "MIDDLE", "SMALL")]


def ended_well(screen: Screen) -> None:
    assert screen.exit_code() == 0, screen.text
    assert RIGHT not in screen.text
    assert WRONG not in screen.text
    assert screen.echoes
    shown = [
        line
        for line in screen.text.splitlines()
        if "://" not in line and not line.lstrip().startswith("/")
    ]
    assert max(map(len, shown)) <= 80


def test_deepseek_with_a_wrong_key_first(upstream: UpstreamStub, tmp_path: Path) -> None:
    upstream.default = provider(["deepseek-v4-flash", "deepseek-v4-pro"])
    with init_at_terminal(tmp_path, "--base-url", upstream.base_url) as screen:
        screen.answer("Provider: ", "3")
        screen.answer(KEY, WRONG)
        screen.wait_for("The upstream refuses the key (401): Incorrect API key provided: ***.")
        screen.answer("What now [1]: ", "")
        screen.answer(KEY, RIGHT)
        screen.wait_for("The upstream lists 2 models.")
        screen.answer(f"{OPUS} [deepseek-v4-pro]: ", "")
        screen.answer(f"{SONNET} [deepseek-v4-pro]: ", "")
        screen.answer(f"{HAIKU} [deepseek-v4-flash]: ", "")
        screen.wait_for("deepseek-v4-pro answers (")
        screen.wait_for("deepseek-v4-flash answers (")
        screen.wait_for("Who may use this proxy? Your key pays for every request.")
        screen.answer("Who [1]: ", "")
        ended_well(screen)
    assert written(tmp_path) == {
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": RIGHT,
        "BIG_MODEL": "deepseek-v4-pro",
        "MIDDLE_MODEL": "deepseek-v4-pro",
        "SMALL_MODEL": "deepseek-v4-flash",
        "HOST": "127.0.0.1",
    }


def test_another_provider_with_a_long_list(upstream: UpstreamStub, tmp_path: Path) -> None:
    upstream.default = provider(["text-embedding-1", *(f"acme/m-{n}" for n in range(40))])
    with init_at_terminal(tmp_path, environ={"OPENAI_API_KEY": "of-another-host"}) as screen:
        screen.answer("Provider: ", "nobody")
        screen.answer("There is no 'nobody': type a number, a name or a part of it.", "other")
        screen.answer("Base URL: ", "localhost:1")
        screen.wait_for("The base URL 'localhost:1' must begin with http:// or https://.")
        screen.answer("Base URL: ", f"http://localhost:{upstream.port}")
        # It is a server of this machine, so no key is asked for until it asks for one.
        screen.wait_for("The upstream refuses the key (401)")
        screen.answer("What now [1]: ", "1")
        screen.answer("API key (not shown; Enter alone: the server needs none): ", RIGHT)
        screen.wait_for("  10) acme/m-9\n  ... and 31 more: type a part of the name to search\n")
        screen.answer(f"{OPUS}: ", "m-3")
        screen.answer(f"{SONNET} [acme/m-3]: ", "M-1")
        screen.answer(f"{HAIKU} [acme/m-1]: ", "m-2")
        screen.answer("Who [1]: ", "2")
        screen.wait_for("WARNING: OPENAI_API_KEY is set in this shell and takes precedence")
        ended_well(screen)
    assert models(tmp_path) == ["acme/m-3", "acme/m-1", "acme/m-2"]
    assert f'"ANTHROPIC_AUTH_TOKEN": "{written(tmp_path)["AUTH_KEY"]}"' in screen.text


@pytest.mark.long
def test_ollama_at_another_address(upstream: UpstreamStub, tmp_path: Path) -> None:
    upstream.default = provider(["nomic-embed-text:latest", "qwen3-coder:30b"], key=None)
    with init_at_terminal(tmp_path, "--claude-code") as screen:
        screen.answer("Provider: ", "olla")
        screen.answer("Base URL [1]: ", "another")
        screen.answer("Base URL: ", upstream.base_url)
        for tier in (OPUS, SONNET, HAIKU):
            screen.answer(f"{tier} [qwen3-coder:30b]: ", "")
        screen.answer("Who [1]: ", "")
        screen.wait_for(f"{tmp_path}/.claude/settings.json written")
        ended_well(screen)
    assert written(tmp_path)["OPENAI_API_KEY"] == "unused"
    assert models(tmp_path) == ["qwen3-coder:30b"] * 3


def test_llamacpp_without_a_network_first(upstream: UpstreamStub, tmp_path: Path) -> None:
    upstream.default = provider(["tiny"], key=None)
    closed = f"http://127.0.0.1:{free_port()}/v1"
    with init_at_terminal(tmp_path, "--provider", "llamacpp", "--base-url", closed) as screen:
        screen.wait_for("connection refused. Is the server")
        screen.answer("What now [3]: ", "2")
        screen.answer(f"Base URL [{closed}]: ", upstream.base_url)
        screen.wait_for("The upstream lists 1 model.")
        for tier in (OPUS, SONNET, HAIKU):
            screen.answer(f"{tier} [tiny]: ", "")
        screen.answer("Who [1]: ", "")
        ended_well(screen)
    assert written(tmp_path)["OPENAI_BASE_URL"] == upstream.base_url


@pytest.mark.long
def test_azure_with_an_empty_list_and_an_unknown_model(
    upstream: UpstreamStub, tmp_path: Path
) -> None:
    upstream.default = provider(["mine"], listed=[])
    key = {"AZURE_OPENAI_API_KEY": RIGHT}
    url = f"{upstream.origin}/openai/deployments/mine"
    with init_at_terminal(tmp_path, "--provider", "azure", environ=key) as screen:
        screen.wait_for("Base URL, such as https://RESOURCE.openai.azure.com/openai/v1")
        screen.answer("Base URL: ", url)
        screen.answer("Use the key in AZURE_OPENAI_API_KEY? [Y/n]: ", "")
        screen.wait_for("The upstream lists no models: type their ids.")
        screen.wait_for("Azure lists what can be deployed. Type the names of your deployments.")
        screen.answer(f"{OPUS}: ", "mine")
        screen.answer(f"{SONNET} [mine]: ", "theirs")
        screen.answer(f"{HAIKU} [theirs]: ", "mine")
        screen.wait_for("The upstream does not know the model theirs: ")
        screen.answer("What now [3]: ", "")
        screen.answer(f"{SONNET} [mine]: ", "")
        screen.answer("Who [1]: ", "")
        ended_well(screen)
    assert models(tmp_path) == ["mine"] * 3
    assert {request.headers["api-key"] for request in upstream.requests} == {RIGHT}


@pytest.mark.long
def test_what_cannot_be_written_is_said_at_its_question(
    upstream: UpstreamStub, tmp_path: Path
) -> None:
    upstream.default = provider(["a b", "c"])
    key = {"GROQ_API_KEY": "two words"}
    flags = ("--provider", "groq", "--base-url", upstream.base_url)
    with init_at_terminal(tmp_path, *flags, environ=key) as screen:
        screen.answer("Use the key in GROQ_API_KEY? [Y/n]: ", "")
        screen.wait_for("The key contains a space")
        screen.answer(KEY, RIGHT)
        screen.answer(f"{OPUS}: ", "1")
        screen.wait_for("the model's id: the value contains a character")
        screen.answer(f"{OPUS}: ", "2")
        screen.answer(f"{SONNET} [c]: ", "")
        screen.answer(f"{HAIKU} [c]: ", "")
        screen.answer("Who [1]: ", "")
        ended_well(screen)
    assert models(tmp_path) == ["c"] * 3


def test_ctrl_c_while_the_upstream_is_silent(upstream: UpstreamStub, tmp_path: Path) -> None:
    upstream.default = (Wait(threading.Event()),)
    flags = ("--provider", "vllm", "--base-url", upstream.base_url)
    with init_at_terminal(tmp_path, *flags) as screen:
        screen.wait_for("[1/1] models of")
        assert upstream.wait_for_requests(1)
        screen.press(CTRL_C)
        assert screen.exit_code() == 130
        assert "Nothing was written." in screen.text
        assert "Traceback" not in screen.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_without_a_key_each_client_sends_its_own(tmp_path: Path) -> None:
    with init_at_terminal(tmp_path, "--provider", "groq", "--registry", "r.yaml") as screen:
        screen.answer(KEY, "")
        screen.wait_for("Without a key the upstream cannot be asked for its models.")
        for tier in (OPUS, SONNET, HAIKU):
            screen.answer(tier, "gpt-oss")
        screen.wait_for("No key is stored: each client sends its own")
        ended_well(screen)
    assert "key" not in (tmp_path / "r.yaml").read_text().partition("providers:")[2]


def provider_question(screen: Screen) -> None:
    screen.wait_for("Provider: ")


def key_question(screen: Screen) -> None:
    screen.answer("Provider: ", "deepseek")
    screen.wait_for(KEY)


def correction(screen: Screen) -> None:
    key_question(screen)
    screen.press(f"{WRONG}\n")
    screen.wait_for("What now [1]: ")


def opus_question(screen: Screen) -> None:
    key_question(screen)
    screen.press(f"{RIGHT}\n")
    screen.wait_for(f"{OPUS} [a]: ")


def sonnet_question(screen: Screen) -> None:
    opus_question(screen)
    screen.press("\n")
    screen.wait_for(f"{SONNET} [a]: ")


def haiku_question(screen: Screen) -> None:
    sonnet_question(screen)
    screen.press("\n")
    screen.wait_for(f"{HAIKU} [a]: ")


def access_question(screen: Screen) -> None:
    haiku_question(screen)
    screen.press("\n")
    screen.wait_for("Who [1]: ")


QUESTIONS = (
    provider_question,
    key_question,
    correction,
    opus_question,
    sonnet_question,
    haiku_question,
    access_question,
)


@pytest.mark.long(except_every=7)
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: str(question.__name__))
@pytest.mark.parametrize(("keys", "code"), [(CTRL_C, 130), (CTRL_D, 1)], ids=["Ctrl-C", "Ctrl-D"])
def test_leaving_at_a_question_leaves_everything_as_it_was(
    upstream: UpstreamStub,
    tmp_path: Path,
    question: Callable[[Screen], None],
    keys: str,
    code: int,
) -> None:
    upstream.default = provider(["a"])
    (tmp_path / ".env").write_text("PORT=9000\n")
    with init_at_terminal(tmp_path, "--base-url", upstream.base_url) as screen:
        question(screen)
        assert screen.leave(keys) == code
        assert screen.echoes
        assert "Traceback" not in screen.text
        assert ("the input ended: nothing was written" in screen.text) is (code == 1)
    assert [path.name for path in tmp_path.iterdir()] == [".env"]
    assert (tmp_path / ".env").read_text() == "PORT=9000\n"


@pytest.mark.long
@pytest.mark.parametrize(
    ("flags", "environ", "question"),
    [
        pytest.param(("--provider", "other"), {}, "Base URL: ", id="base URL"),
        pytest.param(("--provider", "ollama"), {}, "Base URL [1]: ", id="menu of base URLs"),
        pytest.param(
            ("--provider", "deepseek"),
            {"DEEPSEEK_API_KEY": RIGHT},
            "Use the key in DEEPSEEK_API_KEY? [Y/n]: ",
            id="key of a variable",
        ),
    ],
)
@pytest.mark.parametrize(("keys", "code"), [(CTRL_C, 130), (CTRL_D, 1)], ids=["Ctrl-C", "Ctrl-D"])
def test_leaving_at_the_first_question_of_some_flags(
    flags: Sequence[str],
    environ: dict[str, str],
    question: str,
    keys: str,
    code: int,
    tmp_path: Path,
) -> None:
    with init_at_terminal(tmp_path, *flags, environ=environ) as screen:
        screen.wait_for(question)
        assert screen.leave(keys) == code
        assert screen.echoes
        assert "Traceback" not in screen.text
    assert list(tmp_path.iterdir()) == []
