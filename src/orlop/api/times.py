"""metav1.Time and MicroTime: reading and printing points in time.

Used by the typed codec (`schema`), by query options and by whoever stamps objects. What is accepted and how a
refusal reads follow Go's `time.Parse` for RFC 3339 (`time/format.go`); printing follows apimachinery
`apis/meta/v1/time.go` and `micro_time.go`. Times travel as (seconds, nanoseconds) since 1970-01-01 UTC; the
clock is the caller's.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple, NoReturn

TIME_LAYOUT: Final = "2006-01-02T15:04:05Z07:00"
MICRO_LAYOUT: Final = "2006-01-02T15:04:05.000000Z07:00"
ZERO_SECONDS: Final = -62135596800
"""0001-01-01T00:00:00Z, Go's zero time, which prints as null."""

_DAY: Final = 86400
_SECOND_STEPS: Final = (("", "2006"), ("-", "01"), ("-", "02"), ("T", "15"), (":", "04"), (":", "05"))
_STEPS: Final = {
    TIME_LAYOUT: (*_SECOND_STEPS, ("", "Z07:00")),
    MICRO_LAYOUT: (*_SECOND_STEPS, ("", ".000000"), ("", "Z07:00")),
}
_PLAIN: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)
_LEADING_DIGITS: Final = re.compile(r"[0-9]*", re.ASCII)
_LIMITS: Final = {
    "01": ("month", 1, 12),
    "15": ("hour", 0, 23),
    "04": ("minute", 0, 59),
    "05": ("second", 0, 59),
}


class TimeError(ValueError):
    """A text that is no time in the layout asked for; the message is Go's."""


class Instant(NamedTuple):
    """A point in time since the Unix epoch."""

    seconds: int
    nanoseconds: int = 0

    @property
    def is_zero(self) -> bool:
        return self == (ZERO_SECONDS, 0)


class _Bad(Exception):
    """One element of the layout does not match; `_Reader.read` says which."""


def _quote(text: str) -> str:
    out = []
    for char in text:
        if char < " " or char >= "\x80":
            out.append(f"\\x{ord(char):02x}")
        elif char in '"\\':
            out.append("\\" + char)
        else:
            out.append(char)
    return '"' + "".join(out) + '"'


class _Reader:
    """Reads one text element by element. Holds bytes as characters, as Go counts."""

    def __init__(self, text: str, layout: str) -> None:
        self.whole = self.rest = text.encode("utf-8", "surrogatepass").decode("latin-1")
        self.layout = layout
        self.parts: dict[str, int] = {}
        self.nanoseconds = self.offset = 0

    def refuse(self, element: str, at: str, message: str = "") -> NoReturn:
        text = f"parsing time {_quote(self.whole)}"
        if not message:
            message = f" as {_quote(self.layout)}: cannot parse {_quote(at)} as {_quote(element)}"
        raise TimeError(text + message)

    def read(self) -> Instant:
        for prefix, element in _STEPS[self.layout]:
            if not self.rest.startswith(prefix):
                self.refuse(prefix, self.rest)
            self.rest = self.rest[len(prefix) :]
            held = self.rest
            try:
                self._element(element)
            except _Bad:
                self.refuse(element, held)
        if self.rest:
            self.refuse("", self.rest, f": extra text: {_quote(self.rest)}")
        year, month, day = self.parts["2006"], self.parts["01"], self.parts["02"]
        if not 1 <= day <= days_in_month(year, month):
            self.refuse("", "", ": day out of range")
        clock = self.parts["15"] * 3600 + self.parts["04"] * 60 + self.parts["05"]
        return Instant(_days(year, month, day) * _DAY + clock - self.offset, self.nanoseconds)

    def _element(self, element: str) -> None:
        if element == "Z07:00":
            self._zone()
        elif element == ".000000":
            self._fraction(7)
        else:
            width = 4 if element == "2006" else 2
            digits = self._digits(width, one_will_do=element == "15")
            self.parts[element] = number = int(digits)
            self.rest = self.rest[len(digits) :]
            if element in _LIMITS:
                name, low, high = _LIMITS[element]
                if not low <= number <= high:
                    self.refuse("", "", f": {name} out of range")
            if element == "05" and self.layout == TIME_LAYOUT:
                self._stray_fraction()

    def _digits(self, width: int, one_will_do: bool = False) -> str:
        match = _LEADING_DIGITS.match(self.rest[:width])
        digits = match.group() if match else ""
        if len(digits) == width or (one_will_do and digits):
            return digits
        raise _Bad

    def _stray_fraction(self) -> None:
        """A fraction after the seconds is read although the layout has none."""
        if self.rest[:1] in (".", ",") and self.rest[1:2].isdecimal():
            match = _LEADING_DIGITS.match(self.rest, 1)
            self._fraction(match.end() if match else 1)

    def _fraction(self, width: int) -> None:
        text = self.rest[:width]
        if len(text) < width or text[0] not in ".,":
            raise _Bad
        digits = text[1:10]
        unsigned = digits[1:] if digits[0] in "+-" else digits
        if not unsigned or not unsigned.isdecimal():
            raise _Bad
        if digits[0] == "-" and int(unsigned):
            self.refuse("", "", ": fractional second out of range")
        self.nanoseconds = int(unsigned) * 10 ** (9 - len(digits))
        self.rest = self.rest[width:]

    def _zone(self) -> None:
        if self.rest.startswith("Z"):
            self.rest = self.rest[1:]
            return
        text, self.rest = self.rest[:6], self.rest[6:]
        if len(text) < 6 or text[3] != ":":
            raise _Bad
        hours, minutes = text[1:3], text[4:6]
        good = hours.isdecimal() and minutes.isdecimal()
        if good and int(minutes) > 60:
            self.refuse("", "", ": time zone offset minute out of range")
        if hours.isdecimal() and int(hours) > 24:
            self.refuse("", "", ": time zone offset hour out of range")
        if not good or text[0] not in "+-":
            raise _Bad
        offset = int(hours) * 3600 + int(minutes) * 60
        self.offset = -offset if text[0] == "-" else offset


def days_in_month(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar, also for the year 0."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def _date(days: int) -> tuple[int, int, int]:
    """The reverse of `_days`."""
    era, of_era = divmod(days + 719468, 146097)
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


def parse(text: str, layout: str = TIME_LAYOUT) -> Instant:
    """The instant that `text` names. TimeError in Go's words."""
    return _Reader(text, layout).read()


def _clock(seconds: int) -> str:
    days, of_day = divmod(seconds, _DAY)
    year, month, day = _date(days)
    sign = "-" if year < 0 else ""
    return (f"{sign}{abs(year):04d}-{month:02d}-{day:02d}"
            f"T{of_day // 3600:02d}:{of_day // 60 % 60:02d}:{of_day % 60:02d}")


def text(instant: Instant) -> str:
    """RFC 3339 in UTC, whole seconds: how metav1.Time prints."""
    return f"{_clock(instant.seconds)}Z"


def micro_text(instant: Instant) -> str:
    """RFC 3339 in UTC with six decimals: how metav1.MicroTime prints."""
    return f"{_clock(instant.seconds)}.{instant.nanoseconds // 1000:06d}Z"


def from_timestamp(now: float) -> Instant:
    """The instant of a clock's reading, to the microsecond (what a float can tell)."""
    micros = round(now * 1_000_000)
    return Instant(micros // 1_000_000, micros % 1_000_000 * 1000)


@lru_cache(maxsize=4096)
def canonical(value: str) -> str | None:
    """`value` as metav1.Time prints it after reading it; None for the zero time. Cached: statuses repeat."""
    if _PLAIN.fullmatch(value):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            instant = parse(value)
        else:
            return value if value != "0001-01-01T00:00:00Z" else None
    else:
        instant = parse(value)
    return None if instant.is_zero else text(instant)


@lru_cache(maxsize=4096)
def micro_canonical(value: str) -> str | None:
    """`value` as metav1.MicroTime prints it after reading it; None for the zero time."""
    instant = parse(value, MICRO_LAYOUT)
    return None if instant.is_zero else micro_text(instant)


def datetime_of(instant: Instant) -> datetime:
    """For arithmetic with the standard library; years 1 to 9999 only."""
    return datetime.fromtimestamp(instant.seconds, UTC).replace(microsecond=instant.nanoseconds // 1000)
