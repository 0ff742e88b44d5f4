"""The ``source`` of an image or a document block.

Rule: base64 is checked completely, without decoding it, so that invalid data is refused with its path
before a request is sent upstream (docs/protocol.md section 9).
"""

from __future__ import annotations

import string

from marshmallow import ValidationError

from proxy.schemas.fields import Choice, Text, WireSchema

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")

_ALPHABET = (string.ascii_letters + string.digits + "+/").encode()
_PADDINGS = (b"", b"=", b"==")


def check_base64(data: str) -> None:
    """Raise ValidationError unless ``data`` is standard base64 with padding, and not empty.

    A ``data:`` prefix, line breaks and the URL-safe alphabet are refused, as in the Messages API. The
    upstream gets the text unchanged inside a data URL and would refuse it too.
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
