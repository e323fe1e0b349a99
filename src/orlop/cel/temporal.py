"""Timestamps and durations: their texts, their sums and the fields of a date.

The standard functions and `declared` (fields of formats date, date-time and duration) call this. Behaviour: cel-go
common/types/timestamp.go, duration.go and overflow.go; Go's time package.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orlop.cel.values import INT_MAX, INT_MIN, NANOS, TIMESTAMP_MAX, TIMESTAMP_MIN, CelError, Duration, Timestamp

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIMESTAMP: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]+))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
_DURATION: Final = re.compile(r"[-+]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+")
_PART: Final = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_UNITS: Final = {
    "ns": 1, "us": 1000, "\u00b5s": 1000, "\u03bcs": 1000, "ms": 1_000_000,
    "s": NANOS, "m": 60 * NANOS, "h": 3600 * NANOS,
}  # fmt: skip
_REMEMBERED_ZONES: Final = 64


def parse_timestamp(text: str) -> Timestamp | None:
    """An RFC 3339 text as Go reads it; None where it is none. The range is not checked."""
    found = _TIMESTAMP.fullmatch(text)
    if found is None or not text.isascii():
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    fraction = (found[7] or "")[:9].ljust(9, "0")
    offset = 0
    if found[8]:
        if int(found[9]) > 24 or int(found[10]) > 60:
            return None
        offset = int(found[9]) * 3600 + int(found[10]) * 60
        offset = -offset if found[8] == "-" else offset
    if year == 0:
        return _before_range(month, day, offset)
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    since = moment - _EPOCH
    seconds = since.days * 86400 + since.seconds - offset
    return Timestamp(seconds * NANOS + int(fraction), offset)


def _before_range(month: int, day: int, offset: int) -> Timestamp | None:
    """A day of the year 0, which no CEL timestamp may hold: only that it is out of range matters."""
    try:
        datetime(4, month, day)
    except ValueError:
        return None
    return Timestamp(TIMESTAMP_MIN - 40 * 86400 * NANOS, offset)


def timestamp_from_text(text: str) -> Timestamp:
    """`timestamp(string)`."""
    found = parse_timestamp(text)
    if found is None:
        raise CelError("type conversion error from 'string' to 'google.protobuf.Timestamp'")
    return _in_range(found.nanos, found.offset)


def timestamp_from_seconds(seconds: int) -> Timestamp:
    """`timestamp(int)`."""
    return _in_range(seconds * NANOS, 0)


def _in_range(nanos: int, offset: int) -> Timestamp:
    if not TIMESTAMP_MIN <= nanos <= TIMESTAMP_MAX:
        raise CelError("timestamp overflow")
    return Timestamp(nanos, offset)


def timestamp_text(moment: Timestamp) -> str:
    """RFC 3339 with as many fraction digits as it takes, in the zone it was written with."""
    seconds, nanos = divmod(moment.nanos, NANOS)
    try:
        local = _EPOCH + timedelta(seconds=seconds + moment.offset)
    except OverflowError:
        local, moment = _EPOCH + timedelta(seconds=seconds), Timestamp(moment.nanos)
    fraction = f".{nanos:09d}".rstrip("0") if nanos else ""
    zone = "Z"
    if moment.offset:
        sign, rest = ("-", -moment.offset) if moment.offset < 0 else ("+", moment.offset)
        zone = f"{sign}{rest // 3600:02d}:{rest // 60 % 60:02d}"
    return f"{local.year:04d}-{local:%m-%dT%H:%M:%S}{fraction}{zone}"


def parse_duration(text: str) -> Duration | None:
    """A duration as Go's time.ParseDuration reads it; None where it is none."""
    if text.lstrip("+-") == "0" and len(text) <= 2:
        return Duration(0)
    if _DURATION.fullmatch(text) is None:
        return None
    nanos = 0
    for whole, fraction, unit in _PART.findall(text.lstrip("+-")):
        scale = _UNITS[unit]
        nanos += int(whole or "0") * scale
        if fraction:
            nanos += int(fraction[:18]) * scale // 10 ** len(fraction[:18])
    nanos = -nanos if text.startswith("-") else nanos
    return Duration(nanos) if INT_MIN <= nanos <= INT_MAX else None


def duration_from_text(text: str) -> Duration:
    """`duration(string)`."""
    found = parse_duration(text)
    if found is None:
        raise CelError("type conversion error from 'string' to 'google.protobuf.Duration'")
    return found


def duration_text(span: Duration) -> str:
    """Seconds with a decimal fraction, as `3600s` or `1.5s`."""
    value = span.nanos // NANOS + span.nanos % NANOS / 1e9 if span.nanos >= 0 else 0.0
    if span.nanos < 0:
        positive = -span.nanos
        value = -(positive // NANOS + positive % NANOS / 1e9)
    return f"{plain_number(value)}s"


def plain_number(value: float) -> str:
    """The shortest digits of a double, without exponent and without a fraction of zero."""
    shown = repr(value)
    if "e" in shown:
        from decimal import Decimal

        shown = format(Decimal(shown), "f")
    return shown[:-2] if shown.endswith(".0") else shown


def added(left: Duration, right: Duration) -> Duration:
    """The sum of two durations."""
    return _span(left.nanos + right.nanos)


def subtracted(left: Duration, right: Duration) -> Duration:
    """The difference of two durations."""
    return _span(left.nanos - right.nanos)


def _span(nanos: int) -> Duration:
    if not INT_MIN <= nanos <= INT_MAX:
        raise CelError("integer overflow")
    return Duration(nanos)


def moved(moment: Timestamp, span: Duration) -> Timestamp:
    """A timestamp some time later."""
    return _in_range(moment.nanos + span.nanos, moment.offset)


def moved_back(moment: Timestamp, span: Duration) -> Timestamp:
    """A timestamp some time earlier."""
    if span.nanos == INT_MIN:
        raise CelError("integer overflow")
    return _in_range(moment.nanos - span.nanos, moment.offset)


def between(left: Timestamp, right: Timestamp) -> Duration:
    """The time from `right` to `left`."""
    return _span(left.nanos - right.nanos)


def negated(span: Duration) -> Duration:
    """The duration backwards."""
    return _span(-span.nanos)


def _local(moment: Timestamp, zone: str | None) -> datetime:
    where = UTC if zone is None else _zone(zone)
    try:
        return (_EPOCH + timedelta(seconds=moment.nanos // NANOS)).astimezone(where)
    except OverflowError:
        raise CelError("timestamp overflow") from None


@lru_cache(_REMEMBERED_ZONES)
def _zone(name: str) -> tzinfo:
    """A zone of the database, or an offset such as `+02:00`."""
    if ":" not in name:
        if name in ("", "UTC", "Local"):
            return UTC
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise CelError(f"unknown time zone {name}") from None
    hours, minutes = (_whole(part) for part in name.split(":", 1))
    total = hours * 60 - minutes if name.startswith("-") else hours * 60 + minutes
    try:
        return timezone(timedelta(minutes=total))
    except ValueError:
        raise CelError("timestamp overflow") from None


def _whole(text: str) -> int:
    if re.fullmatch(r"[+-]?[0-9]+", text) is None:
        raise CelError(f'strconv.Atoi: parsing "{text}": invalid syntax')
    number = int(text)
    if not INT_MIN <= number <= INT_MAX:
        raise CelError(f'strconv.Atoi: parsing "{text}": value out of range')
    return number


def _reader(read: Callable[[datetime], int]) -> Callable[..., int]:
    def field(moment: Timestamp, zone: str | None = None) -> int:
        return read(_local(moment, zone))

    return field


full_year: Final = _reader(lambda local: local.year)
month: Final = _reader(lambda local: local.month - 1)
day_of_year: Final = _reader(lambda local: local.timetuple().tm_yday - 1)
day_of_month: Final = _reader(lambda local: local.day - 1)
date: Final = _reader(lambda local: local.day)
day_of_week: Final = _reader(lambda local: local.isoweekday() % 7)
hours: Final = _reader(lambda local: local.hour)
minutes: Final = _reader(lambda local: local.minute)
seconds: Final = _reader(lambda local: local.second)


def milliseconds(moment: Timestamp, zone: str | None = None) -> int:
    """The milliseconds within the second."""
    _local(moment, zone)
    return moment.nanos % NANOS // 1_000_000


def whole_units(nanos_per_unit: int) -> Callable[[Duration], int]:
    """A reader of a duration in whole units, towards zero."""

    def units(span: Duration) -> int:
        count = abs(span.nanos) // nanos_per_unit
        return -count if span.nanos < 0 else count

    return units
