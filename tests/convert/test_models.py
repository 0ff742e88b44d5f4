from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest
from anthropic.types import ModelInfo
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Model

from proxy.convert.models import (
    Entry,
    entries_to_page,
    entry_for,
    is_claude_code,
    model_to_entry,
    models_to_entries,
)
from proxy.errors import InvalidRequest, NotFound, UpstreamError


@dataclass(frozen=True)
class Query:
    limit: int | None = None
    after_id: str | None = None
    before_id: str | None = None
    lifecycle: tuple[str, ...] = ()


def entry(**fields: Any) -> Entry:
    """The entry of a model that its server says nothing about but ``id: m``."""
    return {
        "type": "model",
        "id": "m",
        "display_name": "m",
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": None,
        "max_input_tokens": None,
        "max_tokens": None,
        "capabilities": None,
        "object": "model",
        "created": 0,
        "owned_by": "unknown",
        **fields,
    }


def created(seconds: int, text: str) -> dict[str, Any]:
    return {"created": seconds, "created_at": text}


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        pytest.param({"id": "m"}, {}, id="7 an id alone: epoch, null"),
        pytest.param("m", {}, id="7 a bare name"),
        pytest.param(
            {"id": "m", "object": "model", "created": 1715367049, "owned_by": "system"},
            {**created(1715367049, "2024-05-10T18:50:49Z"), "owned_by": "system"},
            id="7 created -> created_at",
        ),
        pytest.param(
            {"id": "m", "created": 1715367049000},
            created(1715367049, "2024-05-10T18:50:49Z"),
            id="7 created in milliseconds",
        ),
        pytest.param(
            {"id": "m", "created": 1715367049.5},
            created(1715367049, "2024-05-10T18:50:49Z"),
            id="7 created as a float",
        ),
        pytest.param(
            {"id": "m", "created": "1715367049"},
            created(1715367049, "2024-05-10T18:50:49Z"),
            id="7 created as text",
        ),
        pytest.param(
            {"id": "m", "created": None, "created_at": "2025-02-19T01:00:00+01:00"},
            created(1739923200, "2025-02-19T00:00:00Z"),
            id="7 created_at with a zone",
        ),
        pytest.param({"id": "m", "created": -1}, {}, id="7 created before 1970"),
        pytest.param({"id": "m", "created": True}, {}, id="7 created is a boolean"),
        pytest.param({"id": "m", "created": float("nan")}, {}, id="7 created is no number"),
        pytest.param({"id": "m", "created": 10**14 * 9}, {}, id="7 created after the year 9999"),
        pytest.param({"id": "m", "created": 10**400}, {}, id="7 created without end"),
        pytest.param({"id": "m", "created": "soon"}, {}, id="7 created is prose"),
        pytest.param(
            {"id": "m", "created_at": "0001-01-01T00:00:00+09:00"}, {}, id="7 created in the year 0"
        ),
        pytest.param(
            {"id": "m", "shutdown_date": "2026-10-01"},
            {"retires_at": "2026-10-01T00:00:00Z", "lifecycle": "deprecated"},
            id="7 shutdown_date -> retires_at",
        ),
        pytest.param({"id": "m", "shutdown_date": None}, {}, id="7 shutdown_date null"),
        pytest.param(
            {"id": "m", "deprecated": True}, {"lifecycle": "deprecated"}, id="7 deprecated"
        ),
        pytest.param({"id": "m", "lifecycle": "someday"}, {}, id="7 unknown lifecycle"),
        pytest.param({"id": "m", "lifecycle": ["active"]}, {}, id="7 lifecycle of another type"),
        pytest.param(
            {
                "id": "m",
                "type": "model",
                "display_name": "Model M",
                "created_at": "2025-02-19T00:00:00Z",
                "lifecycle": "retired",
                "deprecated_at": "2025-06-01T00:00:00Z",
                "retires_at": "2025-09-01T00:00:00Z",
                "max_input_tokens": 200000,
                "max_tokens": 64000,
                "capabilities": {"batch": {"supported": True}},
            },
            {
                **created(1739923200, "2025-02-19T00:00:00Z"),
                "display_name": "Model M",
                "lifecycle": "retired",
                "deprecated_at": "2025-06-01T00:00:00Z",
                "retires_at": "2025-09-01T00:00:00Z",
                "max_input_tokens": 200000,
                "max_tokens": 64000,
            },
            id="7 an Anthropic list",
        ),
        pytest.param(
            {
                "id": "m",
                "name": "Vendor: M",
                "created": 0,
                "context_length": 131072,
                "top_provider": {"context_length": 65536, "max_completion_tokens": 16384},
            },
            {"display_name": "Vendor: M", "max_input_tokens": 65536, "max_tokens": 16384},
            id="7 OpenRouter",
        ),
        pytest.param(
            {
                "id": "m",
                "context_length": 131072,
                "top_provider": {"context_length": None, "max_completion_tokens": None},
            },
            {"max_input_tokens": 131072},
            id="7 OpenRouter with nulls",
        ),
        pytest.param(
            {"id": "m", "max_model_len": 32768, "owned_by": "vllm", "permission": [{}]},
            {"max_input_tokens": 32768, "owned_by": "vllm"},
            id="7 vLLM",
        ),
        pytest.param(
            {"id": "m", "owned_by": "llamacpp", "meta": {"n_ctx_train": 4096, "n_params": 1}},
            {"max_input_tokens": 4096, "owned_by": "llamacpp"},
            id="7 llama.cpp",
        ),
        pytest.param({"id": "m", "meta": None}, {}, id="7 llama.cpp while it loads"),
        pytest.param(
            {"id": "m", "meta": {"n_ctx_train": 131072, "n_ctx": 16384}},
            {"max_input_tokens": 16384},
            id="7 llama.cpp: as it serves it",
        ),
        pytest.param(
            {"id": "m", "max_context_length": 131072, "loaded_context_length": 8192},
            {"max_input_tokens": 8192},
            id="7 LM Studio: as it is loaded",
        ),
        pytest.param(
            {
                "id": "m",
                "capabilities": {
                    "limits": {"max_context_window_tokens": 400000, "max_prompt_tokens": 272000}
                },
            },
            {"max_input_tokens": 272000},
            id="7 GitHub Copilot",
        ),
        pytest.param(
            {"id": "m", "context_window": 131072, "max_completion_tokens": 32768, "active": True},
            {"max_input_tokens": 131072, "max_tokens": 32768},
            id="7 Groq",
        ),
        pytest.param(
            {"id": "m", "max_context_length": 32768, "name": None},
            {"max_input_tokens": 32768},
            id="7 Mistral, LM Studio",
        ),
        pytest.param(
            {"id": "m", "limits": {"max_input_tokens": 9000, "max_output_tokens": 900}},
            {"max_input_tokens": 9000, "max_tokens": 900},
            id="7 limits in an object",
        ),
        pytest.param(
            {"name": "m", "model": "m", "modified_at": "2024-05-10T18:50:49.123456789+00:00"},
            created(1715367049, "2024-05-10T18:50:49Z"),
            id="7 Ollama's own list",
        ),
        pytest.param(
            {
                "name": "m",
                "displayName": "M 2",
                "inputTokenLimit": 1048576,
                "outputTokenLimit": 8192,
            },
            {"display_name": "M 2", "max_input_tokens": 1048576, "max_tokens": 8192},
            id="7 Gemini's own list",
        ),
        pytest.param(
            {"id": "m", "max_model_len": "4096", "max_tokens": 512.0},
            {"max_input_tokens": 4096, "max_tokens": 512},
            id="7 numbers as text and as floats",
        ),
        pytest.param(
            {"id": "m", "max_model_len": 0, "max_tokens": -1, "context_length": "many"},
            {},
            id="7 limits that are none",
        ),
        pytest.param({"id": "m", "max_tokens": 10**20}, {}, id="7 limits beyond reason"),
        pytest.param({"id": "m", "display_name": " ", "owned_by": 7}, {}, id="7 blank texts"),
    ],
)
def test_model_to_entry(model: object, fields: dict[str, Any]) -> None:
    assert model_to_entry(model) == entry(**fields)


def test_a_date_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        made = model_to_entry({"id": "m", "shutdown_date": "2026-10-01T12:00:00"})
    time.tzset()
    assert made == entry(retires_at="2026-10-01T12:00:00Z", lifecycle="deprecated")


@pytest.mark.parametrize(
    "model",
    [
        pytest.param({}, id="7 no id"),
        pytest.param({"id": None}, id="7 id null"),
        pytest.param({"id": ""}, id="7 id empty"),
        pytest.param({"id": 7}, id="7 id is a number"),
        pytest.param(" ", id="7 blank name"),
        pytest.param(None, id="7 null"),
        pytest.param(["m"], id="7 list in the list"),
    ],
)
def test_item_without_an_id_is_no_model(model: object) -> None:
    assert model_to_entry(model) is None
    assert [e["id"] for e in models_to_entries([model, "m"])] == ["m"]


A, B = {"id": "a"}, {"id": "b"}


@pytest.mark.parametrize(
    ("listing", "ids"),
    [
        pytest.param({"object": "list", "data": [A, B]}, ["a", "b"], id="7 data"),
        pytest.param({"models": [A, B]}, ["a", "b"], id="7 models"),
        pytest.param({"models": [B], "data": [A]}, ["a"], id="7 data before models (llama.cpp)"),
        pytest.param({"models": [B], "data": None}, ["b"], id="7 models where data is null"),
        pytest.param([A, B], ["a", "b"], id="7 bare list"),
        pytest.param(["a", "b"], ["a", "b"], id="7 list of names"),
        pytest.param({"object": "list", "data": None}, [], id="7 null is an empty list (Ollama)"),
        pytest.param({"data": []}, [], id="7 empty list"),
        pytest.param([A, B, {"id": "a", "created": 5}], ["a", "b"], id="7 without duplicates"),
    ],
)
def test_shapes_of_the_list(listing: object, ids: list[str]) -> None:
    entries = models_to_entries(listing)
    assert [e["id"] for e in entries] == ids
    assert all(e["created"] == 0 for e in entries)


@pytest.mark.parametrize(
    "listing",
    [
        pytest.param(None, id="7 null"),
        pytest.param("models", id="7 text"),
        pytest.param(3, id="7 number"),
        pytest.param({}, id="7 empty object"),
        pytest.param({"hello": "world"}, id="7 another object"),
        pytest.param({"data": "a"}, id="7 data is text"),
        pytest.param({"data": {"a": {}}}, id="7 data is an object"),
    ],
)
def test_no_list_is_an_upstream_failure(listing: object) -> None:
    with pytest.raises(UpstreamError, match=r"^the upstream's list of models could not be read$"):
        models_to_entries(listing)


def listed(*ids: str, **fields: Any) -> list[Entry]:
    return [entry(id=model_id, **fields) for model_id in ids]


def ids_of(page: dict[str, Any]) -> list[str]:
    return [e["id"] for e in page["data"]]


FIVE = listed("a", "b", "c", "d", "e")


@pytest.mark.parametrize(
    ("query", "ids", "has_more"),
    [
        pytest.param(Query(), "abcde", False, id="7 all fit"),
        pytest.param(Query(limit=2), "ab", True, id="7 limit"),
        pytest.param(Query(limit=5), "abcde", False, id="7 limit equal to the length"),
        pytest.param(Query(limit=1000), "abcde", False, id="7 limit beyond the length"),
        pytest.param(Query(limit=2, after_id="b"), "cd", True, id="7 after_id"),
        pytest.param(Query(limit=2, after_id="c"), "de", False, id="7 after_id, last page"),
        pytest.param(Query(after_id="e"), "", False, id="7 after_id of the last"),
        pytest.param(
            Query(limit=2, before_id="e"), "cd", True, id="7 before_id: the last ones before it"
        ),
        pytest.param(
            Query(limit=2, before_id="c"), "ab", False, id="7 before_id: has_more means earlier"
        ),
        pytest.param(Query(limit=2, before_id="b"), "a", False, id="7 before_id, short page"),
        pytest.param(Query(before_id="a"), "", False, id="7 before_id of the first"),
        pytest.param(Query(after_id="anthropic/d"), "e", False, id="7 cursor by its alias"),
    ],
)
def test_pages(query: Query, ids: str, has_more: bool) -> None:
    assert entries_to_page(FIVE, query) == {
        "object": "list",
        "data": listed(*ids),
        "has_more": has_more,
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
    }


MANY = listed(*(f"m{n}" for n in range(50)))


@pytest.mark.parametrize(
    ("query", "versioned", "count", "has_more"),
    [
        pytest.param(Query(), True, 20, True, id="7 limit is 20 by default"),
        pytest.param(Query(), False, 50, False, id="7 the whole list without anthropic-version"),
        pytest.param(Query(limit=7), False, 7, True, id="7 a limit always counts"),
        pytest.param(Query(after_id="m9"), False, 20, True, id="7 20 after a cursor"),
        pytest.param(Query(before_id="m49"), False, 20, True, id="7 20 before a cursor"),
    ],
)
def test_whole_list_for_openai_clients(
    query: Query, versioned: bool, count: int, has_more: bool
) -> None:
    page = entries_to_page(MANY, query, versioned=versioned)
    assert (len(page["data"]), page["has_more"]) == (count, has_more)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        pytest.param(
            Query(after_id="zz"), "after_id: no model with the id 'zz'", id="7 unknown after_id"
        ),
        pytest.param(
            Query(before_id=""), "before_id: no model with the id ''", id="7 unknown before_id"
        ),
        pytest.param(
            Query(after_id="a", before_id="b"),
            "before_id: may not be combined with after_id",
            id="7 both cursors",
        ),
    ],
)
def test_wrong_cursors_are_400(query: Query, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        entries_to_page(FIVE, query)
    assert refused.value.message == message


STAGES = [entry(id=stage, lifecycle=stage) for stage in ("active", "deprecated", "retired")]


@pytest.mark.parametrize(
    ("lifecycle", "ids"),
    [
        pytest.param((), ["active", "deprecated"], id="7 default: active and deprecated"),
        pytest.param(("retired",), ["retired"], id="7 retired only when asked for"),
        pytest.param(("retired", "active"), ["active", "retired"], id="7 list order stays"),
        pytest.param(("active",), ["active"], id="7 active"),
    ],
)
def test_lifecycle_filter(lifecycle: tuple[str, ...], ids: list[str]) -> None:
    assert ids_of(entries_to_page(STAGES, Query(lifecycle=lifecycle))) == ids
    assert ids_of(entries_to_page(STAGES, Query(lifecycle=lifecycle), versioned=False)) == ids


def test_a_filtered_model_is_no_cursor() -> None:
    with pytest.raises(InvalidRequest):
        entries_to_page(STAGES, Query(after_id="retired"))


def test_two_sources_make_one_list_without_duplicates() -> None:
    """7 registry entries come first and win over the upstream's."""
    registry = listed("a", "b", owned_by="registry")
    page = entries_to_page([*registry, *FIVE], Query())
    assert [(e["id"], e["owned_by"]) for e in page["data"]] == [
        ("a", "registry"),
        ("b", "registry"),
        ("c", "unknown"),
        ("d", "unknown"),
        ("e", "unknown"),
    ]


@pytest.mark.parametrize(
    ("model_id", "shown"),
    [
        pytest.param("gpt-4o", "anthropic/gpt-4o", id="7 other vendors get the prefix"),
        pytest.param("openai/gpt-4o", "anthropic/openai/gpt-4o", id="7 ids with slashes too"),
        pytest.param("claude-opus-4-8", "claude-opus-4-8", id="7 claude stays"),
        pytest.param("anthropic/claude-3", "anthropic/claude-3", id="7 anthropic stays"),
        pytest.param("Claude-x", "anthropic/Claude-x", id="7 capitals are another beginning"),
    ],
)
def test_ids_for_claude_code(model_id: str, shown: str) -> None:
    entries = [entry(id=model_id, display_name="Name")]
    page = entries_to_page(entries, Query(), claude_code=True)
    assert page["data"] == [entry(id=shown, display_name="Name")]
    assert page["first_id"] == page["last_id"] == shown
    assert entry_for(entries, shown) == entries[0]
    assert ids_of(entries_to_page(entries, Query())) == [model_id]


def test_claude_code_never_sees_an_id_twice() -> None:
    page = entries_to_page(listed("x", "anthropic/x"), Query(), claude_code=True)
    assert ids_of(page) == ["anthropic/x"]


def test_claude_code_pages_by_the_ids_it_saw() -> None:
    query = Query(limit=2, after_id="anthropic/b")
    assert ids_of(entries_to_page(FIVE, query, claude_code=True)) == ["anthropic/c", "anthropic/d"]


@pytest.mark.parametrize(
    ("user_agent", "answer"),
    [
        pytest.param("claude-code/2.1.197", True, id="7 model discovery"),
        pytest.param("claude-cli/2.1.197 (external, cli)", False, id="7 its other requests"),
        pytest.param("Anthropic/Python 2.11.0", False, id="7 an SDK"),
        pytest.param("", False, id="7 no user agent"),
    ],
)
def test_is_claude_code(user_agent: str, answer: bool) -> None:
    assert is_claude_code(user_agent) is answer


NAMED = listed("gpt-4o", "openai/gpt-4o", "anthropic/claude-3", "claude-3", "50%2F50")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param("gpt-4o", "gpt-4o", id="7 by id"),
        pytest.param("openai/gpt-4o", "openai/gpt-4o", id="7 id with a slash"),
        pytest.param("openai%2Fgpt-4o", "openai/gpt-4o", id="7 percent-encoded"),
        pytest.param("anthropic/gpt-4o", "gpt-4o", id="7 alias resolves"),
        pytest.param("anthropic%2fopenai%2fgpt-4o", "openai/gpt-4o", id="7 encoded alias"),
        pytest.param("anthropic/claude-3", "anthropic/claude-3", id="7 exact before alias"),
        pytest.param("50%2F50", "50%2F50", id="7 exact before decoding"),
    ],
)
def test_entry_for(asked: str, found: str) -> None:
    assert entry_for(NAMED, asked)["id"] == found


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param("gpt-5", id="7 unknown"),
        pytest.param("GPT-4o", id="7 other capitals"),
        pytest.param("", id="7 empty"),
        pytest.param("anthropic/", id="7 prefix alone"),
        pytest.param("a%ZZ\x00%ff", id="7 odd characters"),
    ],
)
def test_unknown_model_is_404(asked: str) -> None:
    with pytest.raises(NotFound) as unknown:
        entry_for(NAMED, asked)
    assert unknown.value.message == f"model: {asked}"
    assert unknown.value.status == 404


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
KNOWN_KEYS = (
    *("id", "created", "created_at", "shutdown_date", "display_name", "owned_by", "lifecycle"),
    *("top_provider", "meta", "context_length", "max_tokens", "deprecated", "deprecated_at"),
)


@given(st.dictionaries(st.sampled_from(KNOWN_KEYS), json_values))
def test_any_object_gives_an_entry_that_both_sdks_accept(model: dict[str, Any]) -> None:
    """7 SDK 2.11 requires id, created_at, display_name, lifecycle, type."""
    made = model_to_entry({"id": "m", **model}) or entry()
    ModelInfo.model_validate(made, strict=False)
    Model.model_validate(made, strict=True)
    assert made.keys() == entry().keys()


@given(st.integers(1, 12), st.integers(0, 40), st.booleans())
def test_paging_through_shows_every_model_once(limit: int, length: int, backward: bool) -> None:
    entries = listed(*(f"m{n}" for n in range(length)))
    seen: list[str] = []
    query = Query(limit=limit)
    if backward:
        # As the SDK goes on: before the first id it saw.
        entries = [*entries, *listed("end")]
        query = Query(limit=limit, before_id="end")
    for _ in range(length + 1):
        page = entries_to_page(entries, query)
        seen = [*ids_of(page), *seen] if backward else [*seen, *ids_of(page)]
        if not page["has_more"]:
            break
        query = (
            Query(limit=limit, before_id=page["first_id"])
            if backward
            else Query(limit=limit, after_id=page["last_id"])
        )
    assert seen == [f"m{n}" for n in range(length)]
