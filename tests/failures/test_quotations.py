"""Refusals without what they repeat of the request: docs/protocol.md 1.5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from proxy.errors import UpstreamError
from proxy.failures.healing import heal
from proxy.failures.quotations import LONGEST_REQUEST, own_words
from proxy.providers.profiles.base import Profile
from tests.security.growth import TIMES, grows_too_fast

LIE = "image inputs are not supported"


def body(*parts: object, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": list(parts)}], **fields}


def picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


SEEN = body(picture("https://far.test/a.png"))
LIED = body(picture(f"https://far.test/{LIE}"))


@pytest.mark.parametrize(
    ("text", "request_body", "own"),
    [
        pytest.param("Not a word of it", SEEN, "not a word of it", id="nothing is quoted"),
        pytest.param(
            f"Could not load https://far.test/{LIE} today",
            LIED,
            "could not load \n\n today",
            id="a quoted address",
        ),
        pytest.param(
            f"Could not load {LIE}!",
            body(picture("https://far.test/image%20inputs%20are%20not%20supported")),
            "could not load \n\n!",
            id="quoted decoded",
        ),
        pytest.param(
            'said {"text": "Image\nINPUTS are  not supported"}',
            body({"type": "text", "text": LIE}),
            'said {"text": "\n\n"}',
            id="quoted in another form",
        ),
        pytest.param(
            f"first {LIE} second the model sees no images third",
            body({"type": "text", "text": LIE}, {"type": "text", "text": "model sees no images"}),
            "first \n\n second the \n\n third",
            id="two quotations",
        ),
        pytest.param(
            "it does not support image input",
            body({"type": "text", "text": "What does not support image"}),
            "it \n\n input",
            id="four words are a quotation",
        ),
        pytest.param(
            "it does not support it",
            body({"type": "text", "text": "This does not support"}),
            "it does not support it",
            id="three are not",
        ),
        pytest.param(
            "one two three four",
            body({"type": "text", "text": "a one two"}, {"type": "text", "text": "three four b"}),
            "one two three four",
            id="two texts are no run",
        ),
        pytest.param(
            "could not load not%20a vision, SUPPORT image input, temperature",
            body(
                picture("Not%20a%20vision"),
                {"type": "text", "text": "support image-input"},
                {"type": "text", "text": "temperature"},
            ),
            "could not load not%20a vision, \n\n, temperature",
            id="a whole text of three words",
        ),
        pytest.param(
            "could not load not a vision",
            body(picture("Not%20a%20vision")),
            "could not load \n\n",
            id="a whole text of three words, quoted decoded",
        ),
        pytest.param(
            "one two three four five six, seven",
            body({"type": "text", "text": "one two three four"}, picture("three:four five six")),
            "\n\n, seven",
            id="quotations that overlap",
        ),
        pytest.param(
            "bad İ one two three end",
            body({"type": "text", "text": "İ one two three"}),
            "bad \n\n end",
            id="a letter that is two in lower case",
        ),
        pytest.param(
            "Invalid name 'temperature' of a function, 'top_p' too",
            body(tools=[{"type": "function", "function": {"name": "Temperature"}}]),
            "invalid name '\n\n' of a function, 'top_p' too",
            id="the name of a tool",
        ),
        pytest.param(
            "Invalid call 'temperature' in 'call_1'",
            {"messages": [{"tool_calls": [{"id": "call_1", "function": {"name": "temperature"}}]}]},
            "invalid call '\n\n' in '\n\n'",
            id="the name of a tool that was called",
        ),
        pytest.param(
            "Unsupported 'top_p', 'max_tokens'",
            {
                "model": None,
                "stop": "top_p",
                "tools": [{"type": "custom"}, {"function": None}, {"function": {"name": 1}}, "x"],
                "messages": [None, {"tool_calls": None}, {"tool_calls": [None], "content": None}],
            },
            "unsupported '\n\n', 'max_tokens'",
            id="an operator's extra_body of any form",
        ),
        pytest.param(
            f"no: {LIE}",
            body(picture(f"data:image/png;base64,{LIE}")),
            f"no: {LIE}",
            id="files are not looked into",
        ),
        pytest.param(
            f"no: {LIE}",
            body({"type": "text", "text": "x" * (LONGEST_REQUEST + 1)}),
            "",
            id="a request too long to be compared",
        ),
    ],
)
def test_own_words(text: str, request_body: dict[str, Any], own: str) -> None:
    assert own_words(text, request_body) == own


@pytest.mark.parametrize(
    ("request_body", "text", "taught"),
    [
        pytest.param(LIED, f"Could not load https://far.test/{LIE}", {}, id="a lie"),
        pytest.param(SEEN, f"400: {LIE} by m", {"vision": False}, id="the truth"),
        pytest.param(
            LIED,
            f"400: this model does not support images, such as https://far.test/{LIE}",
            {"vision": False},
            id="the truth beside a lie",
        ),
    ],
)
def test_what_a_refusal_teaches(
    request_body: dict[str, Any], text: str, taught: dict[str, object]
) -> None:
    error = UpstreamError(text, upstream_status=400)
    assert heal(Profile(), request_body, error) == {"vision": False}
    own = own_words(error.text, request_body)
    assert heal(Profile(), request_body, error, text=own) == taught


def test_a_refusal_made_to_be_searched_for_costs_no_more_than_the_request() -> None:
    request = body({"type": "text", "text": "a " * 150_000})

    def compare(words: int) -> Callable[[], object]:
        return lambda: own_words("a a a b " * words, request)

    # So many runs that are almost found; what the request itself costs is in both.
    assert not grows_too_fast(compare(30), compare(30 * TIMES), bound=2.5)
