"""An answer is read in the protocol that it has, whatever was asked."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.relay.answer_form import Form, form_of_answer, form_of_stream


@pytest.mark.parametrize(
    ("data", "expected", "form"),
    [
        (b'event: response.created\ndata: {"type":"response.created"}', "chat", "responses"),
        (b'data: {"type": "response.created"}\n\n', "chat", "responses"),
        (b": hi\n\nevent:response.created\n", "chat", "responses"),
        (b'data: {"id":"a","object":"chat.completion.chunk"}', "responses", "chat"),
        (b'data: {"choices":[{"delta":{"content":"x"}}]}', "chat", "chat"),
        (b'data: {"choices":[{"delta":{"content":"{\\"type\\":\\"response.a"}}]}', "chat", "chat"),
        (b'data: {"delta":"\\"object\\":\\"chat.completion.chunk\\""}', "responses", "responses"),
        (b'data: {"object":"chat.completion.chunk","x":{"type":"response.a"}}', "chat", "chat"),
        (b": keepalive\n\n", "responses", "responses"),
        (b"", "chat", "chat"),
    ],
)
def test_the_form_of_a_stream(data: bytes, expected: Form, form: Form) -> None:
    assert form_of_stream(data, expected) == form


@pytest.mark.parametrize(
    ("answer", "expected", "form"),
    [
        ({"object": "response", "output": []}, "chat", "responses"),
        ({"object": "response", "choices": []}, "chat", "chat"),
        ({"object": "chat.completion", "choices": []}, "responses", "chat"),
        ({"choices": [], "output": []}, "responses", "responses"),
        ({"error": {}}, "responses", "responses"),
        ([], "chat", "chat"),
        (None, "responses", "responses"),
    ],
)
def test_the_form_of_a_whole_answer(answer: Any, expected: Form, form: Form) -> None:
    assert form_of_answer(answer, expected) == form
