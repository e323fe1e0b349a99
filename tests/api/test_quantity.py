"""Quantities: reading, canonical spelling, arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.api import quantity as q

NUMBERS = st.from_regex(r"[+-]?[0-9]{1,20}(\.[0-9]{1,12})?", fullmatch=True)
SUFFIXES = st.sampled_from(["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "e3", "E-6", "e0"])


@pytest.mark.parametrize(("text", "printed"), [
    ("0", "0"), ("0.0", "0"), ("-0", "0"), ("1", "1"), ("1000m", "1"), ("1.5", "1500m"), ("0.5", "500m"),
    ("1.5Gi", "1536Mi"), ("1024Mi", "1Gi"), ("1023Mi", "1023Mi"), ("1000k", "1M"), ("1e3", "1e3"), ("1000e3", "1e6"),
    ("0.1m", "100u"), ("0.0000000001", "1n"), ("512", "512"), ("0.5Ki", "512"), ("1.1Ki", "1126400m"), (".5", "500m"),
    ("99999999999999999999", "99999999999999999999"), ("16Ei", "9223372036854775807"), ("1000E", "1"),
    # taken for canonical although they are not:
    ("1.500", "1.500"), ("+1", "+1"), ("01", "01"), ("1.", "1."), ("1E3", "1E3"),
])
def test_a_quantity_prints_as_upstream_prints_it(text: str, printed: str) -> None:
    """Suffixes as large as possible, no fractions, and the texts that upstream lets through."""
    assert q.canonical(text) == printed


@pytest.mark.parametrize(("text", "error"), [
    ("", q.WRONG_FORMAT), ("x", q.WRONG_FORMAT), ("1 k", q.WRONG_FORMAT), ("1x", q.WRONG_FORMAT),
    ("1ki", q.WRONG_SUFFIX), ("1mm", q.WRONG_SUFFIX), ("1e", q.WRONG_SUFFIX), (".Pi", q.WRONG_NUMBER),
])
def test_what_is_no_quantity_is_refused(text: str, error: str) -> None:
    """Three messages, depending on the part that is wrong."""
    with pytest.raises(q.QuantityError) as caught:
        q.parse(text)
    assert str(caught.value) == error


@given(NUMBERS, SUFFIXES)
def test_the_canonical_form_means_the_same_and_is_final(number: str, suffix: str) -> None:
    """Printing once more changes nothing, and no value is lost."""
    first = q.parse(number + suffix)
    spelled = str(q.Quantity(first.unscaled, first.scale, first.format))
    again = q.parse(spelled)
    assert again == first
    assert str(q.Quantity(again.unscaled, again.scale, again.format)) == spelled


@given(NUMBERS, SUFFIXES, NUMBERS, SUFFIXES)
def test_sums_and_comparisons_agree(a: str, suffix_a: str, b: str, suffix_b: str) -> None:
    """Adding and taking away again is nothing; order agrees with the sign of the difference."""
    left, right = q.parse(a + suffix_a), q.parse(b + suffix_b)
    assert left.add(right).subtract(right) == left
    assert left.compare(right) == left.subtract(right).sign
    assert (left == right) == (hash(left) == hash(right)) or left != right


def test_values_are_rounded_away_from_zero() -> None:
    """Whole and thousandth parts, as schedulers and quota count."""
    assert (q.parse("1500m").value(), q.parse("1n").value(), q.parse("-1500m").value()) == (2, 1, -2)
    assert (q.parse("1").milli_value(), q.parse("1u").milli_value(), q.parse("2Ki").value()) == (1000, 1, 2048)


def test_a_zero_takes_the_format_of_what_is_added() -> None:
    """So that a sum of memories prints in Mi."""
    assert str(q.Quantity().add(q.parse("64Mi")).add(q.parse("64Mi"))) == "128Mi"


def test_monstrous_exponents_cost_nothing() -> None:
    """A quantity may be written with an exponent that no number of digits would fit."""
    huge = q.parse("1e2147483647")
    assert huge > q.parse("1E") and huge.add(q.parse("1")) == huge
    assert str(huge) == "10e2147483646"
