"""Whether a refusal concerns every request to the model or only the one that was refused.

Rule: a field, a role or a kind of content that is refused whatever it holds concerns the model, and so
does a limit or a list that the upstream states. A refused value (out of range, too large, a schema, a
grammar) concerns the request that held it; other clients keep their values.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.failures.complaints import UNKNOWN_FIELD, Refusal

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


def field_refused(item: str, *, under: str = "") -> Scope:
    """The scope of a step that leaves ``item`` out: the field itself is refused, or all but one value.

    ``item`` and ``under`` are those of ``Refusal.about``.
    """

    def concerns_model(refusal: Refusal) -> bool:
        if not unless_value(refusal):
            return False
        named = refusal.about(item, under=under, complaint=UNKNOWN_FIELD)
        # A named param is enough for ``about``, but says nothing about what is wrong with it.
        return refusal.says(LISTED) or (named and refusal.says(UNKNOWN_FIELD))

    return concerns_model


def images_refused(refusal: Refusal) -> bool:
    """The model takes no images, whatever their size and format."""
    return not refusal.says(IMAGE_PROPERTY)
