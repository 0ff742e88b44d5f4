"""nginx with the configuration that is shipped, in front of processes of the tests.

Rule: the files are those of ``deploy/``. Nothing of them is changed but addresses and the paths
below, and a place that is no longer there to be changed is a failure.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live import NotStarted, free_port
from tests.paths import DEPLOY

START_SECONDS = 60.0
NGINX = shutil.which("nginx", path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")

BUFFERED = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
"""What nginx may write to temporary files, as its directives name it."""

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed: make programs")


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx."""

    port: int
    tls_port: int
    """Where ``tls.conf`` listens, if it is switched on."""
    directory: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def access_log(self) -> str:
        """A line of JSON for each request that has ended."""
        return (self.directory / "access.log").read_text("utf-8")

    def error_log(self) -> str:
        return (self.directory / "error.log").read_text("utf-8", "replace")


@contextmanager
def nginx_in_front(
    *ports: int,
    snippets: Sequence[str] = (),
    certificate: tuple[Path, Path] | None = None,
    read_timeout: str = "1h",
) -> Iterator[Nginx]:
    """Run the shipped nginx.conf before the processes on ``ports`` of the loopback address.

    ``snippets`` are files of ``deploy/nginx/`` to switch on, such as ``rate-limit.conf``; tls.conf
    needs a ``certificate``: chain and key. ``read_timeout`` replaces the shipped one. Raises ``NotStarted`` when nginx does not listen in time.
    """
    assert NGINX, "nginx is not installed"
    # Workers run as www-data, which must be able to walk to the temporary files.
    with tempfile.TemporaryDirectory(prefix="nginx-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        port, tls_port = free_port(), free_port()
        _write(directory, port, ports, read_timeout)
        for snippet in snippets:
            text = (DEPLOY / "nginx" / snippet).read_text("utf-8")
            if snippet == "tls.conf":
                assert certificate is not None
                text = _with_tls(text, tls_port, *certificate)
            (directory / "claude-proxy" / "server" / snippet).write_text(text, "utf-8")
        command = [NGINX, "-p", name, "-c", f"{name}/nginx.conf", "-e", f"{name}/error.log"]
        process = subprocess.Popen(
            [*command, "-g", "daemon off;"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        nginx = Nginx(port, tls_port, directory, process)
        try:
            _wait_until_it_listens(nginx)
            yield nginx
        finally:
            process.terminate()
            process.wait(60)


def _write(directory: Path, port: int, ports: Sequence[int], read_timeout: str) -> None:
    text = (DEPLOY / "nginx.conf").read_text("utf-8")
    text = _replaced(text, r"(?m)^\s*listen \[::\]:80 default_server;\n", "")
    text = _replaced(text, r"listen 80 ", f"listen 127.0.0.1:{port} ")
    text = _replaced(text, r"/run/nginx\.pid", f"{directory}/nginx.pid")
    text = _replaced(text, r"/var/log/nginx/", f"{directory}/", count=2)
    text = _replaced(text, r"proxy_read_timeout 1h;", f"proxy_read_timeout {read_timeout};")
    # Without root nginx may write nowhere else.
    places = "".join(f"{kind}_temp_path {directory}/{kind};\n" for kind in BUFFERED)
    text = _replaced(text, r"(?m)^http \{\n", f"http {{\n{places}")
    (directory / "nginx.conf").write_text(text, "utf-8")
    (directory / "claude-proxy" / "server").mkdir(parents=True)
    servers = "\n".join(f"    server 127.0.0.1:{port} max_fails=0;" for port in ports)
    shipped = (DEPLOY / "nginx" / "upstream.conf").read_text("utf-8")
    upstream = _replaced(
        shipped, r"(?m)(^ *server 127\.0\.0\.1:\d+ max_fails=0;\n)+", f"{servers}\n"
    )
    (directory / "claude-proxy" / "upstream.conf").write_text(upstream, "utf-8")


def _with_tls(text: str, tls_port: int, chain: Path, key: Path) -> str:
    text = _replaced(text, r"(?m)^listen \[::\]:443 ssl default_server;\n", "")
    text = _replaced(text, r"listen 443 ", f"listen 127.0.0.1:{tls_port} ")
    text = _replaced(text, r"/etc/nginx/tls/fullchain\.pem", str(chain))
    return _replaced(text, r"/etc/nginx/tls/privkey\.pem", str(key))


def _replaced(text: str, pattern: str, by: str, count: int = 1) -> str:
    changed, found = re.subn(pattern, by, text)
    assert found == count, f"{pattern} is {found} times in the shipped configuration"
    return changed


def _wait_until_it_listens(nginx: Nginx) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if nginx.process.poll() is not None:
            raise NotStarted(f"nginx ended with {nginx.process.returncode}:\n{nginx.error_log()}")
        try:
            socket.create_connection(("127.0.0.1", nginx.port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise NotStarted(f"nginx did not listen within {START_SECONDS:g} s:\n{nginx.error_log()}")
