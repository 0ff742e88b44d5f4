"""gunicorn's options (docs/decisions.md; measured with gunicorn's own checks)."""

from __future__ import annotations

import pytest
from gunicorn.config import Config

from config.gunicorn import bind_address, gunicorn_options
from config.settings import Settings


def test_options_follow_the_settings() -> None:
    settings = Settings(
        host="::1",
        port=9,
        workers=3,
        worker_connections=7,
        graceful_timeout=5,
        log_level="WARNING",
    )
    options = gunicorn_options(settings)
    assert options["bind"] == ["[::1]:9"]
    assert (options["workers"], options["worker_connections"]) == (3, 7)
    assert options["graceful_timeout"] == 5
    assert options["loglevel"] == "warning"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("preload_app", False, id="workers build the app, so that SIGHUP renews it"),
        pytest.param("control_socket_disable", True, id="no socket below HOME"),
        pytest.param("keepalive", 5, id="idle connections hardly delay a stop"),
        pytest.param("accesslog", None, id="the access line is ours"),
        pytest.param("limit_request_line", 8190, id="long request lines"),
    ],
)
def test_fixed_options(name: str, value: object) -> None:
    assert gunicorn_options(Settings())[name] == value


def test_gunicorn_takes_every_option() -> None:
    config = Config()
    for name, value in gunicorn_options(Settings()).items():
        config.set(name, value)
    assert config.address == [("0.0.0.0", 8085)]
    assert config.worker_class.__name__ == "ProxyWorker"


def test_an_idle_connection_cannot_outlive_a_stop() -> None:
    options = gunicorn_options(Settings())
    assert options["keepalive"] < options["graceful_timeout"]


@pytest.mark.parametrize(
    ("host", "address"),
    [
        pytest.param("0.0.0.0", "0.0.0.0:1", id="IPv4"),
        pytest.param("::", "[::]:1", id="IPv6"),
        pytest.param("box.lan", "box.lan:1", id="name"),
    ],
)
def test_bind_address(host: str, address: str) -> None:
    assert bind_address(host, 1) == address
