"""A full file system under the metrics: a tmpfs of a few hundred kilobytes in a mount namespace.

As root, since only that may mount; what the files do without space, tests/telemetry/test_metric_file.py
shows with a limit of the kernel that needs no rights.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.sealed import can_unshare
from tests.live import LiveProxy, live_proxy
from tests.upstream_stub import UpstreamStub, completion, json_answer
from tests.waiting import until

MODELS = 60
"""Their series take several times what a new file has room for."""
MOUNT = (
    'mount --make-rprivate / && mount -t tmpfs -o size=2m tmpfs "$0" && mkdir "$0/metrics" '
    '&& { [ ! -e "$0.full" ] || ! dd if=/dev/zero of="$0/filler" bs=4k; } && exec "$@"'
)
LACKING = "no space for metrics (No space left on device)"

pytestmark = [
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or not can_unshare(),
        reason="a file system of its own needs root",
    ),
    pytest.mark.long,
]


def ask(proxy: LiveProxy, model: str) -> int:
    """Status of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
    body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"content-type": "application/json", "connection": "close"}
    connection.request("POST", "/v1/messages", json.dumps(body), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def inside(proxy: LiveProxy, *command: str) -> None:
    """Run ``command`` where the proxy's file system is mounted."""
    enter = ["nsenter", "--target", str(proxy.process.pid), "--mount", "--"]
    subprocess.run([*enter, *command], capture_output=True, timeout=30, check=False)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("when", ["from the beginning", "later"])
def test_no_worker_ends_and_nothing_is_lost(
    upstream: UpstreamStub, tmp_path: Path, workers: int, when: str
) -> None:
    upstream.default = json_answer(completion("Hello"))
    place = tmp_path / "small"
    place.mkdir()
    if when == "from the beginning":
        place.with_suffix(".full").touch()
    environ = {
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": "k",
        "PROMETHEUS_MULTIPROC_DIR": str(place / "metrics"),
    }
    command = ("unshare", "--mount", "sh", "-c", MOUNT, str(place))
    with live_proxy(environ, workers=workers, command=command) as proxy:
        until(lambda: len(proxy.worker_pids()) == workers, "not all workers start")
        pids = proxy.worker_pids()
        filler = str(place / "filler")
        inside(proxy, "dd", "if=/dev/zero", f"of={filler}", "bs=4k", "oflag=append", "conv=notrunc")
        statuses = {ask(proxy, f"m-{number}") for number in range(MODELS)}
        assert statuses == {200}
        assert proxy.worker_pids() == pids
        assert proxy.logged(LACKING).count(LACKING) <= workers + 1
        inside(proxy, "rm", filler)
        asked = MODELS

        def are_shown() -> bool:
            nonlocal asked
            asked += 1
            assert ask(proxy, f"m-{asked % MODELS}") == 200
            return bool(proxy.get("/v1/stats")[1]["statuses"].get("200", 0) >= asked)

        until(are_shown, "numbers are missing")
