"""Format `duration`: Go's durations and looser ones ("1 day").

Asked by `formats`. What is accepted follows kube-openapi `pkg/validation/strfmt/duration.go`.
"""

from __future__ import annotations

import re
from typing import Final

from orlop.cel.temporal import parse_duration

_LOOSE: Final = re.compile(r"([0-9]+)[\t\n\f\r ]*([A-Za-zµ]+)")
_NAMES: Final = (("ns", "nano"), ("us", "µs", "micro"), ("ms", "milli"), ("s", "sec"), ("m", "min"),
                 ("h", "hr", "hour"), ("d", "day"), ("w", "wk", "week"))
_MOST: Final = 2**63


def is_duration(text: str) -> bool:
    return parse_duration(text) is not None or _is_loose(text)


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
