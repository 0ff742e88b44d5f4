"""Whether a refusal concerns every request to the model or only the one that was refused.

Rule: a field, a role or a kind of content that is refused whatever it holds concerns the model, and so
does a limit or a list that the upstream states. A refused value (out of range, too large, a schema, a
grammar) concerns the request that held it; other clients keep their values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from proxy.failures.complaints import UNKNOWN_FIELD, Refusal, supported_efforts
from proxy.failures.history_steps import ROWS

Scope = Callable[[Refusal], bool]
"""Whether a refusal concerns every request to the model."""

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
"""A value lies outside what is allowed."""

WRITTEN_BY_CLIENT = (
    r"(?:\b(?:invalid|unsupported|malformed|bad) (?:json |output |tool |input |response )?schema"
    r"|\bschema (?:for|is|has|contains|must|should|validation|error|keyword|at)\b|\bin context="
    r"|\$ref|\$defs|\bgrammar|\bregex|\bkeyword|\brecursive|\binvalid (?:function|tool) (?:name|format))"
)
"""The complaint is about a schema, a grammar or a name, which belong to the client's tools."""

WRONG_VALUE = (
    r"(?:\b(?:invalid|illegal|incorrect|wrong|bad|unexpected|unsupported) (?:\w+ )?value"
    r"|\bnot a valid\b(?! (?:field|param|arg|key|prop))|\bnot found\b|\bdoes not exist\b)"
)
"""A complaint about a value, unless the upstream adds which values it accepts."""

IMAGE_PROPERTY = (
    r"(?:\b(?:larger|bigger|smaller|greater|more) than|\btoo (?:large|big|small|many)|\bexceed"
    r"|\b\d+ ?(?:[kmg]i?b|bytes|px|pixels|megapixels)\b|\bpixel|\bdimension|\bresolution|\bformat"
    r"|\bmime|\bmedia type|\bbase64|\bcorrupt|\banimated|\b(?:webp|gif|bmp|svg|heic|heif|tiff|avif)\b)"
)
"""A complaint about one image, not about images as such."""


EXCLUDE_EACH_OTHER = r"\bcannot both be\b"
"""The upstream takes one of two parameters, whatever their values."""


def concerns_model(step: str, flags: Mapping[str, object], refusal: Refusal) -> bool:
    """Whether ``flags``, by which the healing step of that name avoids ``refusal``, are remembered.

    Without a row in ``SCOPES``: if they are numbers, which are limits that the upstream states, and
    otherwise unless it complains of a value.
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
    """Not a complaint about a value."""
    if refusal.says(BOUND) or refusal.says(WRITTEN_BY_CLIENT):
        return False
    return refusal.says(LISTED) or not refusal.says(WRONG_VALUE)


def keyword_refused(refusal: Refusal) -> bool:
    """A keyword of schemas is refused, not the value that one schema gives it."""
    if refusal.says(BOUND):
        return False
    return refusal.says(LISTED) or not refusal.says(WRONG_VALUE)


def field_refused(item: str, *, under: str = "") -> Scope:
    """The scope of a step that leaves ``item`` out: the field itself is refused, or all but one value.

    ``item`` and ``under`` are those of ``Refusal.about``.
    """

    def refused(refusal: Refusal) -> bool:
        if not unless_value(refusal):
            return False
        named = refusal.about(item, under=under, complaint=UNKNOWN_FIELD)
        # A named param is enough for ``about``, but says nothing about what is wrong with it.
        return refusal.says(LISTED) or (named and refusal.says(UNKNOWN_FIELD))

    return refused


def images_refused(refusal: Refusal) -> bool:
    """The model takes no images, whatever their size and format."""
    return not refusal.says(IMAGE_PROPERTY)


def efforts_stated(refusal: Refusal) -> bool:
    """The upstream lists the efforts that it takes, or takes none."""
    return bool(supported_efforts(refusal)) or field_refused("reasoning_effort")(refusal)


def sampling_refused(refusal: Refusal) -> bool:
    """A sampling parameter is refused, alone or beside the other."""
    return refusal.says(EXCLUDE_EACH_OTHER) or field_refused("temperature|top_p")(refusal)


SCOPES: Mapping[str, Scope] = {
    "forced_choice": always,
    "effort_with_tools": always,
    "developer": always,
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
"""By the name of the step; for a step that is not listed see ``concerns_model``."""
