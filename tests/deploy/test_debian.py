"""docs/deployment.md in a fresh Debian: every command of its section "Debian", in order.

Rule: the commands come from the document. Added are only what it asks a person to do: copy the
sources, put in values of one's own. systemd cannot run in a chroot, so tests/deploy/systemctl.py
stands in for it: it starts what the shipped unit file says, as its user and with its environment.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.debian_root import DebianRoot, debian_root, why_not
from tests.paths import ROOT
from tests.upstream_stub import UpstreamStub, completion, json_answer

DOCUMENT = ROOT / "docs" / "deployment.md"
SUITE = "bookworm"
SOURCES = (
    "LICENSE",
    "README.md",
    "claude_messages_proxy.py",
    "config",
    "deploy",
    "proxy",
    "pyproject.toml",
    "setup.cfg",
    "wsgi.py",
)
DOWNLOADING = re.compile(r"(?m)^(apt-get|\S+/pip) ")
SERVING = re.compile(r"(?m)^(systemctl|curl) ")
LONG = 600


def steps() -> dict[str, list[str]]:
    """The scripts of the section "Debian" under the headings of its steps."""
    section = DOCUMENT.read_text("utf-8").partition("\n## Debian\n")[2].partition("\n## ")[0]
    by_heading = {}
    for part in section.split("\n### ")[1:]:
        heading, _, text = part.partition("\n")
        by_heading[heading] = re.findall(r"(?ms)^```sh\n(.*?)^```$", text)
    return by_heading


def test_every_step_has_its_commands() -> None:
    assert {heading: len(scripts) for heading, scripts in steps().items()} == {
        "Packages": 1,
        "User and directories": 1,
        "The program": 1,
        "Settings": 1,
        "The service": 1,
        "Certificate": 1,
        "nginx": 1,
        "Check": 1,
        "A changed registry file": 1,
        "A changed environment file": 1,
        "Upgrade": 2,
        "Rollback": 1,
    }
    # A block either downloads or serves: each has another network in the test below.
    scripts = [script for scripts in steps().values() for script in scripts]
    assert [s for s in scripts if DOWNLOADING.search(s) and SERVING.search(s)] == []


@pytest.mark.long
@pytest.mark.timeout(LONG)
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
def test_each_command_works_in_a_fresh_debian() -> None:
    with debian_root(SUITE) as root:
        _copy_sources(root.path / "opt/claude-proxy/src")
        shutil.copy(ROOT / "tests/deploy/systemctl.py", root.path / "usr/bin/systemctl")
        (root.path / "usr/bin/systemctl").chmod(0o755)
        stub = root.in_its_network(UpstreamStub)
        stub.default = json_answer(completion("Hello from afar"))
        said: dict[str, str] = {}
        for heading, scripts in steps().items():
            for script in scripts:
                said[heading] = said.get(heading, "") + _run(root, heading, script)
            if heading == "Settings":
                _put_in_own_values(root.path, stub)
        _check(root, said, stub)


def _run(root: DebianRoot, heading: str, script: str) -> str:
    downloads = DOWNLOADING.search(script) is not None
    done = root.run(script, downloads=downloads, seconds=LONG)
    logs = "".join(
        f"\n{path.name}:\n{path.read_text('utf-8', 'replace')}"
        for folder in ("run/systemctl", "var/log/nginx")
        for path in sorted((root.path / folder).glob("*.log"))
    )
    assert done.returncode == 0, f"{heading}:\n{script}\n{done.stdout}{logs}"
    return done.stdout


def _check(root: DebianRoot, said: dict[str, str], stub: UpstreamStub) -> None:
    assert said["The service"].count('"ready"') == 2
    health, _, message = said["Check"].partition("}{")
    assert '"status":"healthy"' in health
    assert '"text":"Hello from afar"' in message
    assert [request.headers["authorization"] for request in stub.requests] == ["Bearer sk-own-key"]
    # The last step put the first release back, and both processes run it, as their own user.
    running = root.run(
        "for p in /run/systemctl/*.pid; do ps_dir=/proc/$(cat $p); "
        "tr '\\0' ' ' <$ps_dir/cmdline; stat -c %U $ps_dir; done"
    ).stdout
    assert running.splitlines() == [
        f"/opt/claude-proxy/releases/1/bin/python3 /opt/claude-proxy/current/bin/claude-proxy {user}"
        for user in ("claude-proxy", "claude-proxy")
    ]
    environment = root.path / "etc/claude-proxy/environment"
    assert oct(environment.stat().st_mode & 0o777) == "0o600"


def _put_in_own_values(root: Path, stub: UpstreamStub) -> None:
    """What the document asks for after the example's values."""
    path = root / "etc/claude-proxy/environment"
    text = path.read_text("utf-8")
    for example, own in {
        "OPENAI_BASE_URL=https://api.openai.com/v1\nOPENAI_API_KEY=sk-...\n": (
            f"OPENAI_BASE_URL={stub.base_url}\nOPENAI_API_KEY=sk-own-key\n"
        ),
        "CLAUDE_PROXY_AUTH_KEY=key-of-alice,key-of-bob\n": (
            "CLAUDE_PROXY_AUTH_KEY=key-of-alice,key-of-bob\nCLAUDE_PROXY_WORKERS=1\n"
            "CLAUDE_PROXY_BIG_MODEL=gpt-4o\n"
        ),
    }.items():
        before, found, after = text.rpartition(example)
        assert found, f"{example} is not in the document any more"
        text = before + own + after
    path.write_text(text, "utf-8")


def _copy_sources(target: Path) -> None:
    """What is installed from, without what lies beside it here."""
    waste = shutil.ignore_patterns("__pycache__", "*.egg-info")
    target.mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=waste)
        else:
            shutil.copy(ROOT / name, target / name)


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: make programs"
)
def test_prometheus_takes_the_example(tmp_path: Path) -> None:
    section = DOCUMENT.read_text("utf-8").partition("\n## Metrics\n")[2].partition("\n## ")[0]
    (example,) = re.findall(r"(?ms)^```yaml\n(.*?)^```$", section)
    (tmp_path / "prometheus.yml").write_text(example, "utf-8")
    command = ["promtool", "check", "config", "--syntax-only", str(tmp_path / "prometheus.yml")]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stdout + checked.stderr
