"""What each vendor gets at its Responses endpoint (responses.md R 7.2), as flags of its profile.

What a flag does to a request or an answer is stated with the converters.
"""

from __future__ import annotations

from typing import Any

import pytest

from proxy.providers.profiles import PROFILES, Profile, overridden, profile_for, under_responses
from tests.providers.profiles.test_vendors import HOST_FOR_VENDOR

FLAGS = (
    "system_field", "store", "strict_field", "tool_output_parts", "text_format", "cache_key",
    "no_obfuscation", "reasoning_items", "reasoning_ids", "reasoning_summary", "phase",
    "silent_cut", "eof_ends", "min_output", "user_field", "prefill_items", "web_search",
    "count_endpoint", "stream_only", "thinking_style", "efforts",
)  # fmt: skip
OPENAI = {
    "cache_key": True, "no_obfuscation": True, "min_output": 16, "prefill_items": "error",
    "user_field": "safety_identifier", "count_endpoint": "responses",
}  # fmt: skip
AZURE = {"cache_key": True, "min_output": 16, "prefill_items": "error"}
XAI = {
    "cache_key": True, "prefill_items": "error", "reasoning_items": "encrypted", "web_search": "tool",
}  # fmt: skip
VENDORS: dict[str, dict[str, object]] = {
    "openai": OPENAI,
    "azure": AZURE,
    "deepseek": {"reasoning_items": "text", "thinking_style": "toggle"},
    "moonshot": {"count_endpoint": "moonshot"},
    "openrouter": {"min_output": 16, "eof_ends": True, "thinking_style": "openrouter", "web_search": "plugin"},
    "ollama": {"reasoning_items": "encrypted", "silent_cut": True, "efforts": ("none", "low", "medium", "high", "max")},
    "vllm": {"reasoning_items": "text", "tool_output_parts": False, "count_endpoint": "vllm"},
    "llamacpp": {"reasoning_items": "text", "text_format": "response_format", "silent_cut": True, "tool_output_parts": False, "count_endpoint": "responses"},
    "xai": XAI,
}  # fmt: skip
"""Vendors that are missing here get nothing else than an unknown host."""


def differences(host: str, model: str) -> dict[str, object]:
    profile, plain = under_responses(profile_for(host, model)), Profile()
    return {
        name: value for name in FLAGS if (value := getattr(profile, name)) != getattr(plain, name)
    }


@pytest.mark.parametrize("vendor", HOST_FOR_VENDOR)
def test_r72_every_model(vendor: str) -> None:
    assert differences(HOST_FOR_VENDOR[vendor], "some-model") == VENDORS.get(vendor, {})


def test_r72_no_vendor_is_missing() -> None:
    assert HOST_FOR_VENDOR.keys() == {vendor.name for vendor in PROFILES}


@pytest.mark.parametrize(
    ("vendor", "models", "flag", "value"),
    [
        ("openai", "gpt-4o gpt-4o-mini gpt-4.1 o1 o3 o4-mini gpt-5 gpt-5.2 gpt-6-sol", "web_search", "tool"),
        ("openai", "gpt-4o-search-preview gpt-5-search-api", "web_search", "options"),
        ("openai", "gpt-4 gpt-4-turbo gpt-3.5-turbo gpt-4o-audio-preview", "web_search", None),
        ("openai", "gpt-5.3-codex gpt-5.4 gpt-5.4-mini gpt-5.6-sol gpt-6-sol", "phase", True),
        ("openai", "gpt-5 gpt-5.1-codex gpt-5.2 gpt-5.3 gpt-4o o3", "phase", False),
        ("openai", "gpt-5-pro gpt-5.2-pro gpt-5.2-pro-2025-12-11 o1-pro o3-pro o3-deep-research", "stream_only", True),
        ("openai", "gpt-5 gpt-5.2 o3 gpt-5-codex", "stream_only", False),
        ("azure", "gpt-5.3-codex gpt-5.4 gpt-6-sol", "phase", True),
        ("azure", "gpt-5-pro o3-pro o4-mini-deep-research", "stream_only", True),
        ("azure", "gpt-5 gpt-4o", "web_search", None),
        ("openrouter", "openai/gpt-5-pro", "stream_only", False),
        ("openrouter", "openai/gpt-5.4", "phase", False),
        ("xai", "grok-3-mini grok-3-mini-fast grok-4.3 grok-4.20-multi-agent-0309", "thinking_style", "effort"),
        ("xai", "grok-3 grok-4 grok-4-0709 grok-4-1-fast-reasoning grok-4.20-reasoning grok-code-fast-1", "thinking_style", "none"),
        ("xai", "grok-3-mini", "efforts", ("low", "high")),
        ("xai", "grok-4.3", "efforts", ("none", "low", "medium", "high")),
        ("xai", "grok-3-mini grok-4 grok-4.3 grok-code-fast-1 grok-4-fast-reasoning", "no_stop", True),
        ("xai", "grok-3 grok-4-1-fast-non-reasoning grok-4.20-non-reasoning", "no_stop", False),
        ("xai", "grok-4 grok-code-fast-1", "always_reasons", True),
        ("xai", "grok-4.3 grok-3 grok-4-fast-non-reasoning", "always_reasons", False),
    ],
)  # fmt: skip
def test_r72_models(vendor: str, models: str, flag: str, value: object) -> None:
    found = {
        model: getattr(under_responses(profile_for(HOST_FOR_VENDOR[vendor], model)), flag)
        for model in models.split()
    }
    assert found == dict.fromkeys(models.split(), value)


@pytest.mark.parametrize("set_otherwise", [{"min_output": 40}, {"user_field": "user"}])
def test_what_is_set_otherwise_stays(set_otherwise: dict[str, Any]) -> None:
    profile = overridden(profile_for("api.openai.com", "gpt-5"), set_otherwise)
    (name,) = set_otherwise
    assert getattr(under_responses(profile), name) == set_otherwise[name]


def test_chat_is_asked_as_before() -> None:
    """The minimum and the person's hash are those of the other endpoint."""
    profile = profile_for("api.openai.com", "gpt-5")
    assert (profile.min_output, profile.user_field) == (None, None)
    assert profile_for("localhost:11434", "gpt-oss:20b").efforts == ("low", "medium", "high")


def test_an_unknown_host_gets_the_defaults() -> None:
    assert differences("gateway.example.com", "some-model") == {}
    assert under_responses(Profile()) == Profile()


@pytest.mark.parametrize(
    ("host", "models", "api"),
    [
        ("api.openai.com", "gpt-5-codex gpt-5.1-codex-max gpt-5.1-codex-mini codex-mini-latest o1-pro o3-pro o3-pro-2025-06-10 gpt-5-pro gpt-5.2-pro o3-deep-research o4-mini-deep-research computer-use-preview gpt-5.4-cyber gpt-daybreak-1 gpt-rosalind gpt-6.1-astra-law", "responses"),
        ("api.openai.com", "gpt-5.4 gpt-5.4-mini gpt-5.5 gpt-5.6-sol gpt-6-sol gpt-5.4-2026-03-05", "responses"),
        ("api.openai.com", "gpt-4o gpt-4.1 o1 o3 o4-mini gpt-5 gpt-5-mini gpt-5.1 gpt-5.2 gpt-3.5-turbo some-model", "chat"),
        ("api.openai.com", "gpt-4o-search-preview gpt-5-search-api gpt-6-search gpt-4o-audio-preview gpt-6-audio o1-mini o1-preview", "chat"),
        ("api.openai.com", "gpt-5-chat-latest gpt-5.4-chat gpt-5.4-chat-latest", "chat"),
        ("mine.openai.azure.com", "gpt-5-codex o3-pro gpt-5-pro o3-deep-research", "responses"),
        ("mine.openai.azure.com", "gpt-5.4 gpt-6-sol gpt-4o my-deployment", "chat"),
        ("api.x.ai", "grok-4 grok-3 grok-code-fast-1 some-model", "responses"),
        ("openrouter.ai", "openai/gpt-5-codex openai/gpt-5.4", "chat"),
        ("gateway.example.com", "gpt-5-codex gpt-5.4 grok-4", "chat"),
    ],
)  # fmt: skip
def test_r12_the_protocol_by_model(host: str, models: str, api: str) -> None:
    found = {model: profile_for(host, model).api for model in models.split()}
    assert found == dict.fromkeys(models.split(), api)


@pytest.mark.parametrize("vendor", sorted(HOST_FOR_VENDOR.keys() - {"openai", "azure", "xai"}))
def test_r12_all_others_stay_at_chat(vendor: str) -> None:
    for model in ("some-model", "gpt-5-codex", "o3-pro", "gpt-6-sol"):
        assert profile_for(HOST_FOR_VENDOR[vendor], model).api == "chat"
