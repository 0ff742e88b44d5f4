"""The compose file without nginx: as the other one where both say the same."""

from __future__ import annotations

from typing import Any

import yaml

from config.settings import Settings
from tests.deploy.test_compose import DEPLOY, mistakes, service

SAME = (
    "image", "build", "env_file", "environment", "restart", "init", "read_only", "cap_drop",
    "security_opt", "user", "tmpfs", "ulimits", "logging", "healthcheck", "stop_grace_period", "deploy",
)  # fmt: skip


def simple() -> Any:
    return yaml.safe_load((DEPLOY / "compose.simple.yaml").read_text("utf-8"))


def test_it_keeps_to_the_schema() -> None:
    assert mistakes(simple()) == []


def test_its_proxy_is_that_of_the_other_file() -> None:
    [proxy] = simple()["services"].values()
    other = service("proxy")
    assert {name: proxy[name] for name in SAME} == {name: other[name] for name in SAME}
    assert set(proxy) - set(SAME) == {"ports", "extra_hosts"}


def test_the_port_is_open_on_this_machine_alone_unless_it_is_published() -> None:
    port = Settings().port
    assert simple()["services"]["proxy"]["ports"] == [
        f"${{PUBLISH_ADDRESS:-127.0.0.1}}:{port}:{port}"
    ]
