"""Refusals of images: by text-only models in whatever words, and of one broken image (1.5, edge 125)."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import UpstreamError
from proxy.failures.broken_images import image_key
from proxy.failures.classify import failure_from_answer
from proxy.failures.healing import Healing, heal, healing_for
from proxy.providers.profiles import Profile
from tests.failures.test_broken_images import GIF, PNG, data_url

WHOLE, OTHER = data_url(PNG), data_url(GIF)
BROKEN = data_url(PNG[:-6])


def part(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def asking(*urls: str) -> dict[str, Any]:
    text = {"type": "text", "text": "What is this?"}
    return {
        "messages": [
            {"role": "system", "content": "Be brief."},
            *({"role": "user", "content": [text, part(url)]} for url in urls),
        ]
    }


def refused(text: str, status: int = 400, param: str | None = None) -> UpstreamError:
    error = {"message": text, "param": param}
    return failure_from_answer(status, {"error": error})


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("This model only support text input", 400),
        ("media inputs are not supported by this model", 400),
        ("Attachments are not supported", 400),
        ("Unsupported content part type for text-only server: image_url", 400),
        ("this model does not support image input (ref: b8bd630e)", 400),
        ("No endpoints found that support image input", 404),
        ("image input is not supported - hint: if this is unexpected, you may need to provide the mmproj", 500),
        ("The model does not accept images", 422),
        ("Multimodal content is not supported", 501),
        ("This model cannot process images. It is a text-only model.", 415),
        ("Vision is not enabled for this deployment", 403),
        ("deepseek-v4-pro is not vision-capable", 400),
        ("Only text content is supported for this model", 405),
        ("Input type image_url is not supported", 400),
        ("当前模型不支持图片输入", 400),
        ("该模型仅支持文本输入", 400),
    ],
)  # fmt: skip
def test_1_5_a_text_only_model_is_learned(text: str, status: int) -> None:
    healing = healing_for(Profile(), asking(WHOLE), refused(text, status))
    assert healing == Healing("images", {"vision": False}, True)
    assert heal(Profile(), {"messages": [{"role": "user", "content": "hi"}]}, refused(text)) == {}


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("This model only supports text input", 401),
        ("This model only supports text input", 429),
        ("No images were found", 404),
        ("The image_url is not reachable", 400),
        ("Failed to fetch the image from its URL", 400),
        ("image/bmp is not supported", 400),
        ("only text-to-speech models are available in this region", 404),
    ],
)
def test_1_5_no_text_only_model(text: str, status: int) -> None:
    assert "vision" not in heal(Profile(), asking(WHOLE), refused(text, status))


UNREADABLE = [
    ("Invalid PNG image.", 400),
    ("Base64 string of provided image cannot be decoded.", 400),
    ("Provided image is not valid", 400),
    ("Unable to process input image. Please retry or report in https://developers.generativeai.google", 400),
    ("The image data you provided does not represent a valid image. Please check your input and try again with one of the supported image formats: ['image/jpeg', 'image/png']", 400),
    ("You uploaded an unsupported image. Please make sure your image is below 20 MB in size and is of one the following formats: ['png', 'jpeg'].", 400),
    ("cannot identify image file <_io.BytesIO object at 0x7f>", 500),
    ("failed to decode image: image: unknown format", 500),
    ("Image, 'data:image/png' could not be loaded as a valid image.", 400),
    ("Failed to decode the image during the data inspection.", 400),
    ("图片输入格式/解析错误", 400),
    ("Could not process image", 400),
]  # fmt: skip


@pytest.mark.parametrize(("text", "status"), UNREADABLE)
def test_1_5_the_broken_image_is_left_out(text: str, status: int) -> None:
    body = asking(WHOLE, BROKEN, OTHER)
    healing = healing_for(Profile(), body, refused(text, status))
    expected: dict[str, object] = {"unreadable_images": (image_key(BROKEN),)}
    assert healing == Healing("unreadable_images", expected, False)


@pytest.mark.parametrize(
    ("urls", "text", "param", "left_out"),
    [
        ((WHOLE,), "Invalid image.", None, (WHOLE,)),
        ((WHOLE, WHOLE), "Invalid image.", None, (WHOLE,)),
        ((WHOLE, OTHER), "Invalid image.", "messages[2].content[1].image_url.url", (OTHER,)),
        ((WHOLE, OTHER), "messages.1.content.1: could not process image", None, (WHOLE,)),
        ((WHOLE, BROKEN), "messages.0.content.1.image: could not process image", None, (BROKEN,)),
        ((BROKEN, "data:image/png;base64,!!"), "Invalid image.", None, (BROKEN, "data:image/png;base64,!!")),
        (("https://a.test/A.png", WHOLE), "Cannot read image https://a.test/A.png: corrupt image", None, ("https://a.test/A.png",)),
    ],
)  # fmt: skip
def test_1_5_which_image_is_left_out(
    urls: tuple[str, ...], text: str, param: str | None, left_out: tuple[str, ...]
) -> None:
    flags = heal(Profile(), asking(*urls), refused(text, param=param))
    assert flags == {"unreadable_images": tuple(map(image_key, left_out))}


@pytest.mark.parametrize(
    ("urls", "text"),
    [
        ((WHOLE, OTHER), "Invalid image."),
        ((BROKEN,), "Image exceeds 5 MB maximum: 6500712 bytes > 5242880 bytes"),
        ((BROKEN,), "Invalid image: dimensions exceed 8000 pixels"),
        ((BROKEN,), "Could not process image: too large"),
        ((BROKEN,), "At most 5 image(s) may be provided in one request."),
        ((), "Invalid image."),
    ],
)
def test_1_5_no_image_is_left_out(urls: tuple[str, ...], text: str) -> None:
    assert heal(Profile(), asking(*urls), refused(text)) == {}


def test_1_5_further_images_are_added() -> None:
    first = Profile(unreadable_images=(image_key(BROKEN),))
    flags = heal(first, asking(BROKEN, "data:image/png;base64,!!"), refused("Invalid image."))
    second = image_key("data:image/png;base64,!!")
    assert flags == {"unreadable_images": (image_key(BROKEN), second)}
    assert heal(first, asking(BROKEN), refused("Invalid image.")) == {}
