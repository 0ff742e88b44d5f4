"""The shape of a message request.

Rule: ``MessageRequest`` lists the top-level members in the order in which errors are reported
(docs/protocol.md section 9). Only members that are read are checked; all others are accepted.
"""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError
from marshmallow.validate import Length, Range

from config.registry.values import REASONING_EFFORTS
from proxy.schemas import wording
from proxy.schemas.compaction import COMPACTIONS
from proxy.schemas.content import BLOCK
from proxy.schemas.context_edits import ContextManagement
from proxy.schemas.fields import (
    Check,
    Choice,
    Flag,
    Integer,
    Items,
    Number,
    Object,
    OrItems,
    Shape,
    Tagged,
    Text,
    Wire,
    WireSchema,
    schema_check,
)
from proxy.schemas.tools import TOOL_CHOICES, Tool

ROLES = ("user", "assistant", "system")
EFFORTS = REASONING_EFFORTS[2:]
"""The Messages API has neither ``none`` nor ``minimal``."""

NOT_NEGATIVE = Range(min=0, error="Input should be greater than or equal to 0")
AT_LEAST_ONE = Range(min=1, error="Input should be greater than or equal to 1")
NOT_EMPTY = Length(min=1, error=wording.TOO_SHORT)
NOT_LONG = Length(max=256, error="String should have at most 256 characters")
"""The message of the Messages API. The length is limited because the name is logged and cached."""
AT_MOST_ONE = Range(max=1, error="Input should be less than or equal to 1")


def check_stop_sequences(sequences: list[str]) -> None:
    """Raise ValidationError for a sequence that is empty or contains only white space."""
    if not all(map(str.strip, sequences)):
        raise ValidationError("each stop sequence must contain non-whitespace")


class Turn(WireSchema):
    role = Choice(*ROLES, required=True)
    content = OrItems(Text(), BLOCK, refusal=wording.NOT_TEXT_OR_LIST, required=True)


class Forbidden(Wire):
    """A member that is only allowed in another place."""

    refusal = "Extra inputs are not permitted"

    def kind(self, value: Any) -> bool:
        return False


class SystemOutputConfig(WireSchema):
    effort = Choice(*EFFORTS)
    format = Forbidden()


class SystemTurn(WireSchema):
    role = Choice("system", required=True)
    content = OrItems(Text(), BLOCK, refusal=wording.NOT_TEXT_OR_LIST, required=True)
    output_config = Shape(SystemOutputConfig)


class ConfigurationTurn(WireSchema):
    """A system turn that only has ``output_config``; its content may be missing."""

    role = Choice("system", required=True)
    content = OrItems(Text(), BLOCK, refusal=wording.NOT_TEXT_OR_LIST)
    output_config = Shape(SystemOutputConfig)


class TurnField(Wire):
    """A turn of the history."""

    _turn = Turn()
    _system_turn = SystemTurn()
    _configuration_turn = ConfigurationTurn()

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        schema: WireSchema = self._turn
        if type(value) is dict and value.get("role") == "system":
            schema = self._configuration_turn if _only_configures(value) else self._system_turn
        if errors := schema.validate(value):
            raise ValidationError(errors)
        return value

    def check(self) -> Check:
        accepts_turn = schema_check(self._turn)
        accepts_system = schema_check(self._system_turn)
        accepts_configuration = schema_check(self._configuration_turn)

        def accepts(value: Any) -> bool:
            if accepts_turn(value):
                return "output_config" not in value or (
                    value["role"] != "system" or accepts_system(value)
                )
            return _only_configures(value) and accepts_configuration(value)

        return accepts


def _only_configures(value: Any) -> bool:
    return (
        type(value) is dict
        and value.get("role") == "system"
        and value.get("content") is None
        and bool(value.get("output_config"))
    )


class ThinkingMode(WireSchema):
    display = Text()


class ThinkingBudget(ThinkingMode):
    budget_tokens = Integer(required=True, validate=AT_LEAST_ONE)


THINKING = {
    "enabled": ThinkingBudget(),
    "adaptive": ThinkingMode(),
    "disabled": ThinkingMode(),
    "between_tools": ThinkingMode(),
}


class OutputFormat(WireSchema):
    type = Choice("json_schema", required=True)
    schema = Object(required=True)


class OutputConfig(WireSchema):
    effort = Choice(*EFFORTS)
    format = Shape(OutputFormat)


class Metadata(WireSchema):
    user_id = Text()


class MessageRequest(WireSchema):
    model = Text(required=True, validate=(NOT_EMPTY, NOT_LONG))
    messages = Items(
        TurnField(),
        required=True,
        validate=Length(min=1, error="at least one message is required"),
    )
    max_tokens = Integer(required=True, validate=NOT_NEGATIVE)
    system = OrItems(Text(), BLOCK, refusal=wording.NOT_TEXT_OR_LIST)
    stop_sequences = Items(Text(), validate=check_stop_sequences)
    stream = Flag()
    temperature = Number(validate=(NOT_NEGATIVE, AT_MOST_ONE))
    top_p = Number(validate=(NOT_NEGATIVE, AT_MOST_ONE))
    top_k = Integer(validate=NOT_NEGATIVE)
    tools = Items(Tool())
    tool_choice = Tagged(TOOL_CHOICES)
    thinking = Tagged(THINKING)
    output_config = Shape(OutputConfig)
    output_format = Shape(OutputFormat)
    compaction = Tagged(COMPACTIONS)
    metadata = Shape(Metadata)
    service_tier = Text()
    context_management = Shape(ContextManagement)


class DefaultedMessageRequest(MessageRequest):
    """The shape if the operator set a default: ``max_tokens`` may be missing or negative."""

    max_tokens = Integer()
