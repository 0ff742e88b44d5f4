"""docs/features.md "max_tokens", rule by rule."""

from __future__ import annotations

import pytest

from proxy.convert.request.output_limit import OutputLimits, resolve_max_tokens
from proxy.errors import InvalidRequest


@pytest.mark.parametrize(
    ("requested", "limits", "caps", "expected"),
    [
        pytest.param(7, OutputLimits(), (), 7, id="1.1 max_tokens kept without limits"),
        pytest.param(7, OutputLimits(), (None, None), 7, id="1.1 unknown caps cut nothing"),
        pytest.param(None, OutputLimits(default=50), (), 50, id="1.1 missing takes the default"),
        pytest.param(-3, OutputLimits(default=50), (), 50, id="1.1 negative takes the default"),
        pytest.param(0, OutputLimits(), (), 0, id="1.1 zero without a default is a pre-warm"),
        pytest.param(0, OutputLimits(minimum=9), (), 0, id="1.1 zero is not raised to the minimum"),
        pytest.param(0, OutputLimits(default=50), (), 50, id="1.1 zero takes the default"),
        pytest.param(5, OutputLimits(minimum=10), (), 10, id="1.1 below the minimum is raised"),
        pytest.param(
            5,
            OutputLimits(default=50, minimum=10),
            (),
            50,
            id="1.1 below the minimum takes a default that is not below it",
        ),
        pytest.param(
            5,
            OutputLimits(default=8, minimum=10),
            (),
            10,
            id="1.1 a default below the minimum does not help",
        ),
        pytest.param(
            None, OutputLimits(default=8, minimum=10), (), 10, id="1.1 the default is bounded too"
        ),
        pytest.param(10, OutputLimits(minimum=10), (), 10, id="1.1 the minimum itself is enough"),
        pytest.param(99, OutputLimits(maximum=50), (), 50, id="1.1 maximum"),
        pytest.param(99, OutputLimits(maximum=0), (), 99, id="1.1 zero switches a limit off"),
        pytest.param(99, OutputLimits(maximum=50), (40, 60), 40, id="1.1 the smallest cap"),
        pytest.param(99, OutputLimits(maximum=50), (None, 60), 50, id="1.1 maximum below the caps"),
        pytest.param(
            5, OutputLimits(minimum=10), (8,), 8, id="1.1 what the model cannot give is not asked"
        ),
    ],
)
def test_resolve_max_tokens(
    requested: int | None, limits: OutputLimits, caps: tuple[int | None, ...], expected: int
) -> None:
    assert resolve_max_tokens(requested, limits, *caps) == expected


@pytest.mark.parametrize(
    ("requested", "message"),
    [
        pytest.param(None, "max_tokens: Field required", id="9 missing max_tokens"),
        pytest.param(
            -1, "max_tokens: Input should be greater than or equal to 0", id="9 negative max_tokens"
        ),
    ],
)
def test_no_usable_number(requested: int | None, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        resolve_max_tokens(requested, OutputLimits(minimum=5, maximum=9), 7)
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("requested", "limits", "caps", "expected"),
    [
        pytest.param(64, OutputLimits(), (), 2112, id="1.1 Claude Code's classifier"),
        pytest.param(2, OutputLimits(), (), 2050, id="1.1 very little"),
        pytest.param(2048, OutputLimits(), (), 4096, id="1.1 as much as the room"),
        pytest.param(3000, OutputLimits(), (), 4096, id="1.1 the room is part of it"),
        pytest.param(4096, OutputLimits(), (), 4096, id="1.1 room enough"),
        pytest.param(64_000, OutputLimits(), (), 64_000, id="1.1 much room"),
        pytest.param(1, OutputLimits(), (), 1, id="1.1 a probe of the connection"),
        pytest.param(0, OutputLimits(), (), 0, id="1.1 a pre-warm"),
        pytest.param(None, OutputLimits(default=100), (), 2148, id="1.1 the default"),
        pytest.param(64, OutputLimits(minimum=100), (), 2148, id="1.1 beyond the minimum"),
        pytest.param(64, OutputLimits(maximum=1000), (), 1000, id="1.1 not above the maximum"),
        pytest.param(64, OutputLimits(), (None, 500), 500, id="1.1 not above the model's limit"),
    ],
)
def test_room_for_reasoning_that_cannot_be_switched_off(
    requested: int | None, limits: OutputLimits, caps: tuple[int | None, ...], expected: int
) -> None:
    assert resolve_max_tokens(requested, limits, *caps, reasons_unasked=True) == expected
