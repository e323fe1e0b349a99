"""Points in time: reading with Go's leniency and words, printing in UTC."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.api import times


@pytest.mark.parametrize(("text", "printed"), [
    ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59Z"),
    ("2024-01-01T00:00:00.999Z", "2024-01-01T00:00:00Z"),
    ("2024-01-01T00:00:00,5Z", "2024-01-01T00:00:00Z"),
    ("2024-01-01T05:30:00+05:30", "2024-01-01T00:00:00Z"),
    ("2024-01-01T5:00:00Z", "2024-01-01T05:00:00Z"),
    ("0000-12-31T23:59:00-00:01", None),
    ("0001-01-01T00:00:00Z", None),
    ("9999-12-31T23:59:59-23:59", "10000-01-01T23:58:59Z"),
])
def test_a_time_prints_in_utc_and_whole_seconds(text: str, printed: str | None) -> None:
    """Whatever the zone; the zero time prints as null."""
    assert times.canonical(text) == printed


@pytest.mark.parametrize(("text", "error"), [
    ("yesterday", 'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"'),
    ("", 'parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006"'),
    ("2024-01-01", 'parsing time "2024-01-01" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"'),
    ("2024-01-01T00:00:00", 'parsing time "2024-01-01T00:00:00" as "2006-01-02T15:04:05Z07:00": '
                            'cannot parse "" as "Z07:00"'),
    ("2024-13-01T00:00:00Z", 'parsing time "2024-13-01T00:00:00Z": month out of range'),
    ("2023-02-29T00:00:00Z", 'parsing time "2023-02-29T00:00:00Z": day out of range'),
    ("2024-01-01T00:00:60Z", 'parsing time "2024-01-01T00:00:60Z": second out of range'),
    ("2024-01-01T00:00:00Zx", 'parsing time "2024-01-01T00:00:00Zx": extra text: "x"'),
    ("é", 'parsing time "\\xc3\\xa9" as "2006-01-02T15:04:05Z07:00": cannot parse "\\xc3\\xa9" as "2006"'),
])
def test_what_is_no_time_is_refused(text: str, error: str) -> None:
    """In the words of Go's time.Parse."""
    with pytest.raises(times.TimeError) as caught:
        times.canonical(text)
    assert str(caught.value) == error


def test_micro_times_need_six_decimals() -> None:
    """They keep them when printed."""
    assert times.micro_canonical("2024-01-01T02:00:00.000001+02:00") == "2024-01-01T00:00:00.000001Z"
    with pytest.raises(times.TimeError, match=r'cannot parse "Z" as "\.000000"'):
        times.micro_canonical("2024-01-01T00:00:00Z")


@given(st.integers(times.ZERO_SECONDS + 1, 253402300799), st.integers(0, 999_999))
def test_printed_instants_are_read_back(seconds: int, micros: int) -> None:
    """Every second of the years 1 to 9999, every microsecond of it."""
    instant = times.Instant(seconds, micros * 1000)
    assert times.parse(times.micro_text(instant), times.MICRO_LAYOUT) == instant
    assert times.parse(times.text(instant)) == (seconds, 0)
    assert times.canonical(times.text(instant)) == times.text(instant)


def test_a_clock_s_reading_becomes_an_instant() -> None:
    """To the microsecond, without drift."""
    assert times.from_timestamp(1700000000.123456) == (1700000000, 123456000)
    assert times.datetime_of(times.Instant(0, 1000)).isoformat() == "1970-01-01T00:00:00.000001+00:00"
