"""How many requests a worker takes at a time."""

from __future__ import annotations

import pytest

from config.settings import Settings
from proxy.admission import Admission, admission_warning, admitted
from proxy.errors import Overloaded


def test_a_slot_is_taken_until_it_is_left() -> None:
    admission = Admission(2)
    admission.enter()
    admission.enter()
    with pytest.raises(Overloaded) as refused:
        admission.enter()
    assert (refused.value.status, refused.value.type) == (529, "overloaded_error")
    assert refused.value.headers == {"retry-after": "5"}
    admission.leave()
    admission.enter()
    assert admission.running == 2


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
