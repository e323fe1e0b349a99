"""Verbs of `format` against Python's own formatting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.cel.library_string_format import format_string
from orlop.cel.values import CelError, Uint

ints = st.integers(-(2**63), 2**63 - 1)
doubles = st.floats(-1e15, 1e15)


@given(ints)
def test_integers_are_printed_in_every_base(number):
    """%d, %x, %X, %o and %b are Python's d, x, X, o and b."""
    expected = f"{number:d} {number:x} {number:X} {number:o} {number:b}"
    assert format_string("%d %x %X %o %b", [number] * 5) == expected


@given(st.integers(0, 2**64 - 1))
def test_unsigned_integers_are_integers(number):
    """Uints print as their number."""
    assert format_string("%d %s", [Uint(number)] * 2) == f"{number} {number}"


@given(doubles, st.integers(0, 20))
def test_fixed_numbers_have_commas(number, precision):
    """%f groups thousands and keeps the decimal places asked for."""
    number = number or 0.0
    assert format_string(f"%.{precision}f", [number]) == f"{number:,.{precision}f}"


@given(st.text(), st.binary())
def test_text_goes_through(text, data):
    """%s leaves strings alone, %x writes their bytes."""
    assert format_string("%s", [text]) == text
    assert format_string("%x", [data]) == data.hex()


@given(st.text("%sdfex.0123 é", max_size=10))
def test_any_pattern_is_filled_or_refused(pattern):
    """No pattern escapes with another error."""
    try:
        format_string(pattern, ["a", 1, 1.5])
    except CelError as error:
        assert error.message


@pytest.mark.parametrize(
    ("value", "text"),
    [(1500.0, "1.500000×10⁰³"), (-1e-7, "-1.000000×10⁻⁰⁷"), (1.5e300, "1.500000×10³⁰⁰"), ("Infinity", "     ∞")],
)
def test_scientific_numbers_are_written_out(value, text):
    """%e writes a power of ten with raised digits."""
    assert format_string("%e", [value]) == text
