"""Where the bytes of an image or a document come from: the ``source`` of its block.

Rule: base64 is checked here in full, without decoding it, so that broken data is refused with its
path before anything goes upstream (docs/protocol.md section 9).
"""

from __future__ import annotations

import string

from marshmallow import ValidationError

from proxy.schemas.fields import Choice, Text, WireSchema

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")

_ALPHABET = (string.ascii_letters + string.digits + "+/").encode()
_PADDINGS = (b"", b"=", b"==")


def check_base64(data: str) -> None:
    """Raise ValidationError unless ``data`` is plain, padded, non-empty base64.

    A ``data:`` prefix, line breaks and the URL-safe alphabet are refused, as the real service
    does: an upstream gets the text verbatim inside a data URL and could only fail later.
    """
    if not data or len(data) % 4 or not data.isascii():
        raise ValidationError("invalid base64 data")
    padding = data.encode("ascii").translate(None, _ALPHABET)
    if padding not in _PADDINGS or not data.endswith(padding.decode()):
        raise ValidationError("invalid base64 data")


class Base64Image(WireSchema):
    media_type = Choice(*IMAGE_TYPES, required=True)
    data = Text(required=True, validate=check_base64)


class Base64Pdf(WireSchema):
    media_type = Choice("application/pdf", required=True)
    data = Text(required=True, validate=check_base64)


class PlainText(WireSchema):
    media_type = Choice("text/plain", required=True)
    data = Text(required=True)


class Url(WireSchema):
    url = Text(required=True)


class File(WireSchema):
    file_id = Text(required=True)


IMAGE_SOURCES = {"base64": Base64Image(), "url": Url(), "file": File()}
