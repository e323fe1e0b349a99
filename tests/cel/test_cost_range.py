"""Saturating ranges."""

from hypothesis import given
from hypothesis import strategies as st

from orlop.cel.cost_range import EMPTY, LIMIT, UNKNOWN, Estimate, fixed

numbers = st.one_of(st.integers(0, 100), st.integers(0, LIMIT), st.sampled_from([LIMIT, LIMIT - 1, 1 << 63]))
ranges = st.builds(Estimate, numbers, numbers)


@given(ranges, ranges)
def test_sums_and_products_stop_at_64_bits(one, other):
    """Arithmetic is exact up to 64 bits and stays there beyond."""
    assert one.plus(other) == (min(one.low + other.low, LIMIT), min(one.high + other.high, LIMIT))
    assert one.times(other) == (min(one.low * other.low, LIMIT), min(one.high * other.high, LIMIT))


@given(ranges)
def test_nothing_is_lost_in_a_union_with_the_empty_range(one):
    """The empty range is neutral."""
    assert EMPTY.union(one) == one


def test_scaling_rounds_up_and_stops():
    """Factors are applied in floating point, rounded up, and capped."""
    assert Estimate(1, 11).scaled(0.1) == (1, 2)
    assert UNKNOWN.scaled(0.1) == (0, 1844674407370955264)
    assert UNKNOWN.scaled(2) == (0, LIMIT)
    assert fixed(LIMIT).scaled(1) == (LIMIT, LIMIT)
