"""The outside world, passed in: time, chance and faults, so that everything above is deterministic under test."""
