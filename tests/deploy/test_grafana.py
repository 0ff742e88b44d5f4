"""The dashboard and the Prometheus configuration, against what the running program exposes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.test_metrics import ask, exposition, proxy_for
from tests.paths import ROOT
from tests.upstream_stub import UpstreamStub, completion, json_answer, text_stream

DASHBOARD = ROOT / "deploy" / "grafana" / "claude-proxy.json"
PROMETHEUS = ROOT / "deploy" / "prometheus.yml"
SCHEMA_COLUMNS = 24


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
    return loaded


def expressions(dashboard: dict[str, Any]) -> Iterator[str]:
    """Every PromQL expression, Grafana's own variables replaced as Grafana would."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"].replace("$__rate_interval", "1m").replace("$", "x")
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["expr"]


def exposed(upstream: UpstreamStub, tmp_path: Path) -> set[str]:
    """The names of all samples after one of everything happened."""
    registry = tmp_path / "registry.yaml"
    provider = {
        "name": "host",
        "base_url": upstream.base_url,
        "api_key": "k",
        "models": [{"id": "claude-x", "remote_id": "m", "price": {"input": 1.0, "output": 1.0}}],
    }
    registry.write_text(json.dumps({"providers": [provider]}))
    refusal = {"error": {"message": "Unsupported parameter: 'max_tokens'", "param": "max_tokens"}}
    upstream.answer(
        text_stream("Hello"),
        json_answer({"error": {"message": "no"}}, 500),
        json_answer(completion()),
        json_answer(refusal, 400),
        json_answer(completion()),
        json_answer({"error": {"message": "no"}}, 404),
    )
    environ = {"CLAUDE_PROXY_CONFIG": str(registry), "CLAUDE_PROXY_MAX_RETRIES": "1"}
    with proxy_for(upstream, environ, workers=1) as proxy:
        assert ask(proxy, stream=True) == 200
        assert [ask(proxy) for _ in range(3)] == [200, 200, 404]
        text = exposition(proxy)
    return set(re.findall(r"^(claude_proxy_\w+)[{ ]", text, re.M))


def test_every_metric_of_the_dashboard_exists(
    dashboard: dict[str, Any], upstream: UpstreamStub, tmp_path: Path
) -> None:
    used = {
        name for text in expressions(dashboard) for name in re.findall(r"claude_proxy_\w+", text)
    }
    for variable in dashboard["templating"]["list"]:
        used |= set(re.findall(r"claude_proxy_\w+", str(variable.get("definition", ""))))
    found = exposed(upstream, tmp_path)
    assert used - found == set()
    # And it shows what there is.
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in found}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in used}
    assert families - shown == set()


def test_every_label_that_is_summed_by_exists(dashboard: dict[str, Any]) -> None:
    known = {"status", "model", "route", "provider", "type", "kind", "flag", "le", "version"}
    named = {
        label.strip()
        for text in expressions(dashboard)
        for group in re.findall(r"by \(([^)]*)\)", text)
        for label in group.split(",")
    }
    assert named <= known


def test_promtool_parses_every_expression(dashboard: dict[str, Any], tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: make programs")
    rules = [
        {"record": f"test:number_{number}", "expr": text}
        for number, text in enumerate(expressions(dashboard))
    ]
    assert len(rules) > 25
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(
        [promtool, "check", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    configuration = subprocess.run(
        [promtool, "check", "config", str(PROMETHEUS)], capture_output=True, text=True, check=False
    )
    assert configuration.returncode == 0, configuration.stderr


def test_panels_fit_the_grid_and_each_says_what_it_shows(dashboard: dict[str, Any]) -> None:
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        box = panel["gridPos"]
        assert box["x"] + box["w"] <= SCHEMA_COLUMNS
        cells = {
            (x, y)
            for x in range(box["x"], box["x"] + box["w"])
            for y in range(box["y"], box["y"] + box["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"]
            assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
