from __future__ import annotations

import orjson
import pytest

from proxy.errors import InvalidRequest
from proxy.schemas import check_chat_support, load_count_request, load_message_request
from tests.schemas.body_builders import (
    PIXEL,
    Json,
    assistant,
    image,
    refusal,
    request,
    text,
    tool_result,
    tool_use,
    user,
    without,
)

OLD, NEW = "2023-06-01", "2026-10-21"


@pytest.mark.parametrize("field", ["temperature", "top_p", "top_k"])
def test_sampling_is_refused_only_in_strict_mode_with_the_new_version(field: str) -> None:
    """1.1 temperature, top_p: strict and 2026-10-21"""
    body = request(**{field: 1})
    message = f"{field}: Extra inputs are not permitted"
    assert refusal(body, strict=True, api_version=NEW) == message
    for options in (
        {"strict": False, "api_version": NEW},
        {"strict": True, "api_version": OLD},
        {"strict": True, "api_version": None},
    ):
        assert load_message_request(orjson.dumps(body), **options) == body
    load_message_request(orjson.dumps(request(**{field: None})), strict=True, api_version=NEW)


TOO_SMALL = "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
TOO_LARGE = "`max_tokens` must be greater than `thinking.budget_tokens`"


@pytest.mark.parametrize(
    ("budget", "max_tokens", "message"),
    [
        pytest.param(1023, 4096, TOO_SMALL, id="9 strict: budget below 1024"),
        pytest.param(1023, 512, TOO_SMALL, id="9 strict: the field before the relation"),
        pytest.param(4096, 4096, TOO_LARGE, id="9 strict: budget equals max_tokens"),
        pytest.param(5000.0, 4096, TOO_LARGE, id="9 strict: budget above max_tokens"),
    ],
)
def test_strict_budgets(budget: float, max_tokens: int, message: str) -> None:
    body = request(thinking={"type": "enabled", "budget_tokens": budget}, max_tokens=max_tokens)
    assert refusal(body, strict=True) == message
    load_message_request(orjson.dumps(body))


def test_strict_mode_accepts_what_is_right() -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    load_message_request(
        orjson.dumps(request(thinking=thinking, max_tokens=1025)), strict=True, api_version=NEW
    )
    load_message_request(
        orjson.dumps(request(thinking={"type": "adaptive", "budget_tokens": "x"})), strict=True
    )
    counted = without(request(thinking=thinking), "max_tokens") | {"max_tokens": "x"}
    load_count_request(orjson.dumps(counted), strict=True)
    load_message_request(
        orjson.dumps(without(request(thinking=thinking), "max_tokens")),
        strict=True,
        max_tokens_required=False,
    )


def in_document(block: Json) -> Json:
    return {"type": "document", "source": {"type": "content", "content": [text(), block]}}


@pytest.mark.parametrize(
    ("turns", "path"),
    [
        pytest.param([user(text(), image())], "messages.0.content.1", id="image in a turn"),
        pytest.param(
            [user("hi"), assistant(tool_use()), user(tool_result(content=[image()]))],
            "messages.2.content.0.tool_result.content.0",
            id="image in a tool result",
        ),
        pytest.param(
            [user(in_document(image()))],
            "messages.0.content.0.document.source.content.content.1",
            id="image in a document",
        ),
        pytest.param(
            [
                user("hi"),
                assistant(tool_use()),
                user(tool_result(content=[in_document(image())])),
            ],
            "messages.2.content.0.tool_result.content.0.document.source.content.content.1",
            id="image in a document in a tool result",
        ),
    ],
)
def test_image_sizes(turns: list[Json], path: str) -> None:
    """features IMAGE_BLOCK_DATA_MAX_SIZE: above it 400 naming the block, 0 is off"""
    size = len(PIXEL)
    body = orjson.dumps(request(*turns))
    with pytest.raises(InvalidRequest) as caught:
        load_message_request(body, image_max_chars=size - 1)
    assert caught.value.message == (
        f"{path}.image.source.base64: image exceeds the maximum of {size - 1} characters: "
        f"{size} characters"
    )
    with pytest.raises(InvalidRequest):
        load_count_request(body, image_max_chars=size - 1)
    load_message_request(body, image_max_chars=size)
    load_message_request(body, image_max_chars=0)


def test_other_blocks_have_no_image_size() -> None:
    url = {"type": "image", "source": {"type": "url", "url": "https://x.test/" + "a" * 99}}
    plain = {"type": "text", "media_type": "text/plain", "data": "x" * 99}
    turns = [
        user(text("x" * 99), url, {"type": "document", "source": plain}),
        assistant("x" * 99),
        user("x" * 99),
    ]
    load_message_request(orjson.dumps(request(*turns)), image_max_chars=10)


@pytest.mark.parametrize(
    ("members", "field"),
    [
        pytest.param({"mcp_servers": [{"type": "url"}]}, "mcp_servers", id="1.1 mcp_servers"),
        pytest.param({"thread": {"id": "t"}}, "thread", id="1.1 thread"),
        pytest.param(
            {"container": {"id": "c", "skills": [{"skill_id": "x"}]}},
            "container.skills",
            id="1.1 container.skills",
        ),
        pytest.param({"mcp_servers": "x"}, "mcp_servers", id="1.1 mcp_servers of a wrong type"),
    ],
)
def test_fields_that_chat_upstreams_cannot_carry(members: Json, field: str) -> None:
    loaded = load_message_request(orjson.dumps(request(**members)))
    with pytest.raises(InvalidRequest) as caught:
        check_chat_support(loaded)
    assert caught.value.message == f"{field}: not supported by this upstream"
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({}, id="1.1 nothing of it"),
        pytest.param({"mcp_servers": []}, id="1.1 no mcp_servers"),
        pytest.param(
            {"mcp_servers": None, "thread": None, "compaction": None, "container": None},
            id="1.1 null is absent",
        ),
        pytest.param({"container": "c_1"}, id="1.1 container id is dropped"),
        pytest.param({"container": {"id": "c", "skills": []}}, id="1.1 container without skills"),
        pytest.param({"container": {"skills": None}}, id="1.1 container with null skills"),
    ],
)
def test_fields_that_chat_upstreams_can_do_without(members: Json) -> None:
    check_chat_support(load_message_request(orjson.dumps(request(**members))))
