"""Refusals of images: by a model without vision, or of one image that cannot be decoded.

Rule: a model without vision gets placeholders. Of several images only the one that cannot be decoded
is left out: the one that the refusal names, else those whose bytes are no whole image, else the only
one. Images that are refused for their size stay, because clients scale them (refused_media.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from proxy.failures.broken_images import image_key, is_damaged
from proxy.failures.complaints import Refusal
from proxy.failures.refused_media import UNREADABLE_IMAGE
from proxy.failures.response_view import chat_view
from proxy.providers.profiles import Profile

Body = Mapping[str, Any]
Flags = dict[str, object]

_MEDIA = r"(?:image_url|images?|vision|multi-?modal|media|attachments?|pictures?|visual)"
_KIND = r"(?:[`'\"]? (?:inputs?|contents?|parts?|messages?|data|capabilit(?:y|ies)|understanding|files?))?"
TEXT_ONLY = re.compile(
    r"unknown variant [`'\"]?image_url"
    r"|image_url is only supported by certain models"
    rf"|\b{_MEDIA}{_KIND}[`'\"]? (?:is |are )?(?:currently )?not (?:supported|enabled|allowed|accepted|available)\b"
    rf"|(?:not|n't) (?:currently |yet )?(?:support|accept|allow|have|take)(?: any| the)?"
    rf" {_MEDIA}{_KIND}\b(?! url|_)"
    r"|(?:not|n't) (?:process|handle|read|see|view)(?: any)? (?:images|pictures|attachments|media|visual)\b"
    r"|\bno endpoints? found that support image input|support image input|not a (?:multi-?modal|vision)"
    r"|(?:not|n't) (?:a )?(?:vision|image|multi-?modal)[- ](?:capable|enabled)"
    r"|at most 0 image"
    r"|\bonly (?:\w+ )?(?:supports?|accepts?|takes?|allows?|handles?|processes?) (?:plain )?text\b(?!-to|_)"
    r"|\b(?:supports?|accepts?|takes?) (?:only )?(?:plain )?text[- ](?:only|inputs? only)|\btext[- ]only (?:model|server|endpoint)"
    r"|\btext (?:input|content|messages?) only\b|\bonly text (?:inputs?|contents?|messages?|parts?|is|are)\b"
    r"|\b(?:input|content|part)[- ]?types?:? [`'\"]?image_url[`'\"]? (?:is )?(?:not|un)[ -]?(?:supported|allowed)"
    r"|\bunsupported (?:content|input|part)(?: part)? types?:? [`'\"]?(?:image|image_url)\b"
    r"|content.{0,12} must be a string|content.{0,24}\['text'\]"
    r"|(?:不支持|无法(?:处理|识别))(?:\w{0,6})?(?:图片|图像|多模态|视觉)|(?:仅|只)支持(?:纯)?文本"
)
"""Refusals of models without vision (edge case 125), but not those of one invalid image."""


def text_only_flags(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    """Placeholders for images."""
    refused = any(_images(body)) and TEXT_ONLY.search(refusal.text)
    return {"vision": False} if refused else {}


_OF_SIZE = re.compile(
    r"too (?:large|big|small|many)|exceed|(?:larger|bigger|smaller|more) than|\bat (?:most|least) \d"
    r"|\bdimension|\bpixels?\b|\bresolution|尺寸|过大"
)
_PLACE = re.compile(
    r"messages?[.\[/]{1,2}(\d{1,4})\]?[./]?\[?['\"]?content['\"]?\]?[.\[/]{1,2}(\d{1,4})"
)


def unreadable_flags(profile: Profile, body: Body, refusal: Refusal) -> Flags:
    """The images to leave out, if the upstream could not decode one; never remembered."""
    text = f"{refusal.param} {refusal.text}"
    if _OF_SIZE.search(text) or not UNREADABLE_IMAGE.search(refusal.text):
        return {}
    urls = dict(_images(body))
    refused = _named(text, urls) or [url for url in urls.values() if is_damaged(url)]
    if not refused and len(set(urls.values())) == 1:
        refused = list(urls.values())
    keys = dict.fromkeys(image_key(url) for url in refused)
    more = [key for key in keys if key not in profile.unreadable_images]
    return {"unreadable_images": (*profile.unreadable_images, *more)} if more else {}


def inline_keys(body: Body) -> set[str]:
    """The keys of the images that ``body`` holds itself, not by an address, whose file may change.

    ``body``: a request of Chat Completions or Responses.
    """
    body = chat_view(body) if "input" in body else body
    return {image_key(url) for _, url in _images(body) if url.startswith("data:")}


def _named(text: str, urls: Mapping[tuple[int, int], str]) -> list[str]:
    """The image whose place in the request, or whose address, the refusal names."""
    found = _PLACE.search(text)
    named = urls.get((int(found[1]), int(found[2]))) if found else None
    if named is not None:
        return [named]
    addresses = [url for url in urls.values() if not url.startswith("data:")]
    return [url for url in addresses if url.lower() in text]


def _images(body: Body) -> Iterator[tuple[tuple[int, int], str]]:
    """Message and part of each image, and its URL."""
    for number, message in enumerate(body.get("messages") or ()):
        content = message.get("content")
        if not isinstance(content, list):
            continue
        for at, part in enumerate(content):
            if part.get("type") == "image_url":
                yield (number, at), part["image_url"]["url"]
