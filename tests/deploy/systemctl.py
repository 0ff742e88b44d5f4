#!/usr/bin/python3
"""As much of systemctl as docs/deployment.md uses, for a root directory where systemd cannot run.

Rule: what is started, as whom, where and with which environment comes from the unit files
themselves. The sandbox of a unit is not applied here (tests/deploy/test_systemd.py does that), and
nothing is watched or restarted. Standard library only: it runs in a fresh Debian.
"""

from __future__ import annotations

import fnmatch
import os
import pwd
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

UNIT_PATHS = ("/etc/systemd/system", "/lib/systemd/system")
STATE = Path("/run/systemctl")
_ASSIGNMENT = re.compile(r"(?m)^(\w+)=(.*)$")

Unit = dict[str, list[str]]


def read_unit(text: str, name: str) -> Unit:
    """The assignments of a unit file, of all sections, with the specifiers of ``name`` filled in."""
    stem = name.removesuffix(".service")
    instance = stem.partition("@")[2]
    specifiers = {"i": instance, "I": instance, "N": stem, "n": f"{stem}.service", "t": "/run"}
    unit: Unit = {}
    for key, value in _ASSIGNMENT.findall(text.replace("\\\n", " ")):
        filled = re.sub(r"%(.)", lambda found: specifiers[found[1]], value)
        unit.setdefault(key, []).append(filled.strip())
    return unit


def environment(unit: Unit) -> dict[str, str]:
    """The variables of a unit: those of its files win over its own."""
    variables = {
        name: value
        for line in unit.get("Environment", [])
        for name, _, value in (word.partition("=") for word in shlex.split(line))
    }
    for path in unit.get("EnvironmentFile", []):
        for line in Path(path.removeprefix("-")).read_text("utf-8").splitlines():
            name, assigned, value = line.partition("=")
            if assigned and not line.startswith("#"):
                variables[name] = value
    return variables


def start(name: str) -> None:
    if _main_pid(name):
        return
    unit = _load(name)
    for command in unit.get("ExecStartPre", []):
        subprocess.run(shlex.split(command), check=True)
    if unit["Type"] == ["forking"]:
        subprocess.run(shlex.split(unit["ExecStart"][0]), check=True)
        return
    assert unit["Type"] == ["notify"], "only forking and notify are understood"
    _start_and_wait_for_ready(name, unit)


def _start_and_wait_for_ready(name: str, unit: Unit) -> None:
    user = pwd.getpwnam(unit["User"][0])
    runtime = Path("/run") / unit["RuntimeDirectory"][0]
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.chown(runtime, user.pw_uid, user.pw_gid)
    STATE.mkdir(exist_ok=True)
    address = f"{STATE}/{name}.notify"
    Path(address).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(address)
        os.chmod(address, 0o777)
        with open(f"{STATE}/{name}.log", "ab") as log:
            process = subprocess.Popen(
                shlex.split(unit["ExecStart"][0]),
                cwd=unit["WorkingDirectory"][0],
                env={"PATH": os.defpath, **environment(unit), "NOTIFY_SOCKET": address},
                user=user.pw_uid,
                group=user.pw_gid,
                extra_groups=[],
                umask=int(unit["UMask"][0], 8),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        (STATE / f"{name}.pid").write_text(str(process.pid), "ascii")
        ready.settimeout(float(unit["TimeoutStartSec"][0]))
        while b"READY=1" not in ready.recv(4096):
            pass


def stop(name: str) -> None:
    pid = _main_pid(name)
    if not pid:
        return
    unit = _load(name)
    os.kill(pid, signal.SIGQUIT if unit["Type"] == ["forking"] else signal.SIGTERM)
    seconds = float(unit.get("TimeoutStopSec", ["90"])[0])
    deadline = time.monotonic() + seconds
    while _main_pid(name):
        if time.monotonic() > deadline:
            sys.exit(f"{name} did not stop within {seconds:g} s")
        time.sleep(0.05)


def restart(name: str) -> None:
    stop(name)
    start(name)


def reload(name: str) -> None:
    pid = _main_pid(name)
    if not pid:
        sys.exit(f"{name} is not running")
    command = shlex.split(_load(name)["ExecReload"][0])
    subprocess.run(command, check=True, env={"PATH": os.defpath, "MAINPID": str(pid)})


def nothing(_: str) -> None:
    """Enabling and reloading unit files leaves nothing to do."""


VERBS: dict[str, Callable[[str], None]] = {
    "start": start,
    "stop": stop,
    "restart": restart,
    "reload": reload,
    "enable": nothing,
}


def main(arguments: list[str]) -> None:
    verb, *rest = arguments
    if verb == "daemon-reload":
        return
    now = "--now" in rest
    names = [name for pattern in rest if pattern != "--now" for name in _matching(pattern)]
    for name in names:
        VERBS[verb](name)
        if now:
            start(name)


def _matching(pattern: str) -> list[str]:
    """A name, or the running units that a pattern means."""
    if "*" not in pattern:
        return [pattern]
    return fnmatch.filter(sorted(path.stem for path in STATE.glob("*.pid")), pattern)


def _load(name: str) -> Unit:
    template = name.partition("@")[0] + "@" if "@" in name else name
    for folder in UNIT_PATHS:
        path = Path(folder) / f"{template}.service"
        if path.exists():
            return read_unit(path.read_text("utf-8"), name)
    sys.exit(f"there is no unit {template}.service")


def _main_pid(name: str) -> int:
    """The process id of a running unit, else 0."""
    files = _load(name).get("PIDFile", [f"{STATE}/{name}.pid"])
    try:
        pid = int(Path(files[0]).read_text("ascii"))
        os.kill(pid, 0)
    except (OSError, ValueError):
        return 0
    return pid


if __name__ == "__main__":
    main(sys.argv[1:])
