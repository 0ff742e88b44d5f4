"""The models that init proposes, for lists such as each provider's own."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from proxy.cli.init.proposals import NO_MODELS, Tiers, ordered, proposed_tiers
from proxy.providers.profiles import PROFILES, Vendor, base_path_for, starts, vendor_for

VENDOR = pytest.mark.parametrize("vendor", PROFILES, ids=lambda vendor: str(vendor.name))
LISTS = {
    "openai": (
        "gpt-4 gpt-4o gpt-4o-mini gpt-5 gpt-5-mini gpt-5.2 gpt-5.2-2025-12-11 gpt-5.2-pro gpt-5.10 "
        "gpt-5.4-mini gpt-5-nano gpt-image-1 text-embedding-3-small whisper-1 o3",
        Tiers("gpt-5.10", "gpt-5.10", "gpt-5.4-mini"),
    ),
    "azure": ("gpt-4o gpt-5.2 DeepSeek-V3.1", NO_MODELS),
    "deepseek": (
        "deepseek-v4-flash deepseek-v4-pro deepseek-chat",
        Tiers("deepseek-v4-pro", "deepseek-v4-pro", "deepseek-v4-flash"),
    ),
    "qwen": (
        "qwen-max qwen3-max qwen3.7-max qwen-plus qwen3.6-plus qwen3-vl-plus qwen-flash "
        "qwen3.5-flash text-embedding-v4",
        Tiers("qwen3.7-max", "qwen3.6-plus", "qwen3.5-flash"),
    ),
    "moonshot": (
        "kimi-k2-0905-preview kimi-k2.6 kimi-k3 moonshot-v1-8k",
        Tiers("kimi-k3", "kimi-k3", "kimi-k3"),
    ),
    "glm": (
        "glm-4.5 glm-4.5-air glm-4.7 glm-5.2 glm-5-turbo glm-4.6v",
        Tiers("glm-5.2", "glm-5.2", "glm-4.5-air"),
    ),
    "minimax": ("MiniMax-M2 MiniMax-M2.7 abab6.5", Tiers(*["MiniMax-M2.7"] * 3)),
    "openrouter": (
        "openai/gpt-5.2 anthropic/claude-opus-4.5 anthropic/claude-opus-4.8 "
        "anthropic/claude-sonnet-5 anthropic/claude-haiku-4.5 mistral/claude-opus-9",
        Tiers(
            "anthropic/claude-opus-4.8", "anthropic/claude-sonnet-5", "anthropic/claude-haiku-4.5"
        ),
    ),
    "gemini": (
        "models/gemini-2.5-pro models/gemini-3-pro-preview models/gemini-2.5-flash "
        "models/gemini-2.5-flash-lite models/gemini-3-pro-image-preview models/embedding-001",
        Tiers(
            "models/gemini-3-pro-preview", "models/gemini-2.5-flash", "models/gemini-2.5-flash-lite"
        ),
    ),
    "vertex": (
        "google/gemini-2.5-pro google/gemini-2.5-flash",
        Tiers("google/gemini-2.5-pro", "google/gemini-2.5-flash", "google/gemini-2.5-flash"),
    ),
    "groq": (
        "llama-3.3-70b-versatile openai/gpt-oss-120b openai/gpt-oss-20b whisper-large-v3",
        Tiers("openai/gpt-oss-120b", "openai/gpt-oss-120b", "openai/gpt-oss-20b"),
    ),
    "mistral": (
        "mistral-large-latest devstral-medium-latest mistral-small-latest mistral-embed",
        Tiers("mistral-large-latest", "devstral-medium-latest", "mistral-small-latest"),
    ),
    "ollama": (
        "nomic-embed-text:latest llama3.2:3b qwen3-coder:30b qwen3:8b",
        Tiers(*["qwen3-coder:30b"] * 3),
    ),
    "vllm": (
        "Qwen/Qwen3-Coder-30B-A3B-Instruct BAAI/bge-m3",
        Tiers(*["Qwen/Qwen3-Coder-30B-A3B-Instruct"] * 3),
    ),
    "llamacpp": ("tiny-random", Tiers(*["tiny-random"] * 3)),
    "ark": (
        "doubao-seed-1-8-251228 doubao-seed-2-0-pro-260215 doubao-seed-2-0-lite-260215 "
        "doubao-embedding-vision-250615",
        Tiers(
            "doubao-seed-2-0-pro-260215",
            "doubao-seed-2-0-pro-260215",
            "doubao-seed-2-0-lite-260215",
        ),
    ),
    "xai": (
        "grok-3 grok-3-mini grok-4-0709 grok-4.3 grok-4-1-fast-reasoning grok-4-1-fast-non-reasoning "
        "grok-2-image-1212 grok-code-fast-1",
        Tiers("grok-4.3", "grok-4.3", "grok-4-1-fast-reasoning"),
    ),
    "qiniu": (
        "deepseek/deepseek-v4-pro z-ai/glm-5.2 glm-4.5-air",
        Tiers("deepseek/deepseek-v4-pro", "deepseek/deepseek-v4-pro", "glm-4.5-air"),
    ),
}


@VENDOR
def test_the_proposals_for_a_list_such_as_the_providers_own(vendor: Vendor) -> None:
    listed, expected = LISTS[vendor.name]
    assert proposed_tiers(vendor.start, listed.split()) == expected


@VENDOR
def test_nothing_is_proposed_that_is_not_listed(vendor: Vendor) -> None:
    assert proposed_tiers(vendor.start, ["acme-1", "acme-2"]) == NO_MODELS


def test_the_only_model_that_can_chat_is_taken_for_all_tiers() -> None:
    listed = ["text-embedding-3-small", "acme-1"]
    assert proposed_tiers(starts()["openai"], listed) == Tiers("acme-1", "acme-1", "acme-1")
    assert ordered(listed) == ["acme-1", "text-embedding-3-small"]


@VENDOR
def test_every_vendor_has_a_start(vendor: Vendor) -> None:
    start = vendor.start
    assert start.title
    assert bool(start.base_urls) != bool(start.url_form)
    for url in start.base_urls or (start.url_form,):
        parts = urlsplit(url)
        assert vendor_for(parts.netloc.lower(), path=parts.path) is vendor
        assert parts.scheme == "https" or parts.hostname == "127.0.0.1"
        # It is complete: no path is inserted.
        assert base_path_for(parts.netloc.lower(), parts.path) in (None, parts.path)
    for pattern in (*start.big, *start.middle, *start.small):
        re.compile(pattern)


def test_the_menu_fits_a_terminal() -> None:
    assert max(len(start.title) for start in starts().values()) <= 30


def test_no_two_vendors_have_one_title() -> None:
    titles = [start.title for start in starts().values()]
    assert len(titles) == len(set(titles)) == len(PROFILES)
