"""The questions for models, with what is typed in place of a terminal."""

from __future__ import annotations

import builtins

import pytest

from proxy.cli.init.model_menu import ModelMenu
from proxy.cli.init.proposals import NO_MODELS
from proxy.cli.init.terminal import Terminal

LISTED = [f"model-{number:03}b" for number in range(200)]


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [
        pytest.param(["120"], "model-120b", id="a part of a name"),
        pytest.param(["10"], "model-009b", id="a row that is shown"),
        pytest.param(["19", "3"], "model-190b", id="a row of what was found"),
    ],
)
def test_a_number_is_that_of_a_row_that_is_shown(
    typed: list[str], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(typed)
    monkeypatch.setattr(builtins, "input", lambda _: next(answers))
    menu = ModelMenu(Terminal(), LISTED, str)
    menu.show()
    assert menu.tiers(NO_MODELS, NO_MODELS, ("big",)).big == chosen
    assert next(answers, None) is None
