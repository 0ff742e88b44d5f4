"""What ``claude-proxy claude-code`` tells its user beside the settings.

Rule: pure; lines for stderr. No key is in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from proxy.cli.claude_code.facts import MAIN_TIERS, Facts, Window
from proxy.cli.claude_code.members import (
    ANY_KEY,
    CLIENT_PROMPT,
    KEY_PLACEHOLDER,
    PROXY_KEY_PLACEHOLDER,
    TOKEN,
    compacts_at,
    unnamed_tiers,
)
from proxy.cli.proxy_address import Address

ASK_OPERATOR = (
    "the proxy wants a key of its own that is not known here: ask its operator for one "
    "(a value of its CLAUDE_PROXY_AUTH_KEY) and name the variable that holds it by --key-env NAME"
)
WRONG_KEY = (
    "the proxy refuses the key: ask its operator for one (a value of its CLAUDE_PROXY_AUTH_KEY)"
)
UPSTREAM_KEY = (
    "the proxy has no key for its upstream and sends the client's on: name the variable that holds "
    "your key at {upstream} by --key-env NAME"
)


def report(address: Address, facts: Facts, env: Mapping[str, str]) -> Iterator[str]:
    """Lines about the proxy, its models and what the settings ``env`` do."""
    upstream = " (the address names the upstream)" if address.is_dynamic else ""
    key = "clients need a key" if facts.key_in_force else "any key is accepted"
    if facts.passes_keys:
        key = "the client's key is sent upstream"
    yield f"{address.url}: mode {facts.mode}, {key}{upstream}"
    yield from _models(facts)
    yield from window_report(facts)
    yield from key_advice(facts, env[TOKEN])
    yield "What each setting does: docs/clients.md, section Claude Code."


def key_advice(facts: Facts, token: str) -> Iterator[str]:
    """What to do where the settings hold no key."""
    if token == PROXY_KEY_PLACEHOLDER:
        yield f"{PROXY_KEY_PLACEHOLDER}: {ASK_OPERATOR}"
    elif token == KEY_PLACEHOLDER:
        yield f"{KEY_PLACEHOLDER}: {UPSTREAM_KEY.format(upstream=_upstreams(facts))}"
    elif token == ANY_KEY and facts.mode != "fixed":
        yield "An upstream without a key gets `any`: if it wants a key, name it by --key-env NAME."


def _upstreams(facts: Facts) -> str:
    names = [model.provider for model in facts.models.values() if model.takes_client_key]
    return ", ".join(dict.fromkeys(names)) or "the upstream"


def _models(facts: Facts) -> Iterator[str]:
    for name, model in facts.models.items():
        window = facts.window_of(name)
        unknown = "a window that Claude Code knows" if model.known_to_client else "window unknown"
        size = f"{window.tokens:,} tokens" if window else unknown
        yield f"  {name:<12} {model.provider}: {model.model} ({size})"


def window_report(facts: Facts) -> Iterator[str]:
    """Lines about the context window that the settings state."""
    window = facts.window
    if window is None and facts.client_knows:
        yield "Claude Code knows the context windows of these models itself."
        return
    if window is None:
        yield (
            "The context window is not known, so Claude Code counts with its own table (200,000 or "
            "1,000,000) and compacts when the upstream refuses: state it by max_input_tokens in "
            "the registry, or by --window TOKENS."
        )
        return
    yield from _size(window)
    for tier in unnamed_tiers(facts):
        yield (
            f"{tier}: each name of its model contains `claude`, for which Claude Code ignores a "
            "small window: register the model under another id or alias."
        )
    haiku = facts.window_of("haiku")
    if haiku and haiku < window and any(name in facts.models for name in MAIN_TIERS):
        yield (
            f"haiku has a smaller window ({haiku.tokens:,}): a subagent on it compacts when it is "
            "refused."
        )


def _size(window: Window) -> Iterator[str]:
    own = f"instructions take about {CLIENT_PROMPT:,}"
    larger = (
        "raise the window where the server sets it (llama-server -c, vLLM --max-model-len, "
        "OLLAMA_CONTEXT_LENGTH), at best to 64,000 or more"
    )
    used = compacts_at(window)
    if used <= CLIENT_PROMPT:
        yield (
            f"{window.tokens:,} tokens ({window.model}) are too few for Claude Code, whose own "
            f"{own}, so it answers `Prompt is too long`: {larger}."
        )
        return
    yield (
        f"Claude Code compacts a conversation at {used:,} of {window.tokens:,} tokens "
        f"({window.model})."
    )
    if used < 2 * CLIENT_PROMPT:
        yield f"That is often, since its own {own} of these: {larger}."
