"""Variables that look as if they were meant for this program and that it does not read.

Rule: pure. A prefixed name is always meant. Any other name is told only if what it stands for is not set,
and from the process's environment only if no other program has a use for it: an environment that suits the
other programs of a machine causes no warning. Texts name variables, never their values.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches

from config.variables.links import is_any_service_link
from config.variables.row import PREFIX
from config.variables.table import CUSTOM_HEADER_PREFIX, VARIABLES

NAMES = tuple(dict.fromkeys(name for variable in VARIABLES for name in variable.names))
_UPSTREAM = ("OPENAI_BASE_URL", "OPENAI_API_KEY")
_REGISTRY = tuple(name for v in VARIABLES if v.field == "config" for name in v.names)

_SAME_MEANING: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "OPENAI_API_BASE",
            "OPENAI_API_BASE_URL",
            "OPENAI_API_ENDPOINT",
            "OPENAI_API_HOST",
            "OPENAI_API_URL",
            "OPENAI_BASE",
            "OPENAI_ENDPOINT",
            "OPENAI_HOST",
            "OPENAI_URL",
        ),
        "OPENAI_BASE_URL",
    ),
    **dict.fromkeys(("OPENAI_API_TOKEN", "OPENAI_KEY", "OPENAI_TOKEN"), "OPENAI_API_KEY"),
}
"""Names that say the same in other programs."""
_KEYS_OF_PROVIDERS = tuple(
    f"{provider}_API_KEY"
    for provider in (
        *("ANTHROPIC", "ARK", "AZURE_OPENAI", "DASHSCOPE", "DEEPSEEK", "GEMINI", "GROQ", "MISTRAL"),
        *("MOONSHOT", "OPENROUTER", "ZAI", "ZHIPUAI"),
    )
)
"""Names under which other proxies and registry files have the keys of providers."""
_IN_A_FILE: Mapping[str, str] = {
    **dict.fromkeys(
        ("AZURE_OPENAI_ENDPOINT", "UPSTREAM_BASE_URL", "UPSTREAM_URL"), "OPENAI_BASE_URL"
    ),
    "UPSTREAM_API_KEY": "OPENAI_API_KEY",
    **dict.fromkeys(_KEYS_OF_PROVIDERS, "OPENAI_API_KEY"),
    **dict.fromkeys(
        ("AK", "ANTHROPIC_AUTH_TOKEN", "PROXY_API_KEY", "PROXY_AUTH_KEY"), f"{PREFIX}AUTH_KEY"
    ),
    **dict.fromkeys(("OPENAI_MODEL", "OPUS_MODEL"), f"{PREFIX}BIG_MODEL"),
    "SONNET_MODEL": f"{PREFIX}MIDDLE_MODEL",
    "HAIKU_MODEL": f"{PREFIX}SMALL_MODEL",
    **dict.fromkeys(("ALLOWED_DOMAINS", "DOMAIN_WHITELIST"), f"{PREFIX}ALLOWED_HOSTS"),
    "UPSTREAM_TIMEOUT_SECONDS": f"{PREFIX}REQUEST_TIMEOUT",
}
"""The same, told only from ``.env``: in the environment they may be the client's or another program's."""
_WITH_PREFIX: Mapping[str, str] = {
    **dict.fromkeys(("BASE_URL", "UPSTREAM"), "OPENAI_BASE_URL"),
    **dict.fromkeys(
        ("CONFIG_FILE", "CONFIG_PATH", "MODELS_FILE", "REGISTRY", "REGISTRY_FILE"),
        f"{PREFIX}CONFIG",
    ),
    **dict.fromkeys(("TIMEOUT", "UPSTREAM_TIMEOUT"), f"{PREFIX}REQUEST_TIMEOUT"),
    **dict.fromkeys(("AUTH_TOKEN", "KEY", "TOKEN"), f"{PREFIX}AUTH_KEY"),
    **dict.fromkeys(("DEBUG", "VERBOSE"), f"{PREFIX}LOG_LEVEL"),
    "CORS_ORIGINS": f"{PREFIX}ALLOWED_ORIGINS",
    "RATE_LIMIT": f"{PREFIX}RATE_LIMIT_RPM",
    "THREADS": f"{PREFIX}WORKERS",
}
"""Words after the prefix that no variable resembles."""
_COMMON = frozenset(
    {
        "CA_BUNDLE",
        "CONFIG",
        "GRACEFUL_TIMEOUT",
        "LOG_FILE",
        "LOG_FORMAT",
        "MAX_CONCURRENCY",
        "RECORD",
        "REDIS_URL",
        "STRICT",
        "WORKERS",
        "WORKER_CONNECTIONS",
    }
)
"""Bare names that other programs read or that platforms set."""
_OF_OPENAIS_SDK = frozenset(
    {
        "OPENAI_ADMIN_KEY",
        "OPENAI_API_TYPE",
        "OPENAI_API_VERSION",
        "OPENAI_ORG_ID",
        "OPENAI_ORGANIZATION",
        "OPENAI_PROJECT_ID",
    }
)
_OURS_ALONE = re.compile(r"OPENAI_(?:API_KEY|BASE_URL)|(?:BIG|MIDDLE|SMALL)_MODEL|ROUTER_.*")
"""Bare names that are told from the environment if they are misspelt."""
_ALMOST_OUR_PREFIX = re.compile(r"(C[A-Z]*)(?:[_-][A-Z]*)?[_-]PROX.*|CLAUDEPROXY.*")
_FIRST_WORD = "CLAUDE"
_NEAR = 0.85
_NEAR_WORD = 0.8
"""Two letters exchanged, one missing or one too many; CLOUD, CODE and CLUSTER are other words."""


@dataclass(frozen=True, slots=True)
class Misnamed:
    """A variable that is set and not read."""

    name: str
    origin: str
    """``environment`` or ``.env``."""
    right: tuple[str, ...] = ()
    """Names that may be meant, the nearest first."""

    @property
    def advice(self) -> str:
        """What to write."""
        if self.name in _KEYS_OF_PROVIDERS:
            return (
                f"write OPENAI_API_KEY, or set {PREFIX}CONFIG to the registry file "
                f"whose api_key_env (api_key_name) is {self.name}"
            )
        if self.right:
            return f"write {' or '.join(self.right)}"
        return "remove it, or look for its name in docs/configuration.md"

    def __str__(self) -> str:
        name = self.name if self.name.isprintable() else repr(self.name)
        return f"{name}{' (.env)' if self.origin == '.env' else ''} is not read: {self.advice}"


def misnamed_variables(
    environ: Mapping[str, str], dotenv: Mapping[str, str], read: Collection[str] = ()
) -> tuple[Misnamed, ...]:
    """Every variable of both sources that is set, seems to be meant, and is not read.

    ``read``: further names that are read, because a registry file names them.
    """
    known = {*NAMES, *read}
    present = {
        name for source in (environ, dotenv) for name, text in source.items() if text.strip()
    }
    found: dict[str, Misnamed] = {}
    for source, origin in ((environ, "environment"), (dotenv, ".env")):
        for name, text in source.items():
            if name in present and name not in known and not is_any_service_link(name, text):
                right = _meant(name, present, in_file=origin == ".env")
                if right is not None:
                    found.setdefault(name, Misnamed(name, origin, right))
    return tuple(found.values())


def _meant(name: str, present: set[str], *, in_file: bool) -> tuple[str, ...] | None:
    """The names that ``name`` may stand for; None if it is not meant for this program."""
    # docker and other readers of env files may leave the word in front.
    plain = name.upper().removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").removeprefix("EXPORT ")
    if plain.startswith(PREFIX):
        return _after_prefix(plain.removeprefix(PREFIX))
    right = _without_prefix(name, plain.strip(), in_file=in_file)
    if right is None or right in present or _is_answered(right, present):
        return None
    return (right,)


def _is_answered(right: str, present: set[str]) -> bool:
    """Whether another variable has the setting, or a registry file describes the upstream."""
    if right in _UPSTREAM and present.intersection(_REGISTRY):
        return True
    return any(right in v.names and present.intersection(v.names) for v in VARIABLES)


def _after_prefix(suffix: str) -> tuple[str, ...]:
    if suffix.startswith(CUSTOM_HEADER_PREFIX):
        return (suffix,)
    for table in (_WITH_PREFIX, _SAME_MEANING, _IN_A_FILE):
        if suffix in table:
            return (table[suffix],)
    # Prefixed names first: they are written where a bare one would do too.
    by_end = {name.removeprefix(PREFIX).upper(): name for name in reversed(NAMES)}
    if suffix in by_end:
        return (by_end[suffix],)
    same = [name for end, name in by_end.items() if _letters(end) == _letters(suffix)]
    return tuple(same) or tuple(by_end[end] for end in _nearest(suffix, by_end))


def _without_prefix(name: str, plain: str, *, in_file: bool) -> str | None:
    prefixed = PREFIX + plain
    if prefixed in NAMES and name == plain:
        return prefixed if in_file or plain not in _COMMON else None
    if plain in _SAME_MEANING:
        return _SAME_MEANING[plain]
    if in_file and plain in _IN_A_FILE:
        return _IN_A_FILE[plain]
    if plain in _OF_OPENAIS_SDK or plain in _IN_A_FILE:
        return None
    beginning = _ALMOST_OUR_PREFIX.match(plain)
    if beginning:
        near = _likeness(beginning[1] or _FIRST_WORD, _FIRST_WORD) >= _NEAR_WORD
        return _almost(plain, (n for n in NAMES if n.startswith(PREFIX))) if near else None
    bare = (n for n in NAMES if not n.startswith(PREFIX) and n.isupper())
    if in_file:
        return _almost(plain, bare)
    # Another of several, such as OPENAI_API_KEY_DEV, is for a program that was told to read it.
    ours = (n for n in bare if _OURS_ALONE.fullmatch(n) and not re.match(f"{n}[_0-9]", plain))
    return _almost(plain, ours)


def _almost(plain: str, names: Iterable[str]) -> str | None:
    """The one of ``names`` with the same letters, or nearly so."""
    candidates = tuple(names)
    for name in candidates:
        if _letters(name) == _letters(plain):
            return name
    near = get_close_matches(plain, candidates, n=1, cutoff=_NEAR)
    return near[0] if near else None


def _nearest(suffix: str, ends: Iterable[str]) -> Iterator[str]:
    """The nearest of ``ends``, and another that is as near."""
    ranked = sorted(((_likeness(suffix, end), end) for end in ends), reverse=True)
    best = ranked[0][0]
    yield from (end for ratio, end in ranked[:2] if ratio >= 0.6 and best - ratio < 0.02)


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _letters(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", name.upper())
