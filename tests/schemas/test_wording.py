from __future__ import annotations

import pytest

from tests.schemas.body_builders import (
    Json,
    assistant,
    image,
    refusal,
    request,
    text,
    tool,
    tool_result,
    tool_use,
    user,
)

BLOCK_TAGS = (
    "'text', 'image', 'document', 'search_result', 'tool_use', 'tool_result', 'thinking', "
    "'redacted_thinking', 'server_tool_use', 'web_search_tool_result', 'web_fetch_tool_result', "
    "'code_execution_tool_result', 'bash_code_execution_tool_result', "
    "'text_editor_code_execution_tool_result', 'tool_search_tool_result', 'advisor_tool_result', "
    "'mcp_tool_use', 'mcp_tool_result', 'mid_conv_system', 'compaction', 'container_upload', "
    "'fallback', 'mcp_tool_listing', 'connector_text', 'tool_addition', 'tool_removal'"
)
SOURCE_TAGS = "'base64', 'url', 'file'"
THINKING_TAGS = "'enabled', 'adaptive', 'disabled', 'between_tools'"
CHOICE_TAGS = "'auto', 'any', 'tool', 'none'"
UNTAGGED = "Unable to extract tag using discriminator 'type'"


def wrong_tag(tag: str, expected: str) -> str:
    return (
        f"Input tag '{tag}' found using 'type' does not match any of the expected tags: {expected}"
    )


M0C0 = "messages.0.content.0"

ROLES_TAGS_RANGES = [
    # roles and content
    pytest.param(
        request(messages=[]), "messages: at least one message is required", id="9 no messages"
    ),
    pytest.param(
        request({"role": "tool", "content": "hi"}),
        "messages.0.role: Input should be 'user', 'assistant' or 'system'",
        id="9 unknown role",
    ),
    pytest.param(
        request({"role": ["user"], "content": "hi"}),
        "messages.0.role: Input should be 'user', 'assistant' or 'system'",
        id="9 a role that is no string",
    ),
    pytest.param(
        request({"role": "user", "content": {"type": "text", "text": "hi"}}),
        "messages.0.content: Input should be a valid string or list",
        id="9 content is an object",
    ),
    pytest.param(
        request({"role": "user", "content": None}),
        "messages.0.content: Input should be a valid string or list",
        id="9 content is null",
    ),
    # tags
    pytest.param(
        request(user({"type": "hologram"})),
        f"{M0C0}: {wrong_tag('hologram', BLOCK_TAGS)}",
        id="9 unknown type of block",
    ),
    pytest.param(
        request(user({"type": 5})),
        f"{M0C0}: {wrong_tag('5', BLOCK_TAGS)}",
        id="9 a type that is no string",
    ),
    pytest.param(
        request(user({"type": ["text"]})),
        f"{M0C0}: {wrong_tag('list', BLOCK_TAGS)}",
        id="9 a type that cannot be hashed",
    ),
    pytest.param(
        request(user({"type": "x" * 1000})),
        f"{M0C0}: {wrong_tag('x' * 300 + '...', BLOCK_TAGS)}",
        id="9 an endless type is cut",
    ),
    pytest.param(request(user({"text": "hi"})), f"{M0C0}: {UNTAGGED}", id="9 block without type"),
    pytest.param(request(user({"type": None})), f"{M0C0}: {UNTAGGED}", id="9 block with null type"),
    pytest.param(
        request(user({"type": "image", "source": {"type": "ftp"}})),
        f"{M0C0}.image.source: {wrong_tag('ftp', SOURCE_TAGS)}",
        id="9 unknown type of source",
    ),
    pytest.param(
        request(user(text(), {"type": "image", "source": {}})),
        f"messages.0.content.1.image.source: {UNTAGGED}",
        id="9 source without type",
    ),
    pytest.param(
        request(thinking={"type": "deep"}),
        f"thinking: {wrong_tag('deep', THINKING_TAGS)}",
        id="9 unknown type of thinking",
    ),
    pytest.param(request(thinking={}), f"thinking: {UNTAGGED}", id="9 thinking without type"),
    pytest.param(
        request(tool_choice={"type": "function"}),
        f"tool_choice: {wrong_tag('function', CHOICE_TAGS)}",
        id="9 unknown type of tool_choice",
    ),
    pytest.param(
        request(tool_choice={}), f"tool_choice: {UNTAGGED}", id="9 tool_choice without type"
    ),
    # ranges
    pytest.param(
        request(max_tokens=-1),
        "max_tokens: Input should be greater than or equal to 0",
        id="9 range: max_tokens",
    ),
    pytest.param(
        request(temperature=1.1),
        "temperature: Input should be less than or equal to 1",
        id="9 range: temperature above 1",
    ),
    pytest.param(
        request(temperature=-0.1),
        "temperature: Input should be greater than or equal to 0",
        id="9 range: temperature below 0",
    ),
    pytest.param(
        request(top_p=2), "top_p: Input should be less than or equal to 1", id="9 range: top_p"
    ),
    pytest.param(
        request(top_k=-1),
        "top_k: Input should be greater than or equal to 0",
        id="9 range: top_k",
    ),
    pytest.param(
        request(thinking={"type": "enabled", "budget_tokens": 0}),
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1",
        id="1.4 a budget must be positive",
    ),
    # enums
    pytest.param(
        request(output_config={"effort": "extreme"}),
        "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
        id="9 enum: effort",
    ),
    pytest.param(
        request(output_config={"format": {"type": "text", "schema": {}}}),
        "output_config.format.type: Input should be 'json_schema'",
        id="9 enum: format",
    ),
    pytest.param(
        request(user(image(media_type="image/svg+xml"))),
        f"{M0C0}.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', "
        "'image/gif' or 'image/webp'",
        id="9 enum: media type of an image (edge 127)",
    ),
    pytest.param(
        request(stop_sequences=["a", " \n"]),
        "stop_sequences: each stop sequence must contain non-whitespace",
        id="9 blank stop sequence",
    ),
    pytest.param(
        request(stop_sequences=[""]),
        "stop_sequences: each stop sequence must contain non-whitespace",
        id="9 empty stop sequence",
    ),
    # tools
    pytest.param(
        request(tools=[tool("n" * 129)]),
        "tools.0.custom.name: String should have at most 128 characters",
        id="9 tools: a name of 129 characters",
    ),
    pytest.param(
        request(user(image(data="QQ="))),
        f"{M0C0}.image.source.base64.data: invalid base64 data",
        id="9 bad base64",
    ),
    pytest.param(
        request(user("hi"), assistant(tool_use()), user(tool_result(content=[image(data="@@@@")]))),
        "messages.2.content.0.tool_result.content.0.image.source.base64.data: invalid base64 data",
        id="9 bad base64 in a tool result (edge 127)",
    ),
]


@pytest.mark.parametrize(("body", "message"), ROLES_TAGS_RANGES)
def test_refusals(body: Json, message: str) -> None:
    assert refusal(body) == message
