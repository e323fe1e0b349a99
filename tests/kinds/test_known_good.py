"""What is remembered as right, and for how long."""

from __future__ import annotations

from orlop.kinds.known_good import KnownGood


def test_a_full_memory_is_emptied() -> None:
    """It never holds more than its limit, and always the newest."""
    memory = KnownGood(2)
    for key in "abc":
        memory.add(key)
    assert "c" in memory and "a" not in memory and len(memory) == 1
