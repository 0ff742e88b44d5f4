"""The members of Claude Code's settings.json for a proxy.

Rule: pure. docs/clients.md gives the reason of each setting. A window that is not known sets nothing.
"""

from __future__ import annotations

from config.settings import Settings
from proxy.cli.claude_code.facts import Facts, Window, configured_facts
from proxy.cli.server_urls import client_url
from proxy.providers.tier_models import TIERS

ANY_KEY = "any"
"""Without a token Claude Code asks its user to log in; a proxy without auth keys accepts any."""
KEY_PLACEHOLDER = "YOUR-UPSTREAM-KEY"
PROXY_KEY_PLACEHOLDER = "YOUR-PROXY-KEY"
PLACEHOLDERS = (KEY_PLACEHOLDER, PROXY_KEY_PLACEHOLDER)

URL = "ANTHROPIC_BASE_URL"
TOKEN = "ANTHROPIC_AUTH_TOKEN"
CONNECTION = (URL, TOKEN)
"""Settings that are always written: without them the client does not reach the proxy."""
COMPACT_WINDOW = "CLAUDE_CODE_AUTO_COMPACT_WINDOW"
CONTEXT_TOKENS = "CLAUDE_CODE_MAX_CONTEXT_TOKENS"
NO_LONG_CONTEXT = "CLAUDE_CODE_DISABLE_1M_CONTEXT"
OUTPUT_TOKENS = "CLAUDE_CODE_MAX_OUTPUT_TOKENS"
LEAST_COMPACT_WINDOW, MOST_COMPACT_WINDOW = 100_000, 1_000_000
"""The client raises or ignores other values."""
STANDARD_WINDOW = 200_000
"""What the client counts with NO_LONG_CONTEXT. Without that it takes its default model, also under
another name, for one of a million tokens."""
RESERVED = 13_000
"""Tokens that the client keeps free for its summary, besides the longest answer."""
MODERATE_ANSWER, SHORT_ANSWER = 8192, 4096
"""Output tokens with a small window. The client keeps as many free, but at most 20,000: of a window of
60,000 it would use 27,000 before it compacts."""
SHORT_BELOW = 50_000
CLIENT_PROMPT = 11_000
"""Tokens of the client's own instructions and tools, with ENABLE_TOOL_SEARCH and without a project's."""


def client_settings(
    settings: Settings,
    *,
    url: str | None = None,
    key: str | None = None,
    window: int | None = None,
) -> dict[str, dict[str, str]]:
    """The members for a proxy with these settings, which need not run.

    ``url`` and ``key`` replace the values from ``settings``; ``window`` is the models' context window
    in tokens, in place of the registered ones. Raises ``ConfigError``.
    """
    facts = configured_facts(settings, window)
    address = url or client_url(settings.host, settings.port)
    return members(address, key or known_key(facts, settings.auth_keys), facts)


def known_key(facts: Facts, auth_keys: tuple[str, ...]) -> str:
    """The key to send as far as it is known here: one of ``auth_keys``, any, or a placeholder."""
    if facts.passes_keys:
        return KEY_PLACEHOLDER
    if not facts.key_in_force:
        return ANY_KEY
    return auth_keys[0] if auth_keys else PROXY_KEY_PLACEHOLDER


def members(url: str, key: str, facts: Facts) -> dict[str, dict[str, str]]:
    """The members of settings.json for the proxy at ``url``."""
    return {
        "env": {
            URL: url.rstrip("/"),
            TOKEN: key,
            "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1",
            "ENABLE_TOOL_SEARCH": "true",
            **window_settings(facts),
        }
    }


def window_settings(facts: Facts) -> dict[str, str]:
    """What makes the client's context meter and compaction true; empty without a known window."""
    window = facts.window
    if window is None:
        return {}
    if window.tokens >= LEAST_COMPACT_WINDOW:
        compact = {COMPACT_WINDOW: str(min(window.tokens, MOST_COMPACT_WINDOW))}
        return compact | ({NO_LONG_CONTEXT: "1"} if window.tokens <= STANDARD_WINDOW else {})
    return {
        NO_LONG_CONTEXT: "1",
        COMPACT_WINDOW: str(LEAST_COMPACT_WINDOW),
        CONTEXT_TOKENS: str(window.tokens),
        OUTPUT_TOKENS: str(_answer(window)),
        **{_variable(tier): name for tier in TIERS if (name := _name(facts, tier))},
    }


def compacts_at(window: Window) -> int:
    """Tokens of a conversation at which the client compacts it."""
    longest = _answer(window) if window.tokens < LEAST_COMPACT_WINDOW else 20_000
    return min(window.tokens, MOST_COMPACT_WINDOW) - longest - RESERVED


def unnamed_tiers(facts: Facts) -> list[str]:
    """The tiers whose models have only names with ``claude``, with which a small window is ignored."""
    window = facts.window
    if window is None or window.tokens >= LEAST_COMPACT_WINDOW:
        return []
    return [tier for tier in TIERS if tier in facts.models and _name(facts, tier) is None]


def _answer(window: Window) -> int:
    return SHORT_ANSWER if window.tokens < SHORT_BELOW else MODERATE_ANSWER


def _name(facts: Facts, tier: str) -> str | None:
    return facts.models[tier].name if tier in facts.models else None


def _variable(tier: str) -> str:
    return f"ANTHROPIC_DEFAULT_{tier.upper()}_MODEL"
