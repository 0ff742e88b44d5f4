"""What a call needs before its first byte leaves."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import Any, cast

import pytest

from config.registry.values import environment_registry
from config.settings import Settings
from proxy.providers.learned_flags import LearnedFlags
from proxy.providers.profiles.base import Profile
from proxy.providers.routing import Route, Router
from proxy.relay.call import Call
from proxy.relay.cancellation import Exchange
from proxy.telemetry.request_record import RequestRecord

SETTINGS = Settings(openai_base_url="https://x.test/v1", openai_api_key="k", first_byte_timeout=600)


def route(**flags: Any) -> Route:
    """A route to an upstream whose profile has ``flags``."""
    found = Router(SETTINGS, environment_registry(SETTINGS)).resolve("some-model")
    return replace(found, profile=Profile(**flags))


def call(route: Route, learned: LearnedFlags | None = None) -> Call:
    return Call(
        request={"model": "some-model", "max_tokens": 9, "messages": []},
        route=route,
        key="k",
        settings=SETTINGS,
        client=cast(Any, None),
        learned=learned or LearnedFlags(monotonic),
        exchange=Exchange(),
        record=RequestRecord("req_1", "req_1", "POST", "/v1/messages"),
        answer_headers={},
        candidates=(),
        client_for=cast(Any, None),
        deadline=0.0,
    )


@pytest.mark.parametrize(
    ("flags", "seconds"),
    [
        pytest.param({}, 600, id="the operator's"),
        pytest.param({"first_byte_timeout": 20.5}, 20.5, id="the profile's"),
    ],
)
def test_10_11_a_profile_may_have_its_own_first_byte_timeout(
    flags: dict[str, Any], seconds: float
) -> None:
    assert call(route(**flags)).first_byte_seconds == seconds


def test_1_5_what_was_learned_lies_on_top_of_the_profile() -> None:
    where = route(max_output=8192, no_stop=True)
    learned = LearnedFlags(monotonic)
    learned.learn(where.provider.base_url, "another-model", {"max_output": 1})
    assert call(where, learned).profile() == where.profile
    learned.learn(where.provider.base_url, where.model, {"max_output": 4096})
    assert call(where, learned).profile() == replace(where.profile, max_output=4096)
