"""Quantities in expressions against `orlop.api.quantity`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.api import quantity as q
from orlop.cel.environment import Environment
from orlop.cel.library_quantity import QUANTITY
from orlop.cel.types import INT, STRING
from orlop.cel.values import CelError

made = Environment({"a": STRING, "b": STRING, "n": INT}, (QUANTITY,))
compare = made.compile("quantity(a).compareTo(quantity(b))")
total = made.compile("quantity(a).add(quantity(b)).sub(n)")
text = st.builds(
    "{}{}".format,
    st.integers(-(10**12), 10**12) | st.decimals(-1000, 1000, places=3),
    st.sampled_from(["", "k", "M", "G", "m", "Ki", "Mi", "Gi", "e3", "E"]),
)


@given(text, text)
def test_order_is_that_of_the_numbers(a, b):
    """compareTo agrees with the API's own comparison."""
    assert compare.evaluate({"a": a, "b": b, "n": 0}) == q.parse(a).compare(q.parse(b))


@given(text, text, st.integers(-(2**62), 2**62))
def test_arithmetic_is_exact(a, b, n):
    """Sums and differences are those of the API's quantities."""
    expected = q.parse(a).add(q.parse(b)).subtract(q.Quantity(n))
    assert total.evaluate({"a": a, "b": b, "n": n}).number == expected


@given(st.text("0123456789.+-eEkKMGTPimnu ", max_size=8))
def test_what_is_a_quantity_is_what_parses(a):
    """isQuantity says whether quantity() works, which says what the API's parser says."""
    is_one = made.compile("isQuantity(a)").evaluate({"a": a, "b": "", "n": 0})
    try:
        q.parse(a)
    except q.QuantityError as error:
        assert not is_one
        with pytest.raises(CelError) as caught:
            made.compile("quantity(a)").evaluate({"a": a, "b": "", "n": 0})
        assert caught.value.message == str(error)
    else:
        assert is_one
