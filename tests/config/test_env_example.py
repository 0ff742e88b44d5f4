"""The shipped ``.env.example`` names every variable and loads."""

from __future__ import annotations

from io import StringIO

from dotenv import dotenv_values

from config.settings import load_settings
from config.variables.table import VARIABLES
from tests.paths import DEPLOY

TEXT = (DEPLOY / ".env.example").read_text("utf-8")


def test_every_variable_is_there() -> None:
    named = {line.lstrip("#").partition("=")[0] for line in TEXT.splitlines() if "=" in line}
    missing = [v.field for v in VARIABLES if v.names[0] not in named]
    assert missing == []


def test_it_loads_as_it_is_and_with_everything_switched_on() -> None:
    assert load_settings({}, dotenv=values(TEXT)) == load_settings({})
    switched_on = "\n".join(
        line.removeprefix("#") if line.startswith("#") and "=" in line else line
        for line in TEXT.splitlines()
        # Paths of the operator's machine.
        if not any(name in line for name in ("LOG_FILE", "CA_BUNDLE", "PROXY_CONFIG="))
    )
    settings = load_settings({}, dotenv=values(switched_on))
    assert settings.auth_keys == ("key-of-alice", "key-of-bob")
    assert settings.custom_headers == (("X-TEAM", "platform"),)
    assert settings.warnings == ()


def values(text: str) -> dict[str, str]:
    return {name: value or "" for name, value in dotenv_values(stream=StringIO(text)).items()}
