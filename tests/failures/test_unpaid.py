"""docs/protocol.md section 5, the row of 402: an empty account, whatever status and code say so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.failures.classify import INSUFFICIENT_QUOTA, failure_from_answer, failure_from_chunk


def said(message: str = "no", **members: object) -> dict[str, Any]:
    return {"error": {"message": message, **members}}


UNPAID = [
    pytest.param(
        429,
        said("insufficient balance (1008)", type="insufficient_balance_error", http_code="429"),
        id="MiniMax at ModelScope",
    ),
    pytest.param(429, said("insufficient balance (1008)"), id="the words alone"),
    pytest.param(500, said("insufficient balance (1008)"), id="as a 500"),
    pytest.param(
        400,
        said(
            "Access denied, please make sure your account is in good standing.", code="Arrearage"
        ),
        id="DashScope",
    ),
    pytest.param(
        403,
        said("The request failed because your account has an overdue balance.", code="AccountOverdueError"),
        id="Ark",
    ),
    pytest.param(403, {"code": 30001, "message": "Sorry, your account balance is insufficient"}, id="SiliconFlow"),
    pytest.param(
        403, said("用户额度不足, 剩余额度: $0.00", code="insufficient_user_quota"), id="new-api"
    ),
    pytest.param(
        403,
        said("token quota is not enough", code="pre_consume_token_quota_failed"),
        id="new-api's token",
    ),
    pytest.param(
        401,
        {"type": "error", "error": {"type": "CreditsError", "message": "Insufficient balance."}},
        id="OpenCode Zen",
    ),
    pytest.param(
        401,
        said("You exceeded your current quota", type="insufficient_quota", code=401),
        id="Perplexity",
    ),
    pytest.param(
        400,
        said("Your credit balance is too low to access the Anthropic API."),
        id="Anthropic behind a gateway",
    ),
    pytest.param(400, said(code="billing_hard_limit_reached"), id="OpenAI's hard limit"),
    pytest.param(
        429,
        {
            "code": "Some resource has been exhausted",
            "error": "Your team has either used all available credits or reached its monthly spending limit.",
        },
        id="xAI",
    ),
    pytest.param(429, said("账户余额不足，请充值", code="1113"), id="GLM in Chinese"),
    pytest.param(
        429,
        said(
            "Provider returned error",
            code=429,
            metadata={"raw": json.dumps(said("suspended due to insufficient balance"))},
        ),
        id="inside OpenRouter's error",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("status", "payload"), UNPAID)
def test_an_empty_account_is_final(status: int, payload: dict[str, Any]) -> None:
    for error in (failure_from_answer(status, payload), failure_from_chunk(payload)):
        assert (error.status, error.type) == (402, "billing_error")
        assert error.code == INSUFFICIENT_QUOTA
        assert error.headers == {"x-should-retry": "false"}


@pytest.mark.parametrize(
    ("status", "payload"),
    [
        pytest.param(
            429,
            said(
                "You exceeded your current quota, please check your plan and billing details.",
                status="RESOURCE_EXHAUSTED",
            ),
            id="Gemini's rate",
        ),
        pytest.param(
            429,
            said("Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000"),
            id="OpenRouter's free models",
        ),
        pytest.param(
            429,
            said("Rate limit exceeded: free-models-per-day-high-balance.", type="rate_limit_error"),
            id="OpenRouter's free models of a paid account",
        ),
        pytest.param(
            429,
            said("Rate limit reached. Upgrade to Dev Tier at https://console.groq.com/settings/billing"),
            id="Groq",
        ),
        pytest.param(
            429,
            said("Your account reached max organization RPM: 3, please try again after 1 seconds"),
            id="Moonshot's rate",
        ),
        pytest.param(
            429, said("Insufficient quota for now, please retry in 20s"), id="a wait is stated"
        ),
        pytest.param(
            400,
            said("Invalid schema for function 'insufficient_balance_alert'"),
            id="a tool of the client",
        ),
        pytest.param(
            400,
            said('Invalid body: {"messages": [{"content": "insufficient balance"}]}'),
            id="a prompt that is quoted",
        ),
        pytest.param(503, said(code="insufficient_system_resource"), id="DeepSeek is busy"),
    ],
)  # fmt: skip
def test_not_the_account(status: int, payload: dict[str, Any]) -> None:
    error = failure_from_answer(status, payload)
    assert error.status in (status, 529)
    assert error.code != INSUFFICIENT_QUOTA
    assert error.headers.get("x-should-retry") is None
