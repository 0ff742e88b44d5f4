from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from proxy.schemas.sources import check_base64


def accepts(data: str) -> bool:
    try:
        check_base64(data)
    except ValidationError as error:
        return error.messages != ["invalid base64 data"]
    return True


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("QQ==", id="two signs of padding"),
        pytest.param("QUI=", id="one sign of padding"),
        pytest.param("QUJD", id="no padding needed"),
        pytest.param("+/+/", id="the whole alphabet"),
    ],
)
def test_base64(data: str) -> None:
    assert accepts(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("", id="9 bad base64: nothing at all"),
        pytest.param("QQ", id="9 bad base64: padding is missing"),
        pytest.param("QQ=", id="9 bad base64: half the padding"),
        pytest.param("QQ=Q", id="9 bad base64: padding inside"),
        pytest.param("QQ==QQ==", id="9 bad base64: two texts in one"),
        pytest.param("Q===", id="9 bad base64: too much padding"),
        pytest.param("====", id="9 bad base64: only padding"),
        pytest.param("data:image/png;base64,QUJD", id="9 bad base64: a data URL"),
        pytest.param("QUJD\nQUJD\n\n\n", id="9 bad base64: line breaks"),
        pytest.param("QU D", id="9 bad base64: a space"),
        pytest.param("-_-_", id="9 bad base64: the URL-safe alphabet"),
        pytest.param("QUJ\u0107", id="9 bad base64: a letter beyond ASCII"),
    ],
)
def test_no_base64(data: str) -> None:
    assert not accepts(data)


@given(st.binary(min_size=1))
def test_whatever_was_encoded_is_accepted(data: bytes) -> None:
    assert accepts(base64.b64encode(data).decode())


@given(st.text(alphabet="Qa+/=-\n ", max_size=12))
def test_what_is_accepted_can_be_decoded(data: str) -> None:
    if accepts(data):
        base64.b64decode(data, validate=True)
