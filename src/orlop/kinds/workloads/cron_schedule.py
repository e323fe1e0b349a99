"""Cron schedules and time zones, as far as they can be wrong.

Called by `cron_job`. Texts: github.com/robfig/cron/v3 `parser.go`, kubernetes `pkg/apis/batch/validation/validation.go`
(validateTimeZone).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orlop.api.field import quote

_DESCRIPTORS: Final = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_EVERY: Final = "@every "
_ATOI: Final = re.compile(r"[+-]?[0-9]+")
_ATOI_RANGE: Final = range(-(1 << 63), 1 << 63)
_DURATION: Final = re.compile(r"[+-]?(?:0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)")
_UNIT: Final = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)([^0-9.]*)")
_UNITS: Final = frozenset({"ns", "us", "\u00b5s", "\u03bcs", "ms", "s", "m", "h"})
_ZONE_PART: Final = re.compile(r"[A-Za-z.\-_0-9+]{1,14}")
_SPACE: Final = " \t\n\v\f\r\x85\xa0"


class BadSchedule(ValueError):
    """With upstream's message."""


class _Bounds(NamedTuple):
    low: int
    high: int
    names: Mapping[str, int] = {}


_MONTHS: Final = {name: number for number, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)}
_DAYS: Final = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_FIELDS: Final = (_Bounds(0, 59), _Bounds(0, 23), _Bounds(1, 31), _Bounds(1, 12, _MONTHS), _Bounds(0, 6, _DAYS))


def check_schedule(text: str) -> None:
    """Raises BadSchedule."""
    if text.startswith(("TZ=", "CRON_TZ=")):
        space, equals = text.find(" "), text.index("=")
        if space < 0:
            raise BadSchedule("invalid schedule format: runtime error: slice bounds out of range [:-1]")
        zone = text[equals + 1 : space]
        if not _is_zone(zone):
            raise BadSchedule(f"provided bad location {zone}: unknown time zone {zone}")
        text = text[space:].strip(_SPACE)
    if text.startswith("@"):
        _check_descriptor(text)
    else:
        _check_fields(text)


def _check_fields(text: str) -> None:
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise BadSchedule(f"expected exactly {len(_FIELDS)} fields, found {len(fields)}: [{' '.join(fields)}]")
    for field, bounds in zip(fields, _FIELDS, strict=True):
        for part in field.split(","):
            if part:
                _check_range(part, bounds)


def _check_descriptor(text: str) -> None:
    if text in _DESCRIPTORS:
        return
    if not text.startswith(_EVERY):
        raise BadSchedule(f"unrecognized descriptor: {text}")
    duration = text[len(_EVERY):]
    if not _DURATION.fullmatch(duration):
        raise BadSchedule(f"failed to parse duration {text}: {_bad_duration(duration)}")


def _bad_duration(text: str) -> str:
    rest = text[1:] if text[:1] in ("+", "-") else text
    while found := _UNIT.match(rest):
        if not found[1]:
            return f"time: missing unit in duration {quote(text)}"
        if found[1] not in _UNITS:
            return f"time: unknown unit {quote(found[1])} in duration {quote(text)}"
        rest = rest[found.end():]
    return f"time: invalid duration {quote(text)}"


def _check_range(text: str, bounds: _Bounds) -> None:
    parts = text.split("/")
    ends = parts[0].split("-")
    if ends[0] in ("*", "?"):
        start, end = bounds.low, bounds.high
    else:
        start = end = _number_or_name(ends[0], bounds)
        if len(ends) == 2:
            end = _number_or_name(ends[1], bounds)
        elif len(ends) > 2:
            raise BadSchedule(f"too many hyphens: {text}")
    step = 1
    if len(parts) == 2:
        step = _number(parts[1])
        if len(ends) == 1:
            end = bounds.high
    elif len(parts) > 2:
        raise BadSchedule(f"too many slashes: {text}")
    if start < bounds.low:
        raise BadSchedule(f"beginning of range ({start}) below minimum ({bounds.low}): {text}")
    if end > bounds.high:
        raise BadSchedule(f"end of range ({end}) above maximum ({bounds.high}): {text}")
    if start > end:
        raise BadSchedule(f"beginning of range ({start}) beyond end of range ({end}): {text}")
    if step == 0:
        raise BadSchedule(f"step of range should be a positive number: {text}")


def _number_or_name(text: str, bounds: _Bounds) -> int:
    named = bounds.names.get(text.lower())
    return named if named is not None else _number(text)


def _number(text: str) -> int:
    if not _ATOI.fullmatch(text):
        raise BadSchedule(f"failed to parse int from {text}: strconv.Atoi: parsing {quote(text)}: invalid syntax")
    number = int(text)
    if number not in _ATOI_RANGE:
        raise BadSchedule(f"failed to parse int from {text}: strconv.Atoi: parsing {quote(text)}: value out of range")
    if number < 0:
        raise BadSchedule(f"negative number ({number}) not allowed: {text}")
    return number


def _is_zone(name: str) -> bool:
    if name in ("", "UTC", "Local"):
        return True
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def zone_complaints(name: str) -> list[str]:
    """What is wrong with a CronJob's timeZone."""
    if not name:
        return ["timeZone must be nil or non-empty string"]
    for part in name.split("/"):
        if part in (".", "..") or part.startswith("-") or not _ZONE_PART.fullmatch(part):
            return [f"unknown time zone {name}"]
    found = []
    if name.lower() == "local":
        found.append("timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones")
    if not _is_zone(name):
        found.append(f"unknown time zone {name}")
    return found
