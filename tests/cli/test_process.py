"""Checks of the process before it serves: address, certificate, file limits."""

from __future__ import annotations

import errno
import resource
import socket

import pytest

from proxy.cli.errors import CannotStart
from proxy.cli.process import ensure_free, raise_file_limit


def test_the_file_limit_is_raised_to_the_hard_one() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))
        assert raise_file_limit() == before[1]
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_file_limit_that_cannot_be_raised_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise ValueError("not allowed")

    monkeypatch.setattr("resource.setrlimit", refused)
    assert raise_file_limit() == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_a_free_port_stays_free() -> None:
    ensure_free("127.0.0.1", 0)


def test_a_port_where_somebody_listens() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(CannotStart, match="is in use: stop the program"):
            ensure_free("127.0.0.1", listener.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "message"),
    [
        pytest.param("192.0.2.1", "cannot listen on 192.0.2.1:0 (", id="somebody else's address"),
        pytest.param("no-such-host.invalid", "cannot listen on no-such-host", id="unknown name"),
    ],
)
def test_an_address_that_is_not_ours(host: str, message: str) -> None:
    with pytest.raises(CannotStart) as caught:
        ensure_free(host, 0)
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith("choose another address with --host")


def test_a_port_for_root_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    # The tests may run as root, who may use every port.
    monkeypatch.setattr("gevent.socket.socket.bind", denied)
    with pytest.raises(
        CannotStart, match=r"no permission to listen on 127\.0\.0\.1:80: choose a port from"
    ):
        ensure_free("127.0.0.1", 80)


def test_a_socket_handed_over_by_systemd_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LISTEN_FDS", "1")
    ensure_free("192.0.2.1", 1)
