"""The Kubernetes manifests: against the API's own schemas, and against what the program does."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.settings import Settings, load_settings
from config.variables.table import CUSTOM_HEADER_PREFIX, VARIABLES
from proxy.app import create_app
from tests.paths import ROOT

MANIFESTS = ROOT / "deploy" / "kubernetes"
RELEASES = ("1.29", "1.37")
"""The oldest and the newest that the tools here know the schemas of."""
FILES = sorted(path for path in MANIFESTS.glob("*.yaml") if path.name != "kustomization.yaml")
NAME = {"app.kubernetes.io/name": "claude-proxy"}
MARGIN = 10
"""Seconds between the last that a stopping service may need and the kill."""


def load(name: str) -> Any:
    return yaml.safe_load((MANIFESTS / name).read_text("utf-8"))


def pod() -> Any:
    return load("deployment.yaml")["spec"]["template"]


def container() -> Any:
    [found] = pod()["spec"]["containers"]
    return found


def variables() -> dict[str, str]:
    return {**load("configmap.yaml")["data"], **load("secret.example.yaml")["stringData"]}


def settings() -> Settings:
    return load_settings(variables())


def validated(release: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    tool = shutil.which("kubernetes-validate", path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip("kubernetes-validate is not installed: make test installs it")
    command = [tool, "--strict", "--no-warn", "-k", release, *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("release", RELEASES)
def test_they_keep_to_the_schemas(release: str) -> None:
    done = validated(release, *FILES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("readinessProbe:", "readynessProbe:", id="unknown key"),
        pytest.param("containerPort: 8085", "containerPort: http", id="type"),
    ],
)
def test_a_mistake_would_be_found(right: str, wrong: str, tmp_path: Path) -> None:
    text = (MANIFESTS / "deployment.yaml").read_text("utf-8")
    assert right in text
    bad = tmp_path / "deployment.yaml"
    bad.write_text(text.replace(right, wrong))
    assert validated(RELEASES[-1], bad).returncode != 0


def test_the_kustomization_lists_every_file_but_the_keys() -> None:
    kustomization = load("kustomization.yaml")
    assert sorted(kustomization["resources"]) == sorted(
        path.name for path in FILES if path.name != "secret.example.yaml"
    )
    assert kustomization["namespace"] == load("namespace.yaml")["metadata"]["name"]
    assert [image["name"] for image in kustomization["images"]] == [container()["image"]]


def test_every_object_carries_the_name_and_selects_by_it() -> None:
    for path in FILES:
        if path.name != "namespace.yaml":
            assert load(path.name)["metadata"]["labels"] == NAME, path.name
    deployment = load("deployment.yaml")["spec"]
    selectors = [
        pod()["metadata"]["labels"],
        deployment["selector"]["matchLabels"],
        load("service.yaml")["spec"]["selector"],
        load("pdb.yaml")["spec"]["selector"]["matchLabels"],
        load("networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"],
        *(
            constraint["labelSelector"]["matchLabels"]
            for constraint in pod()["spec"]["topologySpreadConstraints"]
        ),
    ]
    assert selectors == [NAME] * len(selectors)
    target = load("hpa.yaml")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", "claude-proxy")
    # With a number here each apply would undo what the autoscaler has decided.
    assert "replicas" not in deployment


def test_every_variable_exists_and_is_valid() -> None:
    known = {name for variable in VARIABLES for name in variable.names}
    unknown = {name for name in variables() if name not in known}
    assert {name for name in unknown if not name.startswith(CUSTOM_HEADER_PREFIX)} == set()
    assert settings().warnings == ()
    sources = [next(iter(source.values()))["name"] for source in container()["envFrom"]]
    assert sources == [
        load("configmap.yaml")["metadata"]["name"],
        load("secret.example.yaml")["metadata"]["name"],
    ]


def test_what_is_commented_out_would_be_valid_too() -> None:
    text = (MANIFESTS / "configmap.yaml").read_text("utf-8")
    commented = dict(re.findall(r"(?m)^  # ([A-Z_]+): \"?([^\"\n]+)\"?$", text))
    assert set(commented) == {
        "CLAUDE_PROXY_CONFIG",
        "CLAUDE_PROXY_RATE_LIMIT_RPM",
        "CLAUDE_PROXY_REDIS_URL",
    }
    mounts = [mount["mountPath"] for mount in container()["volumeMounts"]]
    assert commented.pop("CLAUDE_PROXY_CONFIG").rpartition("/")[0] in mounts
    assert load_settings(commented).rate_limit_rpm == 60


def test_no_secret_outside_the_example() -> None:
    secret = {name for variable in VARIABLES if variable.secret for name in variable.names}
    assert secret & load("configmap.yaml")["data"].keys() == set()


def test_the_probes_ask_what_the_program_answers() -> None:
    app = create_app(settings())
    paths = {rule.rule for rule in app.url_map.iter_rules()}
    probes = {
        name: container()[name] for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    asked = {name: probe["httpGet"]["path"] for name, probe in probes.items()}
    assert asked == {
        "startupProbe": "/livez",
        "livenessProbe": "/livez",
        "readinessProbe": "/readyz",
    }
    annotations = pod()["metadata"]["annotations"]
    assert {*asked.values(), annotations["prometheus.io/path"]} <= paths
    assert {probe["httpGet"]["port"] for probe in probes.values()} == {"http"}


def test_one_port_everywhere() -> None:
    [port] = container()["ports"]
    [service_port] = load("service.yaml")["spec"]["ports"]
    [rule] = load("networkpolicy.yaml")["spec"]["ingress"]
    assert port["name"] == service_port["targetPort"] == "http"
    assert port["containerPort"] == settings().port
    assert [allowed["port"] for allowed in rule["ports"]] == [settings().port]
    assert pod()["metadata"]["annotations"]["prometheus.io/port"] == str(settings().port)
    # Nobody reaches a pod through its loopback address.
    assert settings().host == "0.0.0.0"


def test_nothing_is_killed_before_it_has_ended() -> None:
    chosen = settings()
    assert pod()["spec"]["terminationGracePeriodSeconds"] >= chosen.graceful_timeout + MARGIN
    # Streams get as long as they do elsewhere, after the delay.
    assert chosen.graceful_timeout - chosen.drain_delay >= Settings().graceful_timeout
    probe = container()["readinessProbe"]
    noticed = probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"]
    assert chosen.drain_delay > noticed
    strategy = load("deployment.yaml")["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxUnavailable": 0, "maxSurge": 1}


def test_a_pod_may_do_nothing_that_it_need_not() -> None:
    spec = pod()["spec"]
    [uid, gid] = re.findall(r"(?m)^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text("utf-8"))[-1]
    assert spec["automountServiceAccountToken"] is False
    security = spec["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"]) == (int(uid), int(gid))
    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(container()["resources"]["limits"]) == {"cpu", "memory"}
    enforced = load("namespace.yaml")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    assert enforced == "restricted"


def test_a_pod_reaches_names_https_and_redis_alone() -> None:
    policy = load("networkpolicy.yaml")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    ports = [[port["port"] for port in rule["ports"]] for rule in policy["egress"]]
    assert ports == [[53, 53], [443], [6379]]
    everywhere = policy["egress"][1]["to"]
    assert [peer["ipBlock"]["cidr"] for peer in everywhere] == ["0.0.0.0/0", "::/0"]
    assert "169.254.0.0/16" in everywhere[0]["ipBlock"]["except"]


def test_a_node_can_be_emptied_and_not_all_at_once() -> None:
    assert load("pdb.yaml")["spec"]["maxUnavailable"] < load("hpa.yaml")["spec"]["minReplicas"]
