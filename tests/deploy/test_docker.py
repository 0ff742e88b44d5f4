"""The Dockerfile: judged by hadolint, really built, and the image run as an engine would run it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import Settings
from proxy import __version__
from tests.deploy.image import Image
from tests.deploy.sealed import SealedService, can_unshare, sealed_service
from tests.paths import ROOT

pytestmark = pytest.mark.timeout(600)

DOCKERFILE = ROOT / "Dockerfile"
UID = 10001
PATH = "/opt/claude-proxy/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOCKED = {"OPENAI_API_KEY": "sk-upstream", "CLAUDE_PROXY_AUTH_KEY": "secret"}
ASK = """
import json, sys, urllib.request
method, url, *body = sys.argv[1:]
request = urllib.request.Request(url, "".join(body).encode() or None, method=method,
    headers={"x-api-key": "secret", "content-type": "application/json"})
with urllib.request.urlopen(request, timeout=60) as answer:
    print(json.dumps([answer.status, dict(answer.headers), answer.read().decode()]))
"""


def hadolint() -> str:
    found = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip("hadolint is not installed: make test installs it")
    return found


def linted(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [hadolint(), "--no-color", str(path)], capture_output=True, text=True, check=False
    )


def test_hadolint_finds_nothing() -> None:
    done = linted(DOCKERFILE)
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text(DOCKERFILE.read_text("utf-8") + "CMD claude-proxy\nUSER root\n")
    done = linted(bad)
    assert done.returncode != 0
    assert "DL3002" in done.stdout


@pytest.mark.long
def test_the_build_sees_only_what_the_image_is_made_of(image: Image) -> None:
    seen = image.list_context()
    outside = {path for path in seen if path.split("/")[0] not in ("config", "proxy")}
    assert outside == {
        "LICENSE",
        "README.md",
        "claude_messages_proxy.py",
        "deploy/.env.example",
        "deploy/build_commit.py",
        "deploy/gunicorn.conf.py",
        "deploy/requirements.lock",
        "pyproject.toml",
        "setup.cfg",
        "wsgi.py",
    }
    assert {"config/settings.py", "proxy/app.py", "proxy/cli/main.py"} < seen
    assert {path for path in seen if "__pycache__" in path or path.endswith(".env")} == set()


@pytest.mark.long
def test_the_images_configuration(image: Image) -> None:
    found = image.inspect()["config"]
    assert found["User"] == f"{UID}:{UID}"
    assert found["Entrypoint"] == ["claude-proxy"]
    assert not found.get("Cmd")
    assert found["StopSignal"] == "SIGTERM"
    assert found["ExposedPorts"] == {f"{Settings().port}/tcp": {}}
    assert found["Healthcheck"]["Test"] == ["CMD", "claude-proxy", "healthcheck"]
    assert found["WorkingDir"] == "/etc/claude-proxy"
    assert found["Labels"]["org.opencontainers.image.licenses"] == "MIT"
    assert sorted(found["Env"]) == [
        f"PATH={PATH}",
        "PYTHONDONTWRITEBYTECODE=1",
        "PYTHONUNBUFFERED=1",
    ]


@pytest.mark.long
def test_no_build_secret_stays_behind(image: Image) -> None:
    assert not (image.root / "run/secrets").exists()
    assert not (image.root / "etc/pip.conf").exists()
    assert "-----BEGIN" not in json.dumps(image.inspect())
    assert list((image.root / "opt/claude-proxy").rglob("*.conf")) == []


@pytest.mark.long
def test_neither_compiler_nor_installer_is_in_it(image: Image) -> None:
    done = image.run("sh", "-c", "command -v gcc cc g++ c++ make pip; echo none")
    assert done.stdout.split() == ["none"]
    packages = next((image.root / "opt/claude-proxy/lib").glob("python3.*/site-packages"))
    assert {"setuptools", "pip"} & {path.name for path in packages.iterdir()} == set()


@pytest.mark.long
def test_the_user_owns_nothing_of_it(image: Image) -> None:
    done = image.run("sh", "-c", "id -u; id -g; find / -xdev -user claude-proxy; echo end")
    assert done.stdout.split() == [str(UID), str(UID), "end"]


@pytest.mark.long
def test_the_entrypoint_takes_the_commands_of_the_command_line(image: Image) -> None:
    assert image.run("claude-proxy", "--version").stdout == f"claude-proxy {__version__}\n"
    assert image.run("claude-proxy", "--check").stdout.startswith("The configuration is valid | ")
    bad = image.run("claude-proxy", "--check", variables=["CLAUDE_PROXY_STRICT=perhaps"])
    assert "CLAUDE_PROXY_STRICT='perhaps' must be true or false" in bad.stderr
    # The extras are in it: PDF text, traces, error reports.
    extras = "import pypdf, opentelemetry.sdk.trace, sentry_sdk"
    assert image.run("python", "-c", extras).returncode == 0


@pytest.fixture(scope="module")
def service(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedService]:
    if not can_unshare():
        pytest.skip("unshare (util-linux) may make no namespaces here")
    environ = {"PATH": PATH, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **LOCKED}
    directory = tmp_path_factory.mktemp("sealed")
    [entrypoint] = image.inspect()["config"]["Entrypoint"]
    with sealed_service(image.root, directory, environ, entrypoint, "--workers", "2") as running:
        running.wait_for("Listening on")
        yield running


def answer(
    service: SealedService, method: str, path: str, body: str = ""
) -> tuple[int, dict[str, str], str]:
    done = service.ask("python", "-c", ASK, method, f"http://127.0.0.1:8085{path}", body)
    assert done.returncode == 0, done.stderr
    status, headers, text = json.loads(done.stdout)
    return status, {name.lower(): value for name, value in headers.items()}, text


@pytest.mark.long
def test_it_is_process_1_without_rights_and_with_a_read_only_root(service: SealedService) -> None:
    status = Path(f"/proc/{service.pid}/status").read_text("ascii")
    facts = dict(re.findall(r"(?m)^(\w+):\t(.*)$", status))
    assert facts["NSpid"].split()[-1] == "1"
    assert facts["Uid"].split() == [str(UID)] * 4
    assert int(facts["CapEff"], 16) == 0
    written = service.ask("sh", "-c", "touch /opt/x /etc/claude-proxy/x /var/tmp/x")
    assert written.stderr.count("Read-only file system") == 3
    # There is nobody it could have asked for its tokenizer tables.
    assert service.ask("cat", "/proc/net/route").stdout.count("\n") == 1


@pytest.mark.long
def test_it_answers_and_its_healthcheck_says_so(service: SealedService) -> None:
    status, _, text = answer(service, "GET", "/health")
    assert (status, json.loads(text)["status"]) == (200, "healthy")
    for option, path in ((), "/health"), (("--ready",), "/readyz"):
        done = service.ask("claude-proxy", "healthcheck", *option)
        assert (done.returncode, done.stdout) == (0, f"http://127.0.0.1:8085{path} answered 200\n")
    assert service.ask("claude-proxy", "healthcheck", "--port", "1").returncode == 1


@pytest.mark.long
def test_it_counts_tokens_exactly_without_a_network(service: SealedService) -> None:
    messages = [{"role": "user", "content": "Hello, world"}]
    body = json.dumps({"model": "claude-sonnet-5", "messages": messages})
    status, headers, text = answer(service, "POST", "/v1/messages/count_tokens", body)
    assert (status, headers["x-token-counting"]) == (200, "tiktoken")
    assert json.loads(text)["input_tokens"] > 3


@pytest.mark.long
def test_metrics_find_a_place_to_write(service: SealedService) -> None:
    status, _, text = answer(service, "GET", "/metrics")
    assert status == 200
    assert "# TYPE " in text


@pytest.mark.long
def test_it_has_complained_about_nothing_and_stops_at_sigterm(service: SealedService) -> None:
    lines = service.log().splitlines()
    assert [line for line in lines if "WARNING" not in line and "ERROR" in line] == []
    assert not [line for line in lines if "Traceback" in line]
    begun = time.monotonic()
    os.kill(service.pid, 15)
    assert service.process.wait(60) == 0
    assert time.monotonic() - begun < 15
