"""An upstream's list of models -> Anthropic's list, page by page.

Rule: servers name the fields differently, so each field is taken from the first of its known names
that has a usable value; without one it is null or a fixed default. Every entry also has the fields of
OpenAI's ``Model`` (docs/protocol.md section 7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import unquote

from config.registry.values import ALIAS_PREFIX, Model
from proxy.errors import Complaint, InvalidRequest, NotFound, UpstreamError
from proxy.timestamps import rfc3339

DEFAULT_LIMIT = 20
DEFAULT_LIFECYCLES = ("active", "deprecated")
LIFECYCLES = (*DEFAULT_LIFECYCLES, "retired")
MOST_MODELS = 10_000
"""Models of one upstream; the largest hubs list a few thousand."""
LONGEST_ID = 256
"""Longest name of a model that a request may contain."""
MODELS_BETWEEN_PAUSES = 64
CLAUDE_CODE_AGENT = "claude-code/"

Entry = dict[str, Any]
Path = tuple[str, ...]

ID_FIELDS: tuple[Path, ...] = (("id",), ("model",), ("name",))
NAME_FIELDS: tuple[Path, ...] = (("display_name",), ("displayName",), ("name",))
OWNER_FIELDS: tuple[Path, ...] = (("owned_by",),)
CREATED_FIELDS: tuple[Path, ...] = (("created",), ("created_at",), ("modified_at",))
DEPRECATED_FIELDS: tuple[Path, ...] = (("deprecated_at",),)
RETIRES_FIELDS: tuple[Path, ...] = (("shutdown_date",), ("retires_at",), ("expiration_date",))
MAX_INPUT_FIELDS: tuple[Path, ...] = (
    ("max_input_tokens",),
    ("top_provider", "context_length"),  # OpenRouter: limit of the provider in use
    ("context_length",),
    ("max_model_len",),  # vLLM
    ("context_window",),  # Groq
    ("loaded_context_length",),  # LM Studio: of the loaded model
    ("max_context_length",),  # Mistral, LM Studio
    ("meta", "n_ctx"),  # llama.cpp
    ("meta", "n_ctx_train"),
    ("limits", "max_input_tokens"),
    ("inputTokenLimit",),  # Gemini
    ("capabilities", "limits", "max_prompt_tokens"),  # GitHub Copilot
    ("capabilities", "limits", "max_context_window_tokens"),
)
MAX_OUTPUT_FIELDS: tuple[Path, ...] = (
    ("max_tokens",),
    ("max_output_tokens",),
    ("max_completion_tokens",),
    ("top_provider", "max_completion_tokens"),
    ("limits", "max_output_tokens"),
    ("outputTokenLimit",),
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 10**11
"""Timestamps from here on are in milliseconds: as seconds they would be in the year 5138 or later."""


class ModelsQuery(Protocol):
    """The query parameters of ``GET /v1/models``, validated; None: not given."""

    @property
    def limit(self) -> int | None: ...
    @property
    def after_id(self) -> str | None: ...
    @property
    def before_id(self) -> str | None: ...
    @property
    def lifecycle(self) -> tuple[str, ...]: ...


def models_to_entries(listing: object, pause: Callable[[], None] = lambda: None) -> list[Entry]:
    """Entries of docs/protocol.md section 7 for the JSON of an upstream's ``/models``.

    Accepts ``{"data": [...]}``, ``{"models": [...]}`` or a bare list, of objects or names; null
    instead of the list is an empty list. Items without an id, with one that no request may name, and
    repeated ids are left out. ``pause`` is called now and then. Raises UpstreamError if there is no list
    or one of more than MOST_MODELS.
    """
    items = listing
    if isinstance(listing, Mapping):
        items = listing.get("data") or listing.get("models")
        if items is None and not listing.keys().isdisjoint(("data", "models")):
            items = ()  # Ollama sends null if it has no model
    if not isinstance(items, Sequence) or isinstance(items, str | bytes):
        raise UpstreamError("the upstream's list of models could not be read")
    if len(items) > MOST_MODELS:
        raise UpstreamError(f"the upstream lists more than {MOST_MODELS} models")
    return unique(_entries(items, pause))


def _entries(items: Sequence[object], pause: Callable[[], None]) -> Iterator[Entry]:
    for number, item in enumerate(items, 1):
        if not number % MODELS_BETWEEN_PAUSES:
            pause()
        entry = model_to_entry(item)
        if entry is not None and len(entry["id"]) <= LONGEST_ID:
            yield entry


def model_to_entry(model: object) -> Entry | None:
    """The entry of one model, given as an object or as its name; None if it has no id."""
    if isinstance(model, str):
        model = {"id": model}
    if not isinstance(model, Mapping):
        return None
    model_id = _first_text(model, ID_FIELDS)
    if model_id is None:
        return None
    created = _first_date(model, CREATED_FIELDS) or _EPOCH
    retires = _first_date(model, RETIRES_FIELDS)
    return {
        "type": "model",
        "id": model_id,
        "display_name": _first_text(model, NAME_FIELDS) or model_id,
        "created_at": _rfc3339(created),
        "lifecycle": _lifecycle(model, retires),
        "deprecated_at": _rfc3339(_first_date(model, DEPRECATED_FIELDS)),
        "retires_at": _rfc3339(retires),
        "line": None,
        "max_input_tokens": _first_count(model, MAX_INPUT_FIELDS),
        "max_tokens": _first_count(model, MAX_OUTPUT_FIELDS),
        "capabilities": None,
        "object": "model",
        "created": int(created.timestamp()),
        "owned_by": _first_text(model, OWNER_FIELDS) or "unknown",
    }


def registered_entries(models: Iterable[Model], made: Callable[[Model], float]) -> list[Entry]:
    """An entry for each registered model, followed by one for each of its aliases.

    ``made`` returns when a model was made, in seconds since 1970; 0: unknown.
    """
    return [
        entry
        for model in models
        for name in (model.id, *model.aliases)
        if (entry := registered_entry(model, name, made(model)))
    ]


def registered_entry(model: Model, name: str, made: float = 0.0) -> Entry | None:
    """The entry of a registered model under ``name``; None for a blank one.

    ``made``: when it was made, in seconds since 1970; 0: unknown.
    """
    return model_to_entry(
        {
            "id": name,
            "display_name": model.display_name,
            "max_input_tokens": model.max_input_tokens,
            "max_tokens": model.max_tokens,
            "owned_by": model.provider.name,
            "created": made,
        }
    )


def is_claude_code(user_agent: str) -> bool:
    """Whether the list is for Claude Code's model picker, which hides other vendors' ids."""
    return user_agent.startswith(CLAUDE_CODE_AGENT)


def entries_to_page(
    entries: Iterable[Entry],
    query: ModelsQuery,
    *,
    versioned: bool = True,
    claude_code: bool = False,
) -> dict[str, Any]:
    """The answer of ``GET /v1/models``: one page of ``entries``, in their order, each id once.

    ``versioned``: the request has ``anthropic-version``; without it, a limit and a cursor the page
    is the whole list, as OpenAI's clients expect. ``claude_code``: ids that Claude Code would hide
    get the prefix ``anthropic/``. Raises InvalidRequest for an unknown cursor or for both cursors.
    """
    wanted = query.lifecycle or DEFAULT_LIFECYCLES
    listed = [entry for entry in entries if entry["lifecycle"] in wanted]
    if claude_code:
        listed = [_shown_to_claude_code(entry) for entry in listed]
    page, has_more = _page(unique(listed), query, versioned)
    return {
        "object": "list",
        "data": page,
        "has_more": has_more,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
    }


def entry_for(entries: Sequence[Entry], model_id: str) -> Entry:
    """The entry with the id ``model_id``, which may have the prefix ``anthropic/`` and may be
    percent-encoded. Raises NotFound.
    """
    for name in (model_id, unquote(model_id)):
        position = _position(entries, name)
        if position is not None:
            return entries[position]
    raise NotFound(f"model: {model_id}")


def _page(
    entries: Sequence[Entry], query: ModelsQuery, versioned: bool
) -> tuple[list[Entry], bool]:
    limit = query.limit
    if limit is None:
        cursor = query.after_id is not None or query.before_id is not None
        limit = DEFAULT_LIMIT if versioned or cursor else len(entries)
    if query.before_id is not None:
        if query.after_id is not None:
            raise InvalidRequest("before_id: may not be combined with after_id")
        end = _cursor_position(entries, "before_id", query.before_id)
        start = max(0, end - limit)
        return list(entries[start:end]), start > 0
    start = 0
    if query.after_id is not None:
        start = _cursor_position(entries, "after_id", query.after_id) + 1
    return list(entries[start : start + limit]), start + limit < len(entries)


def _cursor_position(entries: Sequence[Entry], parameter: str, cursor: str) -> int:
    position = _position(entries, cursor)
    if position is None:
        kind = f"{parameter}: no model with the id"
        raise InvalidRequest(Complaint(f"{kind} {cursor!r}", kind))
    return position


def _position(entries: Sequence[Entry], model_id: str) -> int | None:
    places = {entry["id"]: place for place, entry in enumerate(entries)}
    if model_id in places:
        return places[model_id]
    return places.get(model_id.removeprefix(ALIAS_PREFIX))


def _shown_to_claude_code(entry: Entry) -> Entry:
    if entry["id"].startswith(("claude", "anthropic")):
        return entry
    return {**entry, "id": ALIAS_PREFIX + entry["id"]}


def unique(entries: Iterable[Entry]) -> list[Entry]:
    """The first entry of each id, in order."""
    first: dict[str, Entry] = {}
    for entry in entries:
        first.setdefault(entry["id"], entry)
    return list(first.values())


def _lifecycle(model: Mapping[str, Any], retires: datetime | None) -> str:
    stated = model.get("lifecycle")
    if stated in LIFECYCLES:
        return str(stated)
    # In Anthropic's list only models that are not active have a date of retirement.
    return "deprecated" if retires or model.get("deprecated") is True else "active"


def _values(model: Mapping[str, Any], fields: Iterable[Path]) -> Iterable[object]:
    """The values of ``model`` at those paths that exist and are not null."""
    for path in fields:
        value: object = model
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            yield value


def _first_text(model: Mapping[str, Any], fields: Iterable[Path]) -> str | None:
    return next((v for v in _values(model, fields) if isinstance(v, str) and v.strip()), None)


def _first_count(model: Mapping[str, Any], fields: Iterable[Path]) -> int | None:
    return next((n for v in _values(model, fields) if (n := _count(v))), None)


def _first_date(model: Mapping[str, Any], fields: Iterable[Path]) -> datetime | None:
    return next((date for v in _values(model, fields) if (date := _date(v))), None)


def _count(value: object) -> int | None:
    """A positive whole number, also if it is written as text or as 4096.0."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 < value < 10**15 else None


def _date(value: object) -> datetime | None:
    """Seconds or milliseconds since 1970, or ISO 8601 text (UTC if it has no zone)."""
    seconds = _count(value)
    try:
        if seconds:
            seconds = seconds // 1000 if seconds >= _MILLISECONDS_FROM else seconds
            return datetime.fromtimestamp(seconds, UTC)
        if not isinstance(value, str):
            return None
        date = datetime.fromisoformat(value.strip())
        return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None  # outside the years 1 to 9999, or not a date


def _rfc3339(date: datetime | None) -> str | None:
    return rfc3339(date.replace(microsecond=0).timestamp()) if date else None
