"""Recognises that an upstream refused an image or a PDF, and writes the message that Claude Code expects.

Rule: Claude Code removes media from its history only after errors with texts that it knows. After any
other refusal of an image, every later prompt of the session fails (docs/protocol.md section 5). The
upstream's own text follows.
"""

from __future__ import annotations

import re

from proxy.failures.complaints import LONGEST_TEXT, QUOTED_REQUEST
from proxy.failures.error_body import ErrorFacts

IMAGE_REFUSED = "Could not process image: "
PDF_REFUSED = "Could not process PDF: "

_KNOWN_TO_CLIENTS = re.compile(
    r"could not process (?:image|pdf)|image exceeds|image dimensions exceed"
    r"|image does not match the provided media type|image cannot be empty|pdf pages"
    r"|the pdf specified was not valid|too much media",
    re.IGNORECASE,
)
_GAP = r"(?:(?![.!?;] |[{}]).){0,60}?"
_BROKEN = (
    r"(?:invalid|not (?:a )?valid|unsupported|not supported|corrupt(?:ed)?|malformed|broken|unreadable"
    r"|(?:could|can) ?not|can't|couldn't|unable|fail(?:ed|s)?|failure|error|empty|too (?:large|big|small|many)"
    r"|exceed(?:s|ed)?|larger than|does not (?:represent|meet|match)|do not meet|at most \d+"
    r"|unknown (?:format|type)|illegal|incorrect|decod(?:e|ing)|pars(?:e|ing))"
)
_IMAGE = r"\bimages?\b(?!_)(?! (?:input|generation|url is only|model))"
_PDF = r"(?:\bpdfs?\b(?!_)|\bapplication/pdf\b)"
_ABOUT_TOOLS = re.compile(r"\bschema\b|\bfunctions?\b|\btools?[\[.]", re.IGNORECASE)
_IMAGE_CODES = (
    "invalid", "unsupported", "pars", "large", "small", "empty", "download", "mode", "format", "media",
    "size", "dimension", "not_found", "policy", "decode",
)  # fmt: skip
"""Parts that an error code or type has together with ``image`` if the image was refused."""
_PDF_CODES = ("invalid", "unsupported", "pars", "pages")
"""Parts that an error code or type has together with the name of a document that was refused."""
_IMAGE_WORDS = re.compile(
    rf"{_IMAGE}{_GAP}\b{_BROKEN}|\b{_BROKEN}{_GAP}{_IMAGE}|unable to process input image"
    r"|inline_data\.data\b.{0,60}base64 decoding failed|unsupported mime type:? image/"
    r"|media format is not supported or incorrect|invalid image input|图片.{0,12}(?:错误|失败|不支持|过大)",
    re.IGNORECASE,
)
_PDF_WORDS = re.compile(
    rf"{_PDF}{_GAP}\b{_BROKEN}|\b{_BROKEN}{_GAP}{_PDF}|\.pdf\b.{{0,40}}\b{_BROKEN}"
    r"|the document has no pages|pdf (?:is )?(?:password|encrypted)|(?:encrypted|password.protected) pdf"
    r"|does not support (?:file|document) (?:content|input)|number of pages",
    re.IGNORECASE,
)


_DECODERS = (
    r"cannot identify image file|(?:load|decode|parse|open) (?:the )?image\b(?!s? from)|image: unknown format"
    r"|truncated image|image file is truncated|broken data stream when reading image"
    r"|invalid image (?:type|data|format|input)|unsupported image (?:type|format)|not a valid image"
)
_UNREADABLE = re.compile(_DECODERS, re.IGNORECASE)
_STATE = r"(?:invalid|corrupt(?:ed)?|malformed|broken|damaged|truncated|undecodable|unreadable)"
UNREADABLE_IMAGE = re.compile(
    rf"{_DECODERS}|\b{_STATE} (?:or \w+ )?(?:input |png |jpe?g |gif |webp |base64[- ]?){{0,2}}(?:encoded )?image\b(?!_| url)"
    rf"|\bimage (?:data |file |input )?(?:is|are|was|appears to be|seems) (?:{_STATE}|empty|not valid)\b"
    r"|represent a valid image|as a valid image|could not process (?:the )?(?:input )?image"
    r"|(?:unable to|cannot|can't|could not) (?:process|read|decode|identify) (?:the |this |your |an? )?(?:input )?image\b"
    r"|image[^.\n]{0,40} (?:can ?not|could not|can't|couldn't) be (?:decoded|read|parsed|loaded|opened|identified)"
    r"|(?:base64|image)[^.\n]{0,30} decod(?:e|ing) (?:failed|failure|error)|uploaded an unsupported image"
    r"|match the provided media type|media format is not supported or incorrect"
    r"|图片.{0,6}(?:解析|解码|读取|识别).{0,4}(?:错误|失败)",
    re.IGNORECASE,
)
"""Words for an image that cannot be decoded, by decoders and by the services in front of them."""


def is_unreadable_image(facts: ErrorFacts) -> bool:
    """Whether an error that an upstream reports as internal (500) is caused by an image in the request.

    Only messages of image decoders count (llama.cpp, Ollama, vLLM); a retry would give the same error.
    """
    return _UNREADABLE.search(facts.message[:LONGEST_TEXT]) is not None


def refused_media(facts: ErrorFacts) -> str | None:
    """The message for a refused image or PDF; None for any other error.

    A text that clients already know is returned unchanged.
    """
    text = facts.message[:LONGEST_TEXT]
    if not text or (facts.param or "").startswith(("tools", "response_format")):
        return None
    quote = QUOTED_REQUEST.search(text)
    own = text[: quote.start()] if quote else text
    if _KNOWN_TO_CLIENTS.search(own):
        return facts.message
    if _ABOUT_TOOLS.search(own):
        return None
    codes = [word.lower() for word in (facts.code, facts.kind) if word]
    for prefix, is_code, words in (
        (PDF_REFUSED, _is_pdf_code, _PDF_WORDS),
        (IMAGE_REFUSED, _is_image_code, _IMAGE_WORDS),
    ):
        if any(map(is_code, codes)) or words.search(own):
            return prefix + facts.message
    return None


def _is_image_code(code: str) -> bool:
    return "image" in code and any(part in code for part in _IMAGE_CODES)


def _is_pdf_code(code: str) -> bool:
    if "pdf" in code:
        return True
    named = "document" in code or "file_data" in code
    return named and any(part in code for part in _PDF_CODES)
