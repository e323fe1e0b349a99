"""Base64 as Go reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.api.base64 import CorruptInput, decode, encode


@given(st.binary(max_size=50), st.integers(0, 60))
def test_encoded_bytes_are_read_back_over_line_breaks(content: bytes, place: int) -> None:
    """Line breaks count for nothing, wherever they stand."""
    text = encode(content)
    assert decode(text[:place] + "\r\n" + text[place:]) == content


@pytest.mark.parametrize(("text", "offset"), [
    ("not base64!", 3), ("a", 0), ("ab", 0), ("abc", 0), ("YWJjZ", 4), ("=", 0), ("YQ=", 3), ("YQ=x", 2), ("YQ==x", 4),
    ("YWI=x", 4), ("é", 0), ("YWJj!", 4),
])
def test_a_refusal_counts_the_bytes(text: str, offset: int) -> None:
    """The message names the byte that cannot be."""
    with pytest.raises(CorruptInput) as caught:
        decode(text)
    assert str(caught.value) == f"illegal base64 data at input byte {offset}"


def test_stray_bits_are_ignored() -> None:
    """The canonical spelling may differ from what was sent."""
    assert encode(decode("YR==")) == "YQ=="
