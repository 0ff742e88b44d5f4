"""Shapes of the answers of the Messages API.

Rule: the shapes are only documentation; nothing is checked at run time. The tests compare real answers
with them, and fail for a member that is not listed here (docs/protocol.md sections 3, 4, 5 and 7).
"""

from __future__ import annotations

from typing import Any

from marshmallow.validate import Range

from proxy.convert.models import LIFECYCLES
from proxy.errors import TYPE_FOR_STATUS
from proxy.schemas.fields import (
    Choice,
    Flag,
    Integer,
    Items,
    Object,
    Shape,
    Tagged,
    Text,
    Wire,
    WireSchema,
)

COUNT = Range(min=0)
STOP_REASONS = (
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "compaction",
    "refusal",
    "model_context_window_exceeded",
)


def always(field: type[Wire], *args: Any, **more: Any) -> Any:
    """A member that is always present and never null."""
    return field(*args, required=True, allow_none=False, **more)


def or_null(field: type[Wire], *args: Any, **more: Any) -> Any:
    """A member that is always present and may be null."""
    return field(*args, required=True, allow_none=True, **more)


def sometimes(field: type[Wire], *args: Any, **more: Any) -> Any:
    """A member that may be missing but is never null."""
    return field(*args, allow_none=False, **more)


def count(make: Any = always) -> Any:
    """A member with an integer that is not negative."""
    return make(Integer, validate=COUNT)


class ErrorDetail(WireSchema):
    type = always(Choice, *dict.fromkeys(TYPE_FOR_STATUS.values()))
    message = always(Text)
    details = sometimes(Object)


class Error(WireSchema):
    type = always(Choice, "error")
    error = always(Shape, ErrorDetail)
    request_id = always(Text)


class CacheCreation(WireSchema):
    ephemeral_5m_input_tokens = count()
    ephemeral_1h_input_tokens = count()


class OutputDetails(WireSchema):
    thinking_tokens = count()


class Counts(WireSchema):
    """The three input counts are disjoint."""

    input_tokens = count()
    cache_creation_input_tokens = count()
    cache_read_input_tokens = count()
    output_tokens = count()


class Iteration(Counts):
    cache_creation = sometimes(Shape, CacheCreation)


class DeltaUsage(Counts):
    """``iterations`` exists for answers with a compaction, whose tokens the other counts do not include."""

    iterations = sometimes(Items, Tagged({"compaction": Iteration(), "message": Iteration()}))
    output_tokens_details = sometimes(Shape, OutputDetails)


class Usage(DeltaUsage):
    cache_creation = sometimes(Shape, CacheCreation)
    service_tier = sometimes(Choice, "standard")


class AnsweredText(WireSchema):
    text = always(Text)


class AnsweredThinking(WireSchema):
    thinking = always(Text)
    signature = always(Text)


class AnsweredRedactedThinking(WireSchema):
    data = always(Text)


class AnsweredToolUse(WireSchema):
    id = always(Text)
    name = always(Text)
    input = always(Object)


class AnsweredCompaction(WireSchema):
    content = or_null(Text)
    encrypted_content = or_null(Text)
    signature = sometimes(Text)
    tool_changes = sometimes(Items, Object())


ANSWERED_BLOCKS = {
    "text": AnsweredText(),
    "thinking": AnsweredThinking(),
    "redacted_thinking": AnsweredRedactedThinking(),
    "tool_use": AnsweredToolUse(),
    "compaction": AnsweredCompaction(),
}


class StopDetails(WireSchema):
    type = always(Choice, "refusal")
    category = or_null(Text)
    explanation = or_null(Text)
    fallback_credit_token = sometimes(Text)
    fallback_has_prefill_claim = sometimes(Flag)


class Stop(WireSchema):
    stop_reason = or_null(Choice, *STOP_REASONS)
    stop_sequence = or_null(Text)
    stop_details = or_null(Shape, StopDetails)


class AppliedEdit(WireSchema):
    type = always(Text)
    cleared_input_tokens = count()
    cleared_tool_uses = sometimes(Integer, validate=COUNT)
    cleared_thinking_turns = sometimes(Integer, validate=COUNT)


class AppliedEdits(WireSchema):
    applied_edits = always(Items, Shape(AppliedEdit))


class Message(Stop):
    id = always(Text)
    type = always(Choice, "message")
    role = always(Choice, "assistant")
    model = always(Text)
    content = always(Items, Tagged(ANSWERED_BLOCKS))
    usage = always(Shape, Usage)
    context_management = sometimes(Shape, AppliedEdits)


class BeforeEdits(WireSchema):
    original_input_tokens = count()


class TokenCount(WireSchema):
    input_tokens = count()
    context_management = sometimes(Shape, BeforeEdits)
    # With COUNT_TOKENS_DETAILS.
    type = sometimes(Text)
    cache_creation_input_tokens = count(sometimes)
    cache_read_input_tokens = count(sometimes)


class TextDelta(WireSchema):
    text = always(Text)


class ThinkingDelta(WireSchema):
    thinking = always(Text)


class SignatureDelta(WireSchema):
    signature = always(Text)


class InputJsonDelta(WireSchema):
    partial_json = always(Text)


class CompactionDelta(WireSchema):
    content = or_null(Text)
    encrypted_content = or_null(Text)


DELTAS = {
    "text_delta": TextDelta(),
    "thinking_delta": ThinkingDelta(),
    "signature_delta": SignatureDelta(),
    "input_json_delta": InputJsonDelta(),
    "compaction_delta": CompactionDelta(),
}


class MessageStart(WireSchema):
    message = always(Shape, Message)


class BlockStart(WireSchema):
    index = count()
    content_block = always(Tagged, ANSWERED_BLOCKS)


class BlockDelta(WireSchema):
    index = count()
    delta = always(Tagged, DELTAS)


class BlockStop(WireSchema):
    index = count()


class MessageDelta(WireSchema):
    delta = always(Shape, Stop)
    usage = always(Shape, DeltaUsage)
    context_management = sometimes(Shape, AppliedEdits)


class StreamError(WireSchema):
    error = always(Shape, ErrorDetail)
    request_id = always(Text)


EVENTS = {
    "message_start": MessageStart(),
    "ping": WireSchema(),
    "content_block_start": BlockStart(),
    "content_block_delta": BlockDelta(),
    "content_block_stop": BlockStop(),
    "message_delta": MessageDelta(),
    "message_stop": WireSchema(),
    "error": StreamError(),
}


class Model(WireSchema):
    type = always(Choice, "model")
    id = always(Text)
    display_name = always(Text)
    created_at = always(Text)
    lifecycle = always(Choice, *LIFECYCLES)
    deprecated_at = or_null(Text)
    retires_at = or_null(Text)
    line = or_null(Text)
    max_input_tokens = count(or_null)
    max_tokens = count(or_null)
    capabilities = or_null(Object)
    object = always(Choice, "model")
    created = always(Integer)
    owned_by = always(Text)


class ModelPage(WireSchema):
    object = always(Choice, "list")
    data = always(Items, Shape(Model))
    has_more = always(Flag)
    first_id = or_null(Text)
    last_id = or_null(Text)
