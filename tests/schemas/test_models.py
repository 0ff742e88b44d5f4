from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import InvalidRequest
from proxy.schemas import ModelsQuery, load_models_query

Args = dict[str, list[str]]


@pytest.mark.parametrize(
    ("args", "query"),
    [
        pytest.param({}, ModelsQuery(), id="7 nothing given"),
        pytest.param({"limit": ["1"]}, ModelsQuery(limit=1), id="7 the least limit"),
        pytest.param({"limit": ["1000"]}, ModelsQuery(limit=1000), id="7 the largest limit"),
        pytest.param({"limit": ["007"]}, ModelsQuery(limit=7), id="7 a limit with zeros"),
        pytest.param({"limit": ["5", "9"]}, ModelsQuery(limit=9), id="7 the last limit counts"),
        pytest.param({"limit": [""]}, ModelsQuery(), id="7 an empty limit is absent"),
        pytest.param({"after_id": ["a"]}, ModelsQuery(after_id="a"), id="7 after_id"),
        pytest.param({"before_id": ["a/b"]}, ModelsQuery(before_id="a/b"), id="7 before_id"),
        pytest.param(
            {"after_id": [""], "before_id": ["a"]},
            ModelsQuery(before_id="a"),
            id="7 an empty cursor is absent",
        ),
        pytest.param(
            {"lifecycle[]": ["active", "retired"]},
            ModelsQuery(lifecycle=("active", "retired")),
            id="7 lifecycle with brackets",
        ),
        pytest.param(
            {"lifecycle": ["deprecated"], "lifecycle[]": ["deprecated"]},
            ModelsQuery(lifecycle=("deprecated",)),
            id="7 lifecycle without brackets",
        ),
        pytest.param({"beta": ["true"], "x": []}, ModelsQuery(), id="7 other parameters"),
    ],
)
def test_queries(args: Args, query: ModelsQuery) -> None:
    assert load_models_query(args) == query


LIFECYCLES = "Input should be 'active', 'deprecated' or 'retired'"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param(
            {"limit": ["0"]}, "limit: Input should be greater than or equal to 1", id="7 limit 0"
        ),
        pytest.param(
            {"limit": ["-5"]},
            "limit: Input should be greater than or equal to 1",
            id="7 negative limit",
        ),
        pytest.param(
            {"limit": ["1001"]},
            "limit: Input should be less than or equal to 1000",
            id="7 limit 1001",
        ),
        pytest.param(
            {"limit": ["9" * 6000]},
            "limit: Input should be less than or equal to 1000",
            id="7 a limit of 6000 digits",
        ),
        pytest.param(
            {"limit": ["-" + "9" * 6000]},
            "limit: Input should be greater than or equal to 1",
            id="7 a negative limit of 6000 digits",
        ),
        pytest.param({"limit": ["x"]}, "limit: Input should be a valid integer", id="7 no number"),
        pytest.param({"limit": ["1.5"]}, "limit: Input should be a valid integer", id="7 fraction"),
        pytest.param({"limit": ["-"]}, "limit: Input should be a valid integer", id="7 a sign"),
        pytest.param(
            {"limit": ["\u0661"]}, "limit: Input should be a valid integer", id="7 other digits"
        ),
        pytest.param(
            {"after_id": ["a"], "before_id": ["b"]},
            "before_id: may not be combined with after_id",
            id="7 both cursors",
        ),
        pytest.param(
            {"lifecycle": ["new"]}, f"lifecycle.0: {LIFECYCLES}", id="7 unknown lifecycle"
        ),
        pytest.param(
            {"lifecycle[]": ["active", "Active"]},
            f"lifecycle.1: {LIFECYCLES}",
            id="7 unknown lifecycle in brackets",
        ),
    ],
)
def test_refused_queries(args: Args, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        load_models_query(args)
    assert caught.value.message == message


@given(
    st.dictionaries(
        st.sampled_from(["limit", "after_id", "before_id", "lifecycle", "lifecycle[]"]),
        st.lists(st.text(max_size=8) | st.integers().map(str), max_size=3),
    )
)
def test_any_query_gives_a_value_or_a_reason(args: Args) -> None:
    limit, reason = limit_or_reason(args)
    assert reason or limit is None or 1 <= limit <= 1000


def limit_or_reason(args: Args) -> tuple[int | None, str]:
    try:
        return load_models_query(args).limit, ""
    except InvalidRequest as error:
        return None, error.message
