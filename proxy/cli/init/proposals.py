"""The models that are proposed for opus, sonnet and haiku, from what an upstream lists.

Rule: pure. Only listed models are proposed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from proxy.providers.profiles.base import Start

TIERS = ("big", "middle", "small")
"""As in BIG_MODEL, MIDDLE_MODEL and SMALL_MODEL."""
CLAUDE_NAMES = {"big": "opus", "middle": "sonnet", "small": "haiku"}
_NO_CHAT = re.compile(
    r"embed|rerank|bge-|whisper|tts|dall-e|image|video|moderation|transcri|speech|realtime|audio|asr"
    r"|ocr|guard|sora|veo|wan\d|babbage|davinci"
)
"""In the ids of models that do not answer chat requests."""
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Tiers:
    """A model's id for each tier; empty: none."""

    big: str = ""
    middle: str = ""
    small: str = ""


NO_MODELS = Tiers()


def proposed_tiers(start: Start, ids: Sequence[str]) -> Tiers:
    """The proposals for a list of models; if only one of them can chat, it is taken for all tiers."""
    able = [model for model in ids if not _NO_CHAT.search(model.lower())]
    if len(able) == 1 or len(ids) == 1:
        only = (able or ids)[0]
        return Tiers(only, only, only)
    big = _best(start.big, able)
    middle = _best(start.middle, able) or big
    return Tiers(big, middle, _best(start.small, able) or middle)


def ordered(ids: Iterable[str]) -> list[str]:
    """``ids`` for a menu: those that can chat first, else in the upstream's order."""
    return sorted(ids, key=lambda model: _NO_CHAT.search(model.lower()) is not None)


def _best(patterns: Iterable[str], ids: Iterable[str]) -> str:
    for pattern in patterns:
        matching = [model for model in ids if re.fullmatch(pattern, _subject(pattern, model))]
        if matching:
            return max(matching, key=_version)
    return ""


def _subject(pattern: str, model: str) -> str:
    name = model.lower()
    return name if "/" in pattern else name.rpartition("/")[2]


def _version(model: str) -> tuple[list[int], int]:
    """Numbers of the id; of two equal ones the shorter id is the plainer model."""
    return [int(number) for number in _NUMBER.findall(model)], -len(model)
