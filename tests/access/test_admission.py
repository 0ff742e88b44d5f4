"""How many requests a worker takes at a time."""

from __future__ import annotations

from collections.abc import Container

import pytest

from config.settings import Settings
from proxy.access.admission import (
    Admission,
    admission_warning,
    admitted,
    connections_that_fit,
    spare,
)
from proxy.errors import Overloaded


def test_a_slot_is_taken_until_it_is_left() -> None:
    admission, one = Admission(2), object()
    admission.enter(one)
    admission.enter(object())
    with pytest.raises(Overloaded) as refused:
        admission.enter(object())
    assert (refused.value.status, refused.value.type) == (529, "overloaded_error")
    assert refused.value.headers == {"retry-after": "5"}
    admission.leave(one)
    admission.enter(object())
    assert admission.running == 2


def test_a_slot_may_be_taken_from_a_request_whose_client_does_not_read() -> None:
    stalled, busy, offered = object(), object(), list[object]()

    def free_one(holders: Container[object]) -> bool:
        offered.extend(each for each in (stalled, busy) if each in holders)
        return len(offered) == 2

    admission = Admission(2, free_one)
    admission.enter(stalled)
    admission.enter(busy)
    assert offered == []
    admission.enter(object())
    assert offered == [stalled, busy]
    # It gives its own slot back a moment later.
    admission.leave(stalled)
    assert admission.running == 2
    with pytest.raises(Overloaded):
        admission.enter(object())
    assert offered == [stalled, busy, busy]


@pytest.mark.parametrize(
    ("settings", "open_files", "most", "told"),
    [
        pytest.param({}, None, 900, None, id="the default"),
        pytest.param({"max_concurrency": 50}, None, 50, None, id="as chosen"),
        pytest.param(
            {"worker_connections": 5000, "max_concurrency": 4900}, None, 4900, None, id="much"
        ),
        pytest.param(
            {"worker_connections": 100}, None, 90, None, id="the default adapts to connections"
        ),
        pytest.param({"worker_connections": 2}, None, 1, None, id="one at least"),
        pytest.param(
            {"max_concurrency": 1000},
            None,
            900,
            "a worker answers 900 requests at a time instead of 1000: "
            "of CLAUDE_PROXY_WORKER_CONNECTIONS=1000 some stay free",
            id="no connection left for probes",
        ),
        pytest.param(
            {"worker_connections": 20, "max_concurrency": 19},
            None,
            18,
            "a worker answers 18 requests at a time instead of 19: of ",
            id="of few connections two stay free",
        ),
        pytest.param({}, 1900, 900, None, id="just enough files"),
        pytest.param(
            {},
            1024,
            462,
            "a worker answers 462 requests at a time instead of 900: "
            "each needs two open files, and only 1024 are allowed",
            id="too few files",
        ),
        pytest.param({"max_concurrency": 400}, 1024, 400, None, id="files for what was chosen"),
        pytest.param({}, 10, 1, "a worker answers 1 requests at a time", id="hardly any files"),
    ],
)
def test_what_fits(
    settings: dict[str, int], open_files: int | None, most: int, told: str | None
) -> None:
    chosen = Settings(**settings)  # type: ignore[arg-type]
    assert admitted(chosen, open_files) == most
    warning = admission_warning(chosen, open_files)
    assert warning == told if told is None or warning is None else warning.startswith(told)


@pytest.mark.parametrize(
    ("wanted", "open_files", "most"),
    [
        pytest.param(1000, None, 1000, id="any number of files"),
        pytest.param(1000, 4096, 1000, id="enough files"),
        pytest.param(1000, 1024, 492, id="as many as can be accepted"),
        pytest.param(1000, 256, 108, id="few files"),
        pytest.param(1000, 10, 2, id="hardly any files"),
        pytest.param(1, 1024, 1, id="as chosen"),
    ],
)
def test_connections_that_fit(wanted: int, open_files: int | None, most: int) -> None:
    assert connections_that_fit(wanted, open_files) == most


@pytest.mark.parametrize("open_files", [256, 1024, 1900])
def test_beside_the_admitted_requests_a_connection_is_free(open_files: int) -> None:
    requests = admitted(Settings(), open_files)
    connections = connections_that_fit(1000, open_files)
    assert connections >= requests + 30
    assert connections + requests <= open_files - 70


@pytest.mark.parametrize(("connections", "kept"), [(1, 2), (20, 2), (100, 10), (5000, 100)])
def test_connections_for_probes(connections: int, kept: int) -> None:
    assert spare(connections) == kept
