"""``models.list`` and ``models.retrieve`` of the official client."""

from __future__ import annotations

import anthropic
import pytest

from tests.upstream_stub import UpstreamStub, json_answer

NAMES = ["gpt-b", "gpt-a", "vendor/with/slashes", "gpt-ü", "last-model"]
UPSTREAM_LIST = {
    "object": "list",
    "data": [
        {"id": name, "object": "model", "created": 1700000000 + n, "owned_by": "them"}
        for n, name in enumerate([*NAMES, "gpt-b"])
    ],
}


@pytest.fixture(autouse=True)
def _listing(upstream: UpstreamStub) -> None:
    """The same list for all tests here: the proxy remembers it for minutes."""
    upstream.default = json_answer(UPSTREAM_LIST)


def test_all_models_in_their_order_once(client: anthropic.Anthropic) -> None:
    models = list(client.models.list())
    assert [model.id for model in models] == NAMES
    assert {model.type for model in models} == {"model"}
    assert models[0].created_at.timestamp() == 1700000000
    assert models[0].lifecycle == "active"


def test_pages_are_followed(client: anthropic.Anthropic) -> None:
    page = client.models.list(limit=2)
    assert [model.id for model in page.data] == NAMES[:2]
    assert (page.has_more, page.first_id, page.last_id) == (True, NAMES[0], NAMES[1])
    assert [model.id for model in page] == NAMES


def test_pages_backwards(client: anthropic.Anthropic) -> None:
    page = client.models.list(limit=2, before_id=NAMES[4])
    assert [model.id for model in page.data] == NAMES[2:4]
    assert page.has_more is True


@pytest.mark.parametrize("name", NAMES)
def test_one_model_by_any_name(name: str, client: anthropic.Anthropic) -> None:
    assert client.models.retrieve(name).id == name


def test_unknown_model(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="model: nowhere"):
        client.models.retrieve("nowhere")


def test_limit_out_of_range(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="limit: Input should be less than or"):
        client.models.list(limit=1001)
