"""The Kubernetes examples: against schemas, and against the manifests that they add to."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from config.settings import Settings
from proxy.app import create_app
from tests.deploy.test_kubernetes import MANIFESTS, NAME, RELEASES, load, validated
from tests.paths import ROOT

EXAMPLES = MANIFESTS / "examples"
SCHEMA = ROOT / "tests" / "deploy" / "schemas" / "servicemonitor.json"
NGINX = "nginx.ingress.kubernetes.io/proxy-"


def example(name: str) -> Any:
    return yaml.safe_load((EXAMPLES / name).read_text("utf-8"))


def mistakes(document: Any) -> list[str]:
    validator = Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


@pytest.mark.parametrize("release", RELEASES)
def test_they_keep_to_the_schemas(release: str) -> None:
    done = validated(release, EXAMPLES / "ingress.yaml", EXAMPLES / "model-servers.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_service_monitor_keeps_to_its_schema() -> None:
    monitor = example("servicemonitor.yaml")
    assert mistakes(monitor) == []
    monitor["spec"]["endpoints"][0]["pth"] = "/metrics"
    assert mistakes(monitor) != []


def test_all_are_in_the_namespace_and_carry_the_name() -> None:
    paths = sorted(EXAMPLES.glob("*.yaml"))
    assert [path.name for path in paths] == [
        "ingress.yaml",
        "model-servers.yaml",
        "servicemonitor.yaml",
    ]
    for path in paths:
        metadata = example(path.name)["metadata"]
        assert metadata["namespace"] == load("namespace.yaml")["metadata"]["name"]
        assert metadata["labels"] == NAME


def test_the_ingress_leaves_streams_and_large_bodies_alone() -> None:
    annotations = example("ingress.yaml")["metadata"]["annotations"]
    assert annotations[f"{NGINX}buffering"] == annotations[f"{NGINX}request-buffering"] == "off"
    assert annotations[f"{NGINX}body-size"] == f"{Settings().max_body_bytes >> 20}m"
    for name in ("read", "send"):
        assert int(annotations[f"{NGINX}{name}-timeout"]) > Settings().first_byte_timeout


def test_the_ingress_shows_the_api_alone() -> None:
    spec = example("ingress.yaml")["spec"]
    [rule] = spec["rules"]
    assert spec["tls"][0]["hosts"] == [rule["host"]]
    known = {route.rule for route in create_app(Settings()).url_map.iter_rules()}
    shown = {path["path"] for path in rule["http"]["paths"]}
    assert shown == {"/v1/messages", "/v1/models", "/health"}
    assert shown <= known
    service = load("service.yaml")
    for path in rule["http"]["paths"]:
        assert path["backend"]["service"] == {
            "name": service["metadata"]["name"],
            "port": {"name": service["spec"]["ports"][0]["name"]},
        }


def test_the_service_monitor_finds_the_service() -> None:
    service, spec = load("service.yaml"), example("servicemonitor.yaml")["spec"]
    assert spec["selector"]["matchLabels"] == service["metadata"]["labels"]
    [endpoint] = spec["endpoints"]
    assert endpoint["port"] == service["spec"]["ports"][0]["name"]
    known = {route.rule for route in create_app(Settings()).url_map.iter_rules()}
    assert endpoint["path"] in known


def test_model_servers_are_reached_beside_what_is_allowed_already() -> None:
    added, policy = example("model-servers.yaml"), load("networkpolicy.yaml")
    assert added["metadata"]["name"] != policy["metadata"]["name"]
    assert added["spec"]["podSelector"] == policy["spec"]["podSelector"]
    assert added["spec"]["policyTypes"] == ["Egress"]
    [rule] = added["spec"]["egress"]
    assert [port["port"] for port in rule["ports"]] == [8000, 11434]
