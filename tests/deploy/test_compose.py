"""The compose file: against the specification's schema, and against what it puts together."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from config.settings import Settings, load_settings
from config.variables.table import VARIABLES
from proxy.app import create_app
from tests.deploy.nginx import NGINX, needs_nginx
from tests.live import free_port
from tests.paths import ROOT

DEPLOY = ROOT / "deploy"
SCHEMA = Path(__file__).parent / "schemas" / "compose-spec.json"
MARGIN = 10


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


def service(name: str) -> Any:
    return compose()["services"][name]


def seconds(duration: str) -> int:
    match = re.fullmatch(r"(\d+)s", duration)
    assert match is not None
    return int(match[1])


def variables() -> dict[str, str]:
    """The proxy's, where the environment of ``docker compose`` is empty."""
    given: dict[str, str] = service("proxy")["environment"]
    return {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in given.items()}


def mistakes(document: Any) -> list[str]:
    validator = Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def test_it_keeps_to_the_schema() -> None:
    assert mistakes(compose()) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("read-only", True, id="unknown key"),
        pytest.param("stop_grace_period", 75, id="type"),
        pytest.param("cap_drop", "ALL", id="no list"),
    ],
)
def test_a_mistake_would_be_found(key: str, value: object) -> None:
    wrong = copy.deepcopy(compose())
    wrong["services"]["proxy"][key] = value
    assert mistakes(wrong) != []


def test_every_variable_exists_and_is_valid() -> None:
    known = {name for variable in VARIABLES for name in variable.names}
    assert set(variables()) <= known
    settings = load_settings(variables())
    assert settings.warnings == ()
    assert (settings.host, settings.port) == ("0.0.0.0", Settings().port)
    assert service("proxy")["env_file"] == ".env"


def test_nothing_is_killed_before_it_has_ended() -> None:
    chosen = load_settings(variables())
    grace = seconds(service("proxy")["stop_grace_period"])
    assert grace >= chosen.graceful_timeout + MARGIN
    assert (chosen.graceful_timeout, chosen.drain_delay) == (
        Settings().graceful_timeout,
        Settings().drain_delay,
    )
    # nginx carries the streams until they have ended: it is told at the same time, and waits longer.
    assert seconds(service("nginx")["stop_grace_period"]) > grace
    assert service("nginx")["stop_signal"] == "SIGQUIT"
    assert "depends_on" not in service("nginx")


@pytest.mark.parametrize("name", ["nginx", "proxy", "valkey"])
def test_every_container_is_contained(name: str) -> None:
    found = service(name)
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["restart"] == "unless-stopped"
    assert set(found["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert found["healthcheck"]["test"][0] == "CMD"
    assert set(found["logging"]["options"]) == {"max-size", "max-file"}
    privileged = set(found.get("cap_add", []))
    assert privileged <= (
        {"CHOWN", "NET_BIND_SERVICE", "SETGID", "SETUID"} if name == "nginx" else set()
    )


def test_the_proxy_is_the_image_of_the_dockerfile() -> None:
    proxy = service("proxy")
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    context = (DEPLOY / proxy["build"]["context"]).resolve()
    assert (context / "Dockerfile").is_file()
    assert f"USER {proxy['user']}\n" in dockerfile
    assert f"EXPOSE {proxy['expose'][0]}\n" in dockerfile
    assert proxy["expose"] == [variables()["CLAUDE_PROXY_PORT"]]
    assert f"CMD {json.dumps(proxy['healthcheck']['test'][1:])}" in dockerfile
    # Only nginx is reached from outside.
    assert "ports" not in proxy
    assert "ports" not in service("valkey")


def test_the_files_that_are_mounted_are_there() -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    mounts = re.findall(r"(?m)^ +(# )?- (\./[^:\s]+):(/[^:\s]+):ro$", text)
    made_by_the_operator = {"./tls", "./providers.yaml"}
    missing = {source for _, source, _ in mounts if not (DEPLOY / source).exists()}
    assert missing <= made_by_the_operator
    assert ("", "./nginx.conf", "/etc/nginx/nginx.conf") in mounts
    # nginx.conf includes relative to its own directory.
    included = re.findall(r"include (\S+);", (DEPLOY / "nginx.conf").read_text("utf-8"))
    directories = {str(Path("/etc/nginx", path).parent) for path in included}
    assert {str(Path(target).parent) for _, source, target in mounts if "nginx/" in source} == (
        directories
    )
    tls = (DEPLOY / "nginx" / "tls.conf").read_text("utf-8")
    assert [target for _, source, target in mounts if source == "./tls"] == ["/etc/nginx/tls"]
    assert "ssl_certificate /etc/nginx/tls/" in tls


def test_the_health_of_nginx_is_that_of_a_route() -> None:
    url = service("nginx")["healthcheck"]["test"][-1]
    path = url.removeprefix("http://127.0.0.1")
    assert path in {rule.rule for rule in create_app(Settings()).url_map.iter_rules()}


def test_valkey_is_where_the_comment_says() -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    [url] = {part.rstrip(" .") for part in re.findall(r"redis://\S+", text)}
    settings = load_settings({"CLAUDE_PROXY_REDIS_URL": url})
    assert settings.redis_url == "redis://valkey:6379/0"
    assert service("valkey")["profiles"] == ["shared"]
    shared = set(service("valkey")["networks"]) & set(service("proxy")["networks"])
    assert [compose()["networks"][name] for name in shared] == [{"internal": True}]


@needs_nginx
def test_nginx_takes_the_configuration_with_the_composed_upstream(tmp_path: Path) -> None:
    assert NGINX is not None
    upstream = (DEPLOY / "nginx" / "upstream.compose.conf").read_text("utf-8")
    # Outside of compose nobody has that name; nginx before 1.27.3 looks it up at the start only.
    assert upstream.count("server proxy:8085 resolve ") == 1
    resolves = _version() >= (1, 27, 3)
    upstream = upstream.replace("proxy:8085 resolve ", f"127.0.0.1:8085 {'resolve ' * resolves}")
    (tmp_path / "claude-proxy").mkdir()
    (tmp_path / "claude-proxy" / "upstream.conf").write_text(upstream)
    shipped = (DEPLOY / "nginx.conf").read_text("utf-8")
    text = shipped.replace("/var/log/nginx/", f"{tmp_path}/").replace("/run/", f"{tmp_path}/")
    # Even a test of the configuration binds, and port 80 takes root.
    text = text.replace("listen 80 ", f"listen {free_port()} ")
    text = text.replace("listen [::]:80 ", f"listen [::]:{free_port()} ")
    (tmp_path / "nginx.conf").write_text(text)
    done = _nginx("-t", "-c", f"{tmp_path}/nginx.conf", "-e", f"{tmp_path}/error.log")
    assert done.returncode == 0, done.stderr
    shared = {"zone claude_proxy 64k", "least_conn", "keepalive 64", "keepalive_timeout 4s"}
    for name in ("upstream.conf", "upstream.compose.conf"):
        directives = (DEPLOY / "nginx" / name).read_text("utf-8").split(";")
        assert shared <= {directive.rpartition("\n")[2].strip() for directive in directives}


def _version() -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", _nginx("-v").stderr)[:3]))


def _nginx(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert NGINX is not None
    return subprocess.run([NGINX, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("heading", ["Containers", "Kubernetes"])
def test_the_document_names_only_files_that_are_there(heading: str) -> None:
    document = (ROOT / "docs" / "deployment.md").read_text("utf-8")
    section = document.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"(?<![\w/-])((?:deploy|tests)/[\w./-]*\w)", section)) - {"deploy/.env"}
    assert len(named) > 1
    assert {path for path in named if not (ROOT / path).exists()} == set()
    # What the text says of times is what the files say.
    for number in re.findall(r"\((\d+)(?: s)?[,)]", section):
        assert f'"{number}"' in _all_manifests() or f": {number}\n" in _all_manifests()


def _all_manifests() -> str:
    return "".join(path.read_text("utf-8") for path in (DEPLOY / "kubernetes").glob("*.yaml"))
