"""Which image data is no whole image."""

from __future__ import annotations

from base64 import b64encode

import pytest

from proxy.failures.broken_images import is_damaged

PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0:~\x9bU"
    b"\0\0\0\nIDATx\x9cc`\0\0\0\2\0\1H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82"
)
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(200) + b"\xff\xd9"
GIF = b"GIF89a\1\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
WEBP = b"RIFF\x1a\0\0\0WEBPVP8L\r\0\0\0/\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0"


def data_url(data: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{b64encode(data).decode()}"


@pytest.mark.parametrize(
    "url",
    [
        data_url(PNG),
        data_url(PNG + b"\0"),
        data_url(PNG, "image/jpeg"),
        data_url(JPEG),
        data_url(GIF),
        data_url(WEBP),
        data_url(PNG).replace(",iVBORw0K", ",iVBO\r\nRw0K"),
        "https://a.test/broken.png",
    ],
)
def test_whole(url: str) -> None:
    assert not is_damaged(url)


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png;base64,",
        "data:image/png;base64,not base64",
        "data:image/png;base64,%89PNG",
        data_url(b"<html>not found</html>"),
        data_url(PNG[:-6]),
        data_url(PNG)[:-3],
        data_url(PNG)[:-1],
        data_url(JPEG[:-2]),
        data_url(GIF[:-1]),
        data_url(WEBP[:-4]),
        data_url(b"RIFF\1\0\0\0WAVE"),
        data_url(b"BM" + bytes(60)),
        data_url(b"\x89PNG\r\n\x1a\n"),
    ],
)
def test_damaged(url: str) -> None:
    assert is_damaged(url)
