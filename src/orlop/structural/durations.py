"""Format `duration`: Go's durations and looser ones ("1 day").

Asked by `formats`. What is accepted follows kube-openapi `pkg/validation/strfmt/duration.go` over Go's
time.ParseDuration.
"""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9,
                 "h": 3600 * 10**9}
_PART: Final = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]+)")
_LOOSE: Final = re.compile(r"([0-9]+)[\t\n\f\r ]*([A-Za-zµ]+)")
_NAMES: Final = (("ns", "nano"), ("us", "µs", "micro"), ("ms", "milli"), ("s", "sec"), ("m", "min"),
                 ("h", "hr", "hour"), ("d", "day"), ("w", "wk", "week"))
_MOST: Final = 2**63


def is_duration(text: str) -> bool:
    return _is_go_duration(text) or _is_loose(text)


def _is_go_duration(text: str) -> bool:
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return True
    total, at = 0, 0
    while at < len(rest):
        part = _PART.match(rest, at)
        if part is None or part.group(3) not in _UNITS or not (part.group(1) or part.group(2)):
            return False
        unit = _UNITS[part.group(3)]
        fraction = part.group(2) or ""
        total += int(part.group(1) or 0) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
        if total > _MOST or (total == _MOST and not text.startswith("-")):
            return False
        at = part.end()
    return bool(rest)


def _is_loose(text: str) -> bool:
    """Any number before a name of a unit, anywhere; all numbers must fit 64 bits."""
    found = False
    for number, unit in _LOOSE.findall(text):
        digits = number.lstrip("0") or "0"
        if len(digits) > 19 or int(digits) >= _MOST:
            return False
        name = unit.lower()
        found = found or any(name in names or name.startswith(names[-1]) for names in _NAMES)
    return found
