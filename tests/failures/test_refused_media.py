"""docs/protocol.md section 5: refused pictures and PDFs, in words that Claude Code acts on."""

from __future__ import annotations

import re
from typing import Any

import pytest

from proxy.failures.classify import failure_from_answer, failure_from_chunk
from proxy.failures.healing import heal
from proxy.providers.profiles import Profile

CLAUDE_CODE_ACTS_ON = re.compile(
    "could not process image|image exceeds|image dimensions exceed"
    "|image does not match the provided media type|image cannot be empty|could not process pdf"
    "|pdf pages|the pdf specified was not valid|too much media"
)


def said(message: str, **members: object) -> dict[str, Any]:
    return {"error": {"message": message, **members}}


IMAGES = [
    pytest.param(said("You uploaded an unsupported image. Please make sure your image is valid.", code="image_parse_error"), id="OpenAI"),
    pytest.param(said("You uploaded an unsupported image. Please make sure your image is below 20 MB in size and is of one the following formats: ['png', 'jpeg'].", code="sanitizer_server_error"), id="OpenAI, 2024"),
    pytest.param(said("Invalid image.", code="invalid_image_format"), id="invalid_image_format"),
    pytest.param(said("Not that.", code="unsupported_image_media_type"), id="the code alone"),
    pytest.param(said("No.", code="image_too_large"), id="image_too_large"),
    pytest.param(said("No.", code="invalid_base64_image"), id="invalid_base64_image"),
    pytest.param(said("No.", code="empty_image_file"), id="empty_image_file"),
    pytest.param(said("The image data you provided does not represent a valid image. Please check your input and try again with one of the supported image formats"), id="Azure"),
    pytest.param(said("Unable to process input image. Please retry or report in https://x"), id="Gemini"),
    pytest.param(said("Invalid value at 'contents[0].parts[2].inline_data.data' (TYPE_BYTES), Base64 decoding failed for \"data:image/png;base64\""), id="Gemini, base64"),
    pytest.param(said("Provided image is not valid."), id="Vertex"),
    pytest.param(said("cannot identify image file <_io.BytesIO object at 0x7f>"), id="vLLM"),
    pytest.param(said("Failed to load image: broken data stream when reading image file"), id="vLLM, load"),
    pytest.param(said("At most 5 image(s) may be provided in one request."), id="vLLM, too many"),
    pytest.param(said("Failed to load image or audio file"), id="llama.cpp"),
    pytest.param({"error": "invalid image input"}, id="Ollama"),
    pytest.param({"error": "failed to decode image: image: unknown format"}, id="Ollama, format"),
    pytest.param({"message": "Image, 'data:image/png' could not be loaded as a valid image."}, id="Mistral"),
    pytest.param(said("The image length and width do not meet the model restrictions."), id="DashScope"),
    pytest.param(said("Failed to decode the image during the data inspection."), id="DashScope, decode"),
    pytest.param({"code": "InvalidParameter.DataInspection", "message": "The media format is not supported or incorrect for the data inspection."}, id="DashScope, format"),
    pytest.param(said("Invalid request: unsupported image format: image/tiff"), id="Kimi"),
    pytest.param(said("图片输入格式/解析错误", code="1210"), id="GLM"),
    pytest.param(said("Image size is too large"), id="a size"),
]  # fmt: skip
PDFS = [
    pytest.param(said("The document has no pages."), id="Gemini"),
    pytest.param(said("Failed to parse report.pdf"), id="OpenRouter"),
    pytest.param(said("Unsupported MIME type: application/pdf"), id="a type"),
    pytest.param(said("The PDF file is corrupted or password protected"), id="corrupted"),
    pytest.param(said("Unable to extract text from PDF"), id="no text"),
    pytest.param(said("Invalid Value: 'file'. This model does not support file content types."), id="OpenAI"),
    pytest.param(said("No.", code="invalid_pdf"), id="the code alone"),
    pytest.param(said("PDF exceeds the maximum of 100 pages"), id="too long"),
]  # fmt: skip


@pytest.mark.parametrize("payload", IMAGES)
@pytest.mark.parametrize("status", [400, 415, 422])
def test_a_refused_image(status: int, payload: dict[str, Any]) -> None:
    error = failure_from_answer(status, payload)
    assert error.status == 400
    assert error.message == f"Could not process image: {error.text}"
    assert CLAUDE_CODE_ACTS_ON.search(error.message.lower())


@pytest.mark.parametrize(
    ("status", "payload"),
    [
        pytest.param(413, said("Image size is too large", code="image_too_large"), id="413"),
        pytest.param(413, said("At most 5 image(s) may be provided in one request."), id="413, too many"),
        pytest.param(500, said("Failed to load image or audio file"), id="llama.cpp"),
        pytest.param(500, said("cannot identify image file <_io.BytesIO object at 0x7f>"), id="vLLM"),
        pytest.param(500, said("Failed to load image: image file is truncated (3 bytes)"), id="vLLM, cut"),
        pytest.param(500, {"error": "failed to decode image: image: unknown format"}, id="Ollama"),
        pytest.param(500, {"error": "invalid image type: application/octet-stream"}, id="Ollama, type"),
        pytest.param(500, said("broken data stream when reading image file"), id="SGLang"),
        pytest.param(500, said("The file is not a valid image"), id="a gateway"),
    ],
)  # fmt: skip
def test_a_refused_image_under_another_status(status: int, payload: dict[str, Any]) -> None:
    """Claude Code ends its turn for a 413, and repeats a 500 in vain in this and each later turn."""
    error = failure_from_answer(status, payload)
    assert (error.status, error.message) == (400, f"Could not process image: {error.text}")


@pytest.mark.parametrize("payload", PDFS)
@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_pdf(status: int, payload: dict[str, Any]) -> None:
    error = failure_from_answer(status, payload)
    assert (error.status, error.message) == (400, f"Could not process PDF: {error.text}")
    assert CLAUDE_CODE_ACTS_ON.search(error.message.lower())


def test_in_a_stream() -> None:
    error = failure_from_chunk(
        said("Invalid image.", code="invalid_image_format", type="invalid_request_error")
    )
    assert (error.status, error.message) == (400, "Could not process image: Invalid image.")


@pytest.mark.parametrize(
    "text",
    [
        "Could not process image",
        "messages.3.content.1.image.source.base64: image exceeds 5 MB maximum: 6 MB > 5 MB",
        "The image dimensions exceed max allowed size for many-image requests: 2000 pixels",
        "A maximum of 100 PDF pages may be provided.",
        "The PDF specified was not valid.",
        "Too much media: 101 images > 100",
    ],
)
def test_words_that_clients_know_stay(text: str) -> None:
    assert failure_from_answer(400, said(text)).message == text


@pytest.mark.parametrize(
    ("status", "payload"),
    [
        pytest.param(400, said("Unsupported parameter: 'temperature'"), id="a parameter"),
        pytest.param(400, said("Invalid schema for function 'image_resize'"), id="a tool"),
        pytest.param(400, said("Function 'x': property 'image' is not valid"), id="its property"),
        pytest.param(400, said("tools.0.input_schema: invalid image"), id="its path"),
        pytest.param(
            400,
            said("Invalid schema: image is not valid under any type", param="tools[0].function"),
            id="the schema of a tool",
        ),
        pytest.param(
            400,
            said('Invalid body: {"messages": [{"content": "this image is broken"}]}'),
            id="a prompt that is quoted",
        ),
        pytest.param(404, said("No endpoints found that support image input"), id="a model"),
        pytest.param(429, said("Too many images, slow down"), id="a rate"),
        pytest.param(
            500, said("Image service unavailable, try again"), id="a failure of the server"
        ),
        pytest.param(
            500, said("failed to load image from https://x.test: timed out"), id="a download"
        ),
        pytest.param(500, said("Error while parsing images"), id="a failure of no known decoder"),
        pytest.param(503, said("cannot identify image file"), id="a server that is not ready"),
        pytest.param(413, said("Request Entity Too Large"), id="a body too large"),
        pytest.param(400, said("The model gpt-image-1 does not do chat"), id="a name"),
        pytest.param(400, said("Invalid value: 'messages'. Expected a list."), id="another field"),
    ],
)
def test_other_refusals(status: int, payload: dict[str, Any]) -> None:
    assert not failure_from_answer(status, payload).message.startswith("Could not process")


@pytest.mark.parametrize(
    "text",
    [
        "This model does not support image input",
        "Invalid content type. image_url is only supported by certain models.",
        "At most 0 image(s) may be provided in one prompt.",
    ],
)
def test_models_without_vision_are_still_healed(text: str) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    body = {"messages": [{"role": "user", "content": [image]}]}
    assert heal(Profile(), body, failure_from_answer(400, said(text))) == {"vision": False}
