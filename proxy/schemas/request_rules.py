"""Rules between the members of a well-formed request, and features that no Chat upstream supports.

Rule: each function checks one rule on members with valid shapes, and raises InvalidRequest with the
message of docs/protocol.md section 9.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from proxy.convert.request.toolsets import offered
from proxy.errors import Complaint, InvalidRequest
from proxy.schemas import wording

Request = Mapping[str, Any]
Block = Mapping[str, Any]

SAMPLING_FREE_VERSION = "2026-10-21"
"""The ``anthropic-version`` from which the Messages API accepts no sampling parameters."""
SAMPLING_FIELDS = ("temperature", "top_p", "top_k")
MIN_STRICT_BUDGET = 1024
CLEAR_THINKING = "clear_thinking_20251015"
MOST_EDITS = 16
"""Context edits of one request: each may convert the whole history once more."""
THREAD_UNSUPPORTED: Mapping[str, object] = {"error_code": "thread_unsupported_request"}
DETAILS_FOR_FIELD: Mapping[str, Mapping[str, object]] = {"thread": THREAD_UNSUPPORTED}
"""``error.details`` by refused field, as in Anthropic's ``ThreadUnsupportedRequestError``."""


def check_strict(request: Request, api_version: str | None) -> None:
    """The rules that apply only with ``CLAUDE_PROXY_STRICT=true`` (docs/protocol.md 1.1, 1.4)."""
    if api_version == SAMPLING_FREE_VERSION:
        for name in SAMPLING_FIELDS:
            if request.get(name) is not None:
                raise InvalidRequest(f"{name}: Extra inputs are not permitted")
    thinking = request.get("thinking")
    if thinking is None or thinking["type"] != "enabled":
        return
    budget = thinking["budget_tokens"]
    if budget < MIN_STRICT_BUDGET:
        raise InvalidRequest(
            "thinking.enabled.budget_tokens: Input should be greater than or equal to "
            f"{MIN_STRICT_BUDGET}"
        )
    max_tokens = request.get("max_tokens")
    if type(max_tokens) is int and budget >= max_tokens:
        raise InvalidRequest("`max_tokens` must be greater than `thinking.budget_tokens`")


def check_tool_names(request: Request) -> list[str]:
    """The names of the tools; raises InvalidRequest unless they are unique."""
    names = [tool["name"] for tool in request.get("tools") or () if tool.get("name") is not None]
    if len(names) != len(set(names)):
        raise InvalidRequest("tools: Tool names must be unique.")
    return names


def check_tools(request: Request) -> None:
    """Tool names are unique, and ``tool_choice`` names one of the offered tools."""
    names = check_tool_names(request)
    choice = request.get("tool_choice")
    if choice is None or choice["type"] not in ("any", "tool"):
        return
    if not request.get("tools"):
        raise InvalidRequest("tool_choice: may only be specified while providing tools")
    if choice["type"] == "tool" and choice["name"] not in names:
        if any(choice["name"] in toolset for toolset in offered(request["tools"])):
            return
        name = wording.shown(choice["name"])
        raise InvalidRequest(
            Complaint(f"Tool '{name}' not found in provided tools", wording.CHOICE_NOT_FOUND)
        )


def check_edits(management: Mapping[str, Any]) -> None:
    """Refuse thinking that would be cleared after other edits, as the Messages API does.

    More than ``MOST_EDITS`` are refused too.
    """
    kinds = [edit["type"] for edit in management.get("edits") or ()]
    if len(kinds) > MOST_EDITS:
        raise InvalidRequest(
            f"context_management.edits: List should have at most {MOST_EDITS} items after "
            f"validation, not {len(kinds)}"
        )
    for index, kind in enumerate(kinds):
        if kind == CLEAR_THINKING and set(kinds[:index]) - {CLEAR_THINKING}:
            raise InvalidRequest(
                f"context_management.edits.{index}: the `{CLEAR_THINKING}` strategy must be listed "
                "first"
            )


def check_image_sizes(turns: Sequence[Block], most: int) -> None:
    """Refuse base64 images longer than ``most`` characters, including those in results and documents."""
    for index, turn in enumerate(turns):
        for path, image in _images(turn.get("content"), f"messages.{index}.content"):
            source = image["source"]
            size = len(source["data"]) if source["type"] == "base64" else 0
            if size > most:
                raise InvalidRequest(
                    f"{path}.image.source.base64: image exceeds the maximum of {most} characters: "
                    f"{size} characters"
                )


def _images(content: Any, path: str) -> Iterator[tuple[str, Block]]:
    if type(content) is not list:
        return
    for index, block in enumerate(content):
        kind = block["type"]
        if kind == "image":
            yield f"{path}.{index}", block
        elif kind == "tool_result":
            yield from _images(block.get("content"), f"{path}.{index}.tool_result.content")
        elif kind == "document" and block["source"]["type"] == "content":
            inner = f"{path}.{index}.document.source.content.content"
            yield from _images(block["source"]["content"], inner)


def check_chat_support(request: Request) -> None:
    """Refuse fields that no Chat Completions upstream supports (docs/protocol.md 1.1, last rows).

    Raises InvalidRequest for ``mcp_servers``, ``thread`` and ``container.skills``; null and empty lists
    count as missing. The error code for ``thread`` makes SDKs send the whole history without it.
    """
    container = request.get("container")
    unsupported = {
        "thread": request.get("thread") is not None,
        "mcp_servers": request.get("mcp_servers") not in (None, []),
        "container.skills": type(container) is dict and container.get("skills") not in (None, []),
    }
    for name, present in unsupported.items():
        if present:
            raise InvalidRequest(
                f"{name}: not supported by this upstream", details=DETAILS_FOR_FIELD.get(name)
            )
