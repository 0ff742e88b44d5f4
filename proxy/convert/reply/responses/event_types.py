"""The types of Responses stream events that tell nothing of an item's content.

Rule: every event of the openai SDK's union ``ResponseStreamEvent`` is named here or in ``CONTENT`` of
``reader``; tests/convert/reply/responses/test_event_types.py compares them.
"""

from __future__ import annotations

from proxy.convert.reply.responses.reader import CONTENT

CREATED = "response.created"
COMPLETED = "response.completed"
INCOMPLETE = "response.incomplete"
FAILED = "response.failed"
DONE = "response.done"
CANCELLED = "response.cancelled"
TERMINAL = frozenset({COMPLETED, INCOMPLETE, FAILED, DONE, CANCELLED})
"""Events with the whole answer, after which nothing follows."""
ERRORS = frozenset({"error", "response.error"})
RATE_LIMITS = "codex.rate_limits"
"""An event of ChatGPT's own back end, beside the answer."""

ALIVE = frozenset(
    {
        CREATED,
        "response.in_progress",
        "response.queued",
        "keepalive",
        "response.heartbeat",
        "ping",
    }
)
"""Events that only show that the upstream works."""

SEARCHES = frozenset(
    {
        "response.web_search_call.in_progress",
        "response.web_search_call.searching",
        "response.web_search_call.completed",
    }
)
UNEXPECTED = frozenset(
    {
        "response.audio.delta",
        "response.audio.done",
        "response.audio.transcript.delta",
        "response.audio.transcript.done",
        "response.code_interpreter_call.completed",
        "response.code_interpreter_call.in_progress",
        "response.code_interpreter_call.interpreting",
        "response.code_interpreter_call_code.delta",
        "response.code_interpreter_call_code.done",
        "response.compaction.compacting",
        "response.file_search_call.completed",
        "response.file_search_call.in_progress",
        "response.file_search_call.searching",
        "response.image_generation_call.completed",
        "response.image_generation_call.generating",
        "response.image_generation_call.in_progress",
        "response.image_generation_call.partial_image",
        "response.mcp_call.completed",
        "response.mcp_call.failed",
        "response.mcp_call.in_progress",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.mcp_list_tools.completed",
        "response.mcp_list_tools.failed",
        "response.mcp_list_tools.in_progress",
        "response.shell_call_command.added",
        "response.shell_call_command.delta",
        "response.shell_call_command.done",
        "response.shell_call_output_content.delta",
        "response.shell_call_output_content.done",
    }
)
"""Events of tools that run at the upstream, which no request of this proxy declares."""

NAMED = frozenset({*CONTENT, *TERMINAL, *ERRORS, *ALIVE, *SEARCHES, *UNEXPECTED, RATE_LIMITS})
"""Every type that is known here."""


def is_content(kind: str) -> bool:
    """Whether an event of the type ``kind`` shows that the answer itself has begun."""
    return kind in CONTENT or kind in SEARCHES or kind in UNEXPECTED
