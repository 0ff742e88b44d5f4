"""Whether a refusal applies to every request to the model, or only to the refused one.

Rule: a refusal applies to the model if a field, a role or a kind of content is refused independent of its
value, or if the upstream states a limit or a list of values. A refused value (out of range, too large, a
schema, a grammar) applies only to the request that contained it; other clients keep their values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from proxy.failures.complaints import UNKNOWN_FIELD, Refusal, supported_efforts
from proxy.failures.history_steps import ROWS

Scope = Callable[[Refusal], bool]
"""Returns whether a refusal applies to every request to the model."""

LISTED = (
    r"(?:only (?:the )?default|\bonly \S.{0,30}?\b(?:allowed|supported|accepted)"
    r"|\b(?:supported|allowed|accepted|valid) (?:\w+ )?(?:values?|types?|options?|levels?)\b"
    r"|(?:must|should) be (?:one of|either|['\"`])|expected one of|not one of)"
)
"""The upstream states which values the model accepts."""

BOUND = (
    r"(?:\brange\b|\bbetween -?\d|[<>≤≥]=? ?-?\d|\bgot -?\d|\bat (?:most|least) -?\d"
    r"|\b(?:larger|bigger|greater|higher|less|lower|smaller|fewer|longer|shorter|more) than"
    r"|\btoo (?:large|big|high|long|many|small|low|short|few|deep|complex)"
    r"|\bexceed|\b(?:above|below) (?:the )?(?:max|min)|\b(?:non-)?(?:negative|positive)\b"
    r"|\b(?:must|should) be (?:an? )?(?:valid )?(?:number|integer|float|string|boolean|object|array|list)\b"
    r"|取值范围|超出|超过|大于|小于|过大|过长|过小)"
)
"""A value is outside the allowed range."""

WRITTEN_BY_CLIENT = (
    r"(?:\b(?:invalid|unsupported|malformed|bad) (?:json |output |tool |input |response )?schema"
    r"|\bschema (?:for|is|has|contains|must|should|validation|error|keyword|at)\b|\bin context="
    r"|\$ref|\$defs|\bgrammar|\bregex|\bkeyword|\brecursive|\binvalid (?:function|tool) (?:name|format))"
)
"""The refusal is about a schema, a grammar or a name, which belong to the client's tools."""

WRONG_VALUE = (
    r"(?:\b(?:invalid|illegal|incorrect|wrong|bad|unexpected|unsupported) (?:\w+ )?value"
    r"|\bnot a valid\b(?! (?:field|param|arg|key|prop))|\bnot found\b|\bdoes not exist\b)"
)
"""The refusal is about a value, unless the upstream also lists the values that it accepts."""

IMAGE_PROPERTY = (
    r"(?:\b(?:larger|bigger|smaller|greater|more) than|\btoo (?:large|big|small|many)|\bexceed"
    r"|\b\d+ ?(?:[kmg]i?b|bytes|px|pixels|megapixels)\b|\bpixel|\bdimension|\bresolution|\bformat"
    r"|\bmime|\bmedia type|\bbase64|\bcorrupt|\banimated|\b(?:webp|gif|bmp|svg|heic|heif|tiff|avif)\b)"
)
"""The refusal is about one image, not about images in general."""


EXCLUDE_EACH_OTHER = r"\bcannot both be\b"
"""The upstream accepts only one of two parameters, independent of their values."""


def concerns_model(step: str, flags: Mapping[str, object], refusal: Refusal) -> bool:
    """Whether to remember ``flags``, with which the healing step named ``step`` avoids ``refusal``.

    A step without a row in ``SCOPES``: yes if all flags are numbers, which are limits that the upstream
    states; otherwise ``unless_value`` decides.
    """
    if step == "schema" and "schema_drop" in flags:
        return keyword_refused(refusal)
    scope = SCOPES.get(step)
    if scope is not None:
        return scope(refusal)
    return all(type(value) is int for value in flags.values()) or unless_value(refusal)


def always(_: Refusal) -> bool:
    """The refusal states a limit or a rule of the model."""
    return True


def never(_: Refusal) -> bool:
    """The refusal is about what one client wrote."""
    return False


def unless_value(refusal: Refusal) -> bool:
    """The refusal is not about a value."""
    if refusal.says(BOUND) or refusal.says(WRITTEN_BY_CLIENT):
        return False
    return refusal.says(LISTED) or not refusal.says(WRONG_VALUE)


def keyword_refused(refusal: Refusal) -> bool:
    """A keyword of schemas is refused, not the value that one schema gives it."""
    if refusal.says(BOUND):
        return False
    return refusal.says(LISTED) or not refusal.says(WRONG_VALUE)


def field_refused(item: str, *, under: str = "") -> Scope:
    """The scope of a step that removes ``item``: the field is refused, or all values except listed ones.

    ``item`` and ``under`` are the arguments of ``Refusal.about``.
    """

    def refused(refusal: Refusal) -> bool:
        if not unless_value(refusal):
            return False
        named = refusal.about(item, under=under, complaint=UNKNOWN_FIELD)
        # ``about`` is true if the error's ``param`` names the item, whatever the error is.
        return refusal.says(LISTED) or (named and refusal.says(UNKNOWN_FIELD))

    return refused


def images_refused(refusal: Refusal) -> bool:
    """The model accepts no images, independent of their size and format."""
    return not refusal.says(IMAGE_PROPERTY)


def efforts_stated(refusal: Refusal) -> bool:
    """The upstream lists the efforts that it accepts, or accepts no effort."""
    return bool(supported_efforts(refusal)) or field_refused("reasoning_effort")(refusal)


def sampling_refused(refusal: Refusal) -> bool:
    """A sampling parameter is refused, alone or in combination with the other one."""
    return refusal.says(EXCLUDE_EACH_OTHER) or field_refused("temperature|top_p")(refusal)


def tool_choice_refused(refusal: Refusal) -> bool:
    """The model takes no such choice; not that the tool of one request is wrong."""
    return unless_value(refusal) or refusal.says(r"\bno (?:endpoints?|providers?) ")


def thinking_refused(refusal: Refusal) -> bool:
    """The parameter is refused, not one of its values."""
    return unless_value(refusal) and not refusal.says(r"\bthinking types?\b")


def names_the_model(refusal: Refusal) -> bool:
    """The upstream speaks of the model, not of what one request combines."""
    return refusal.says(r"\bmodel\b")


SCOPES: Mapping[str, Scope] = {
    "api": always,
    "stream": always,
    "no_stream": names_the_model,
    "prefill": always,
    "affordable": never,
    "tool_choice": tool_choice_refused,
    "thinking": thinking_refused,
    "unreadable_images": never,
    "forced_choice": always,
    "effort_with_tools": always,
    "developer": always,
    "include": always,
    "reasoning_ids": always,
    "reasoning_summary": always,
    # Which reasoning can be decrypted depends on the key and the model of an earlier turn.
    "refused_state": never,
    "hosted_choice": tool_choice_refused,
    "tool_output_parts": always,
    "web_search": always,
    "reasoning_effort": efforts_stated,
    "sampling": sampling_refused,
    "token_field": field_refused("max_(?:completion_)?tokens"),
    "stream_options": field_refused("stream_options"),
    "parallel_tool_calls": field_refused("parallel[_ ]tool[_ ]calls"),
    "strict": field_refused("strict", under="tools"),
    "images": images_refused,
    "grammar": never,
    # A rewrite takes nothing from other clients: it acts on schemas that this upstream refuses. For
    # keywords that are left out see ``keyword_refused``.
    "schema": always,
    # What an upstream demands of a history's order and form holds for every history.
    **{row.step: always for row in ROWS},
}
"""By the name of the step; ``concerns_model`` decides for a step without a row."""
