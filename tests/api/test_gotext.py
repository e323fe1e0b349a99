"""Go's number parsing and JSON spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.api.gotext import NumberError, json_text, parse_int64, parse_uint64


@given(st.integers(-(2**64), 2**65))
def test_parse_int(number: int) -> None:
    """64-bit numbers are read, others are out of range."""
    if -(2**63) <= number < 2**63:
        assert parse_int64(str(number)) == number
    else:
        with pytest.raises(NumberError, match="value out of range"):
            parse_int64(str(number))


@given(st.text(max_size=5))
def test_parse_uint_takes_digits_only(text: str) -> None:
    """Nothing but ASCII digits is a number."""
    if text and set(text) <= set("0123456789"):
        assert parse_uint64(text) == int(text)
    else:
        with pytest.raises(NumberError, match="invalid syntax"):
            parse_uint64(text)


def test_signs_and_zeros() -> None:
    """Signs and leading zeros as Go takes them."""
    assert (parse_int64("+5"), parse_int64("-007"), parse_int64("-" + "0" * 40 + "7")) == (5, -7, -7)


def test_json_is_safe_in_html() -> None:
    """Go escapes what a browser could take for markup."""
    assert json_text({"b": ["<a>&", "\u2028é"]}) == '{"b":["\\u003ca\\u003e\\u0026","\\u2028é"]}'
