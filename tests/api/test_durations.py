"""Durations as kubectl shows them, against the table of apimachinery's own steps."""

from __future__ import annotations

import pytest

from orlop.api.durations import human_duration, short_human_duration

MINUTE, HOUR, DAY = 60, 3600, 86400
YEAR = 365 * DAY


@pytest.mark.parametrize(("seconds", "text"), [
    (0, "0s"), (0.9, "0s"), (1, "1s"), (119, "119s"), (119.9, "119s"), (2 * MINUTE, "2m"),
    (2 * MINUTE + 1, "2m1s"),
    (10 * MINUTE - 1, "9m59s"), (10 * MINUTE, "10m"), (10 * MINUTE + 59, "10m"), (3 * HOUR - 1, "179m"),
    (3 * HOUR, "3h"), (3 * HOUR + MINUTE, "3h1m"), (8 * HOUR - 1, "7h59m"), (8 * HOUR, "8h"),
    (48 * HOUR - 1, "47h"),
    (48 * HOUR, "2d"), (49 * HOUR, "2d1h"), (8 * DAY - 1, "7d23h"), (8 * DAY, "8d"), (2 * YEAR - 1, "729d"),
    (2 * YEAR, "2y"), (2 * YEAR + DAY, "2y1d"), (8 * YEAR - 1, "7y364d"), (8 * YEAR, "8y"),
    (300 * YEAR, "292y"),
])
def test_human_duration(seconds: float, text: str) -> None:
    """Two units while the first alone is too coarse; no longer than Go's durations reach."""
    assert human_duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [
    (59, "59s"), (60, "1m"), (HOUR - 1, "59m"), (HOUR, "1h"), (DAY, "1d"), (YEAR - 1, "364d"), (YEAR, "1y"),
])
def test_short_human_duration(seconds: float, text: str) -> None:
    """A single unit."""
    assert short_human_duration(seconds) == text


@pytest.mark.parametrize("duration", [human_duration, short_human_duration])
@pytest.mark.parametrize(("seconds", "text"),
                         [(-0.5, "0s"), (-1.9, "0s"), (-2, "<invalid>"), (-HOUR, "<invalid>")])
def test_future(duration: object, seconds: float, text: str) -> None:
    """Clocks may differ by less than two seconds; what lies further ahead is invalid."""
    assert callable(duration) and duration(seconds) == text
