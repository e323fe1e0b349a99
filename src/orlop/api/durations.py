"""Lengths of time as kubectl shows them: two or three significant figures, "<invalid>" for the future.

Called by whatever prints an age or a duration (Table cells). Pure; the clock is the caller's. The steps are
those of apimachinery `util/duration/duration.go`.
"""

from __future__ import annotations

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_YEAR = 365 * _DAY
_LONGEST = (2**63 - 1) // 10**9
"""Seconds that a Go duration can hold; longer spans stop there (292 years)."""


def human_duration(seconds: float) -> str:
    """`seconds` with two units where one would be too coarse: 5s, 119s, 2m3s, 170m, 3h20m, 7d4h, 2y30d."""
    whole = int(seconds)  # towards zero: up to two seconds in the future still count as now
    if whole < 0:
        return "<invalid>" if whole < -1 else "0s"
    if whole < 2 * _MINUTE:
        return f"{whole}s"
    if whole < 10 * _MINUTE:
        return _two(whole, _MINUTE, "m", 1, "s")
    if whole < 3 * _HOUR:
        return f"{whole // _MINUTE}m"
    if whole < 8 * _HOUR:
        return _two(whole, _HOUR, "h", _MINUTE, "m")
    if whole < 48 * _HOUR:
        return f"{whole // _HOUR}h"
    if whole < 8 * _DAY:
        return _two(whole, _DAY, "d", _HOUR, "h")
    if whole < 2 * _YEAR:
        return f"{whole // _DAY}d"
    if whole < 8 * _YEAR:
        return _two(whole, _YEAR, "y", _DAY, "d")
    return f"{min(whole, _LONGEST) // _YEAR}y"


def _two(seconds: int, unit: int, name: str, lesser: int, lesser_name: str) -> str:
    """`seconds` in two units, the lesser one left out when it is none."""
    many, rest = divmod(seconds, unit)
    rest //= lesser
    return f"{many}{name}{rest}{lesser_name}" if rest else f"{many}{name}"


def short_human_duration(seconds: float) -> str:
    """`seconds` in a single unit: 59s, 59m, 23h, 364d, 3y."""
    whole = int(seconds)
    if whole < 0:
        return "<invalid>" if whole < -1 else "0s"
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m"
    if whole < _DAY:
        return f"{whole // _HOUR}h"
    if whole < _YEAR:
        return f"{whole // _DAY}d"
    return f"{min(whole, _LONGEST) // _YEAR}y"
