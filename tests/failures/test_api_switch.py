"""Refusals by which an upstream names the other protocol (responses.md R 1.4)."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import UpstreamError
from proxy.failures.classify import failure_from_answer
from proxy.failures.healing import Healing, healing_for
from proxy.failures.response_healing import response_healing_for
from proxy.providers.profiles import Profile, overridden, profile_for

MODEL = "gpt-5.1-codex"
OPENAI = profile_for("api.openai.com", "gpt-4o")
AZURE = profile_for("mine.openai.azure.com", "prod")
OTHER = Profile()
CHAT_BODY: dict[str, Any] = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "Q"}],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
    "reasoning_effort": "high",
}
BODY: dict[str, Any] = {"model": MODEL, "input": [], "store": False}
BY_RESPONSES = overridden(Profile(), {"api": "responses"})
TO_RESPONSES = Healing("api", {"api": "responses"}, True)
TO_CHAT = Healing("api", {"api": "chat"}, True)
NO_CHAT_MODEL = (
    "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you "
    "mean to use v1/completions?"
)


def refused(status: int, text: object, code: str | None = None) -> UpstreamError:
    payload = {"error": {"message": text, "code": code}} if isinstance(text, str) else text
    return failure_from_answer(status, payload, model=MODEL)


NAMED = [
    pytest.param(OTHER, refused(404, "This model is only supported in v1/responses and not in v1/chat/completions."), id="R10.1 only supported in"),
    pytest.param(OTHER, refused(400, "This model is only supported in v1/responses and not in v1/chat/completions.", "model_not_found"), id="R10.1 with a code of missing models"),
    pytest.param(OPENAI, refused(404, NO_CHAT_MODEL), id="R10.2 not a chat model"),
    pytest.param(AZURE, refused(400, "The chatCompletion operation does not work with the specified model, gpt-5-codex.", "OperationNotSupported"), id="R10.3 OperationNotSupported"),
    pytest.param(OTHER, refused(400, 'model "gpt-5-codex" is not accessible via the /chat/completions endpoint', "unsupported_api_for_model"), id="R10.4 unsupported_api_for_model"),
    pytest.param(OTHER, refused(400, "no", "unsupported_api_for_model"), id="R10.4 the code alone"),
    pytest.param(OTHER, refused(400, 'model "x" is not accessible via the /chat/completions endpoint'), id="R10.4 the words alone"),
    pytest.param(OTHER, refused(400, "Function tools with reasoning_effort are not supported for gpt-5.4 in /v1/chat/completions. Please use /v1/responses instead."), id="R10.5 tools with reasoning_effort"),
    pytest.param(OTHER, refused(400, "Unsupported legacy protocol: /v1/chat/completions is not supported. Please use /v1/responses."), id="R10.6 a gateway that closed it"),
]  # fmt: skip


@pytest.mark.parametrize(("profile", "error"), NAMED)
def test_r14_chat_to_responses(profile: Profile, error: UpstreamError) -> None:
    assert healing_for(profile, CHAT_BODY, error) == TO_RESPONSES


@pytest.mark.parametrize(("profile", "error"), NAMED)
def test_r14_pinned_or_switched_before_it_stays(profile: Profile, error: UpstreamError) -> None:
    pinned = overridden(profile, {"api_switch": False})
    for healing in (
        healing_for(pinned, CHAT_BODY, error),
        healing_for(profile, CHAT_BODY, error, healed=["api"]),
        response_healing_for(pinned, BODY, error),
    ):
        assert healing is None or "api" not in healing.flags


@pytest.mark.parametrize(
    ("profile", "error"),
    [
        pytest.param(OTHER, refused(404, NO_CHAT_MODEL), id="not a chat model, elsewhere"),
        pytest.param(OTHER, refused(404, "The model `x` does not exist", "model_not_found"), id="a missing model"),
        pytest.param(OTHER, refused(404, "page not found"), id="a missing endpoint that names nothing"),
        pytest.param(OTHER, refused(400, "Please do not ask for responses"), id="a word"),
        pytest.param(OTHER, refused(500, "only supported in v1/responses"), id="a failure"),
        pytest.param(OTHER, refused(401, "only supported in v1/responses"), id="a key"),
        pytest.param(OTHER, refused(400, "OperationNotSupported", "OperationNotSupported"), id="another operation"),
    ],
)  # fmt: skip
def test_r14_no_switch_to_responses(profile: Profile, error: UpstreamError) -> None:
    healing = healing_for(profile, CHAT_BODY, error)
    assert healing is None or "api" not in healing.flags


MISSING = [
    pytest.param(refused(404, b"404 page not found"), id="R10.7 Go's own words"),
    pytest.param(refused(404, {"detail": "Not Found"}), id="R10.7 FastAPI's"),
    pytest.param(refused(404, {"error": {"message": "File Not Found", "type": "not_found_error", "code": 404}}), id="R10.7 llama.cpp's"),
    pytest.param(refused(404, "Unknown request URL: POST /v1/responses. Please check the URL", "unknown_url"), id="R10.7 Groq's"),
    pytest.param(refused(404, "no", "unknown_url"), id="R10.7 the code alone"),
    pytest.param(refused(404, "Invalid URL (POST /v1/responses)"), id="R10.7 OpenAI's"),
    pytest.param(refused(404, "Route POST:/v1/responses not found"), id="R10.7 a router's"),
    pytest.param(refused(404, "no Route matched with those values"), id="R10.7 a gateway's"),
    pytest.param(refused(404, b""), id="R10.7 an empty body"),
    pytest.param(refused(404, b"<html><head><title>404</title></head><body>x</body></html>"), id="R10.7 a page"),
    pytest.param(refused(405, "Method Not Allowed"), id="R1.4 405"),
    pytest.param(refused(501, "no"), id="R1.4 501"),
    pytest.param(refused(400, f"{MODEL} is not supported in v1/responses"), id="R1.4 not supported in"),
    pytest.param(refused(400, f'model "{MODEL}" is not accessible via the /responses endpoint'), id="R1.4 not accessible"),
    pytest.param(refused(400, "The Responses API is not enabled for this deployment"), id="R1.4 not enabled"),
    pytest.param(refused(400, "responses api is not available in this region"), id="R1.4 not available"),
    pytest.param(refused(422, "The Responses API is not supported"), id="R1.4 not supported"),
]  # fmt: skip


@pytest.mark.parametrize("error", MISSING)
def test_r14_responses_to_chat(error: UpstreamError) -> None:
    assert response_healing_for(BY_RESPONSES, BODY, error) == TO_CHAT


@pytest.mark.parametrize("error", MISSING)
def test_r14_pinned_or_switched_before_responses_stays(error: UpstreamError) -> None:
    pinned = overridden(BY_RESPONSES, {"api_switch": False})
    assert response_healing_for(pinned, BODY, error) is None
    assert response_healing_for(BY_RESPONSES, BODY, error, healed=["api"]) is None


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(refused(404, f"The model `{MODEL}` does not exist", "model_not_found"), id="a missing model"),
        pytest.param(refused(404, "no", "model_not_found"), id="its code"),
        pytest.param(refused(404, f"no route for {MODEL}"), id="words that name the model"),
        pytest.param(refused(404, "Item with id 'rs_1' not found."), id="a missing item"),
        pytest.param(refused(404, "The API deployment for this resource does not exist", "DeploymentNotFound"), id="a missing deployment"),
        pytest.param(refused(400, "Invalid URL in 'input[0].content[0].image_url'"), id="an address in the request"),
        pytest.param(refused(429, "page not found"), id="a rate"),
        pytest.param(refused(500, b""), id="a failure"),
        pytest.param(refused(401, b""), id="a key"),
    ],
)  # fmt: skip
def test_r14_no_switch_to_chat(error: UpstreamError) -> None:
    healing = response_healing_for(BY_RESPONSES, BODY, error)
    assert healing is None or "api" not in healing.flags


def test_r14_a_missing_model_is_told_by_its_name() -> None:
    assert refused(404, f"The model `{MODEL}` does not exist").message == f"model: {MODEL}"
