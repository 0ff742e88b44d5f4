"""The models behind opus, sonnet and haiku, and those of the smart routes beside them.

Rule: pure; a tier is routed like a short message that names it. No upstream is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from proxy.errors import NotFound
from proxy.providers.routing import Route, Router

TIERS = ("opus", "sonnet", "haiku")
SMART = ("think", "long_context")
"""Smart routes that a conversation on any tier may take."""
HIDDEN = "claude"
"""Claude Code takes the window from its own table for a name that contains this."""
CLIENT_WORDS = frozenset({*TIERS, "opusplan", "best", "default", "fable"})
"""Names that Claude Code replaces by other names."""


@dataclass(frozen=True, slots=True)
class TierModel:
    """One model that a tier or a smart route leads to."""

    asked: str
    """The name that leads to it: the tier's own, or that of the smart route's model."""
    provider: str
    model: str
    """Its name at the upstream."""
    name: str | None
    """A client's name for the same model without ``claude`` in it; None: there is none."""
    max_input_tokens: int | None
    """As configured; None: only the upstream may know it."""
    takes_client_key: bool
    """Whether the client's key is sent to this upstream, and the upstream is not a local one, which
    seldom wants a key."""

    known_to_client: bool = False
    """Whether it is a Claude at an upstream that speaks the Messages API: Claude Code knows its window."""
    undecided: bool = False
    """Whether the upstream's list may decide for another model (docs/features.md)."""

    def as_json(self) -> dict[str, object]:
        """The members that ``GET /`` shows."""
        return {
            "asked": self.asked,
            "provider": self.provider,
            "model": self.model,
            "name": self.name,
            "max_input_tokens": self.max_input_tokens,
            "takes_client_key": self.takes_client_key,
            "known_to_client": self.known_to_client,
            "undecided": self.undecided,
        }


def tier_models(router: Router) -> Mapping[str, TierModel]:
    """The models by tier, then those of the smart routes that are set."""
    rules = router.registry.rules
    found = {word: _described(router, word, _short(router, word)) for word in TIERS}
    for rule in SMART:
        asked = getattr(rules, rule)
        if asked is not None:
            found[rule] = _described(router, asked, router.resolve(asked))
    return found


def configured_window(route: Route) -> int | None:
    """The input tokens of the route's model that the operator stated, in the registry or its flags."""
    stated = route.registered.max_input_tokens if route.registered else None
    return stated or route.profile.max_input


def is_local(url: str) -> bool:
    """Whether the host is this machine, or one of its network: a private address or a bare name."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".localhost", ".lan"))


def _short(router: Router, word: str) -> Route:
    return router.choose({"model": word}, lambda: 0)


def _described(router: Router, asked: str, route: Route) -> TierModel:
    return TierModel(
        asked=asked,
        provider=route.provider.name,
        model=route.model,
        name=next(_plain_names(router, route), None),
        max_input_tokens=configured_window(route),
        takes_client_key=not route.provider.api_keys and not is_local(route.provider.base_url),
        known_to_client=route.native and not is_plain(route.model),
        undecided=route.undecided,
    )


def _plain_names(router: Router, route: Route) -> Iterator[str]:
    """Names that lead to the route's model and that Claude Code sends as they are."""
    model = route.registered
    own = (model.id, *model.aliases) if model else (route.model,)
    for name in (*own, f"{route.provider.name}/{route.model}"):
        if is_plain(name) and _leads_to(router, name, route):
            yield name


def is_plain(name: str) -> bool:
    """Whether Claude Code sends ``name`` as it is, and takes its window from the settings."""
    lowered = name.lower()
    return HIDDEN not in lowered and lowered not in CLIENT_WORDS and "[" not in name


def _leads_to(router: Router, name: str, route: Route) -> bool:
    try:
        found = router.choose({"model": name}, lambda: 0)
    except NotFound:
        return False
    return found.provider is route.provider and found.model == route.model
