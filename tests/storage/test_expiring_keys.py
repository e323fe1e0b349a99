"""Which keys are due, and when history is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orlop.storage.compaction import CompactionSchedule
from orlop.storage.expiry import Expiring, ExpiryQueue


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 99))), st.integers(0, 9), st.integers(1, 5))
def test_due(times: list[tuple[int, int]], now: int, most: int) -> None:
    """What is due comes out once, earliest first, at most so many at a time; the rest stays."""
    expiring = [Expiring(at, revision, f"k{revision}") for at, revision in times]
    queue = ExpiryQueue(expiring[::2])
    for one in expiring[1::2]:
        queue.push(*one)
    found: list[Expiring] = []
    while part := queue.due(now, most):
        assert len(part) <= most
        found += part
    assert found == sorted(one for one in expiring if one.at <= now)
    assert len(queue) == len(expiring) - len(found)


def test_the_rhythm_of_compaction() -> None:
    """Nothing before one interval has passed; then what was current one interval ago."""
    schedule = CompactionSchedule(300)
    asked = [(0, 5), (299, 50), (300, 60), (500, 70), (600, 80), (1000, 90)]
    assert [schedule.due(now, revision) for now, revision in asked] == [0, 0, 5, 0, 60, 80]
