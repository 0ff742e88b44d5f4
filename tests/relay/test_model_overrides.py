"""What the registry says of a model, applied to a request (docs/features.md "Registry file")."""

from __future__ import annotations

from typing import Any

import pytest

from config.registry.values import Model, Provider
from proxy.convert.request.messages_to_chat import message_request_to_chat
from proxy.errors import InvalidRequest
from proxy.providers.profiles.base import Profile
from proxy.relay.model_overrides import check_input, input_limit, with_registered, with_temperature

PROVIDER = Provider("p", "https://h.test/v1")
EFFORT = Profile(thinking_style="effort")
TOOLS = [{"name": "f", "input_schema": {"type": "object"}}]


def sent(
    request: dict[str, Any], profile: Profile = EFFORT, **registered: Any
) -> tuple[dict[str, Any], str]:
    """The body less what every request has, and the header of drops."""
    model = Model("m", "remote", PROVIDER, **registered)
    request = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **request}
    chat = message_request_to_chat(
        with_temperature(request, model), profile, model="remote", max_tokens=None
    )
    chat = with_registered(chat, request, model, profile)
    body = {name: v for name, v in chat.body.items() if name not in ("model", "messages", "tools")}
    return body, chat.drops.header()


@pytest.mark.parametrize(
    ("request_", "profile", "registered", "body", "dropped"),
    [
        pytest.param({}, EFFORT, {}, {}, "", id="nothing registered"),
        pytest.param({}, EFFORT, {"temperature": 0.5}, {"temperature": 0.5}, "", id="temperature"),
        pytest.param(
            {"temperature": 1},
            EFFORT,
            {"temperature": 0.5},
            {"temperature": 0.5},
            "temperature=0.5",
            id="temperature instead of the client's",
        ),
        pytest.param(
            {"temperature": 0.5},
            EFFORT,
            {"temperature": 0.5},
            {"temperature": 0.5},
            "",
            id="the same temperature",
        ),
        pytest.param(
            {},
            Profile(no_sampling=True),
            {"temperature": 0.5},
            {},
            "temperature",
            id="an upstream without temperature",
        ),
        pytest.param(
            {}, EFFORT, {"reasoning_effort": "high"}, {"reasoning_effort": "high"}, "", id="effort"
        ),
        pytest.param(
            {"output_config": {"effort": "low"}},
            EFFORT,
            {"reasoning_effort": "high"},
            {"reasoning_effort": "high"},
            "output_config.effort=high",
            id="effort instead of the client's",
        ),
        pytest.param(
            {},
            Profile(),
            {"reasoning_effort": "minimal"},
            {"reasoning_effort": "minimal"},
            "",
            id="effort as it is where nothing is known",
        ),
        pytest.param(
            {},
            Profile(thinking_style="effort", efforts=("none", "low", "high")),
            {"reasoning_effort": "medium"},
            {"reasoning_effort": "low"},
            "",
            id="effort among those that are known",
        ),
        pytest.param(
            {"thinking": {"type": "disabled"}},
            Profile(),
            {"reasoning_effort": "high"},
            {},
            "",
            id="no effort where the client wants no thinking",
        ),
        pytest.param(
            {},
            Profile(thinking_style="openrouter"),
            {"reasoning_effort": "high"},
            {"reasoning": {"effort": "high"}},
            "",
            id="effort at OpenRouter",
        ),
        pytest.param(
            {},
            Profile(unsupported=("reasoning_effort",)),
            {"reasoning_effort": "high"},
            {},
            "",
            id="effort that healing removed",
        ),
        pytest.param(
            {"tools": TOOLS},
            Profile(thinking_style="effort", effort_with_tools="omit"),
            {"reasoning_effort": "high"},
            {},
            "",
            id="effort beside tools",
        ),
        pytest.param(
            {"stream": True},
            EFFORT,
            {"extra_body": {"store": False, "stream_options": {"x": 1}}},
            {"stream": True, "store": False, "stream_options": {"include_usage": True, "x": 1}},
            "",
            id="extra members, merged",
        ),
        pytest.param(
            {"temperature": 1},
            Profile(unsupported=("store",)),
            {"extra_body": {"store": False, "temperature": 0}},
            {"temperature": 0},
            "",
            id="extra members win, but for what healing removed",
        ),
    ],
)
def test_what_is_sent(
    request_: dict[str, Any],
    profile: Profile,
    registered: dict[str, Any],
    body: dict[str, Any],
    dropped: str,
) -> None:
    assert sent(request_, profile, **registered) == (body, dropped)


def test_nothing_is_said_of_a_model_that_nobody_registered() -> None:
    request: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}]}
    assert with_temperature(request, None) is request
    chat = message_request_to_chat(request, EFFORT, model="m", max_tokens=None)
    assert with_registered(chat, request, None, EFFORT) is chat
    check_input(chat.body, "cl100k_base", None)


def limited(text: str, most: int | None) -> None:
    body = {"messages": [{"role": "user", "content": text}]}
    check_input(body, "cl100k_base", most)


def test_10_7_a_prompt_above_the_registered_limit() -> None:
    # 1000 words, 3 for the request, 4 for the message.
    prompt = " word" * 1000
    limited(prompt, None)
    limited(prompt, 1007)
    with pytest.raises(InvalidRequest) as caught:
        limited(prompt, 1006)
    assert caught.value.message == "prompt is too long: 1007 tokens > 1006 maximum"


def test_10_7_only_what_was_counted_is_refused() -> None:
    # Long words: four bytes a token would be 3000.
    limited(" internationalization" * 600, 2000)


@pytest.mark.parametrize(
    ("registered", "of_profile", "limit"),
    [
        pytest.param(None, None, None, id="unknown"),
        pytest.param(None, 8000, 8000, id="10.11 P.max_input"),
        pytest.param(4000, 8000, 4000, id="10.7 the registry wins"),
    ],
)
def test_input_limit(registered: int | None, of_profile: int | None, limit: int | None) -> None:
    model = Model("m", "m", PROVIDER, max_input_tokens=registered)
    assert input_limit(model, Profile(max_input=of_profile)) == limit
    assert input_limit(None, Profile(max_input=of_profile)) == of_profile


@pytest.mark.parametrize(
    ("asked", "profile", "registered", "cut", "dropped"),
    [
        pytest.param(["a"], EFFORT, ["b"], ("a",), "stop_sequences=local", id="another list"),
        pytest.param(["a"], EFFORT, ["a", "b"], (), "", id="a longer list"),
        pytest.param(["a", "ab"], EFFORT, "ab", ("a",), "stop_sequences=local", id="a text"),
        pytest.param(["a"], EFFORT, None, ("a",), "stop_sequences=local", id="null"),
        pytest.param(["a"], EFFORT, 5, ("a",), "stop_sequences=local", id="of no meaning"),
        pytest.param(None, EFFORT, ["b"], (), "", id="none asked for"),
        pytest.param(
            ["a"], Profile(no_stop=True), ["b"], ("a",), "stop_sequences=local", id="noted once"
        ),
        pytest.param(["a"], Profile(no_stop=True), ["a"], (), "stop_sequences=local", id="sent all the same"),
    ],
)  # fmt: skip
def test_stop_sequences_that_the_registered_stop_replaces_are_cut_here(
    asked: list[str] | None, profile: Profile, registered: Any, cut: tuple[str, ...], dropped: str
) -> None:
    model = Model("m", "remote", PROVIDER, extra_body={"stop": registered})
    request = {"messages": [{"role": "user", "content": "Hi"}], "stop_sequences": asked}
    chat = message_request_to_chat(request, profile, model="remote", max_tokens=None)
    chat = with_registered(chat, request, model, profile)
    assert (chat.body["stop"], chat.reply.cut_here) == (registered, cut)
    assert chat.drops.header() == dropped
