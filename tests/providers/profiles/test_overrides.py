"""Overriding flags by name: what a registry file and healing may say (docs/protocol.md 10.11)."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, fields

import pytest

from proxy.providers.profiles import Profile, overridden
from proxy.providers.profiles.overrides import FLAG_TYPES


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param({}, Profile(), id="10.11 nothing"),
        pytest.param({"vision": False}, Profile(vision=False), id="10.11 a switch"),
        pytest.param({"max_output": 8192}, Profile(max_output=8192), id="10.11 a number"),
        pytest.param({"max_output": None}, Profile(), id="10.11 null takes a number back"),
        pytest.param({"pdf": "file"}, Profile(pdf="file"), id="10.11 a word"),
        pytest.param({"cache": None}, Profile(), id="10.11 no word"),
        pytest.param({"web_search": "plugin"}, Profile(web_search="plugin"), id="10.11 a choice"),
        pytest.param(
            {"efforts": ["low", "high"]}, Profile(efforts=("low", "high")), id="10.11 a list"
        ),
        pytest.param({"unsupported": ("top_p",)}, Profile(unsupported=("top_p",)), id="a tuple"),
        pytest.param({"first_byte_timeout": 5}, Profile(first_byte_timeout=5), id="seconds"),
        pytest.param({"first_byte_timeout": 0.5}, Profile(first_byte_timeout=0.5), id="parts"),
        pytest.param(
            {"history_shapes": ["one_call", "no_system"]},
            Profile(history_shapes=("one_call", "no_system")),
            id="a list of known words",
        ),
        pytest.param(
            {"vision": False, "top_k": True}, Profile(vision=False, top_k=True), id="several"
        ),
    ],
)
def test_overridden(flags: dict[str, object], expected: Profile) -> None:
    assert overridden(Profile(), flags) == expected


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        pytest.param({"visoin": True}, "visoin: unknown profile flag", id="10.11 a misspelling"),
        pytest.param({"P.vision": True}, "P.vision: unknown profile flag", id="10.11 with P."),
        pytest.param({"name": "x"}, "name: unknown profile flag", id="10.11 the name is no flag"),
        pytest.param({"vision": "no"}, "vision: must be true or false", id="10.11 a word"),
        pytest.param({"vision": 1}, "vision: must be true or false", id="10.11 a number"),
        pytest.param({"vision": None}, "vision: must be true or false", id="10.11 null"),
        pytest.param({"pdf": "pages"}, "pdf: must be 'none' or 'file'", id="10.11 another word"),
        pytest.param(
            {"cache": True}, "cache: must be 'anthropic' or 'breakpoint' or null", id="a switch"
        ),
        pytest.param(
            {"history_shapes": ["one_calls"]},
            "history_shapes: must be a list of 'calls_need_tools' or 'calls_as_text' or 'no_system'"
            " or 'one_call' or 'content_or_calls' or 'no_user_after_tool' or 'alternate' or"
            " 'user_last' or 'named_results' or 'signed_calls' or 'reasoning_filled'",
            id="an unknown word in a list",
        ),
        pytest.param({"max_stop": True}, "max_stop: must be an integer above 0", id="no bool"),
        pytest.param({"max_stop": 0}, "max_stop: must be an integer above 0", id="zero"),
        pytest.param(
            {"max_output": 8.5}, "max_output: must be an integer above 0 or null", id="parts"
        ),
        pytest.param(
            {"first_byte_timeout": float("nan")},
            "first_byte_timeout: must be a number above 0 or null",
            id="not a number",
        ),
        pytest.param({"efforts": "low"}, "efforts: must be a list of strings", id="one word"),
        pytest.param({"efforts": [1]}, "efforts: must be a list of strings", id="numbers"),
    ],
)
def test_refused(flags: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        overridden(Profile(), flags)


def test_every_field_but_the_name_is_a_flag() -> None:
    assert {*FLAG_TYPES, "name"} == {field.name for field in fields(Profile)}


@pytest.mark.parametrize("name", sorted(FLAG_TYPES))
def test_every_default_is_a_valid_value(name: str) -> None:
    value = getattr(Profile(), name)
    assert overridden(Profile(), {name: value}) == Profile()


def test_10_11_a_profile_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Profile().vision = False  # type: ignore[misc]
