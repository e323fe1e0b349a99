"""Trees to YAML, as upstream prints it.

Called through `codec.yaml` for answers in `application/yaml`. Behaviour: sigs.k8s.io/yaml (JSONToYAML) over
go.yaml.in/yaml/v2 `encode.go` and `sorter.go`: block style, keys in natural order, lists not indented, quotes only
where a string would read as something else. The emitter is libyaml's.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cmp_to_key
from typing import Any, Final

import yaml
from yaml.events import (
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from orlop.api.tree import Value
from orlop.codec import yaml_scalars as scalars

_DUMPER: Final[Any] = getattr(yaml, "CDumper", yaml.Dumper)
_WIDTH: Final = 80
_OPEN_END: Final = "...\n"
"""How libyaml ends a document whose last text could go on; upstream leaves it out."""


def float_text(number: float) -> str:
    """A float in Go's shortest form (strconv, %g): with an exponent below 1e-4 and from 1e6 on."""
    if number != number or number in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[str(number)]
    digits, _, exponent = f"{number:.17e}".partition("e")
    if -5 < int(exponent) < 6:
        return str(int(number)) if number.is_integer() else repr(number)
    mantissa, _, exponent = repr(number).partition("e")
    digits, power = _scientific(mantissa)
    power += int(exponent or 0)
    return f"{digits}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _scientific(text: str) -> tuple[str, int]:
    """A decimal as one digit before the point, and the power of ten that takes."""
    sign, unsigned = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, _, fraction = unsigned.partition(".")
    digits = (whole + fraction).lstrip("0")
    power = len(digits) - len(fraction) - 1
    digits = digits.rstrip("0") or "0"
    return sign + digits[0] + ("." + digits[1:] if len(digits) > 1 else ""), power


def _compare(left: str, right: str) -> int:
    """The order of keys that upstream writes maps in: letters after other signs, numbers by value."""
    for place, (a, b) in enumerate(zip(left, right, strict=False)):
        if a == b:
            continue
        if a.isalpha() and b.isalpha():
            return -1 if a < b else 1
        if a.isalpha() or b.isalpha():
            return -1 if b.isalpha() else 1
        return _compare_digits(left, right, place)
    return len(left) - len(right)


def _compare_digits(left: str, right: str, place: int) -> int:
    ahead = 0
    if "0" in (left[place], right[place]):
        before = place - 1
        while before >= 0 and left[before].isdecimal():
            if left[before] != "0":
                ahead = 1
                break
            before -= 1
    a, b = _number_at(left, place, ahead), _number_at(right, place, ahead)
    if a != b:
        return -1 if a < b else 1
    return -1 if left[place] < right[place] else 1


def _number_at(text: str, place: int, number: int) -> tuple[int, int]:
    """The number that begins at a place, and where it ends."""
    while place < len(text) and text[place].isdecimal():
        number = number * 10 + ord(text[place]) - ord("0")
        place += 1
    return number, place


_ORDER: Final = cmp_to_key(_compare)


def _scalar_event(value: Value) -> ScalarEvent:
    style = None
    if isinstance(value, str):
        text = value
        if "\n" in text:
            style = "|"
        elif not scalars.reads_as_text(text):
            style = '"'
    elif value is None:
        text = "null"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    else:
        text = float_text(value) if isinstance(value, float) else str(value)
    return ScalarEvent(None, None, (True, True), text, style=style)


def _events(value: Value) -> Iterator[Event]:
    yield StreamStartEvent()
    yield DocumentStartEvent(explicit=False)
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Event):
            yield item
        elif isinstance(item, dict):
            yield MappingStartEvent(None, None, True, flow_style=False)
            stack.append(MappingEndEvent())
            for key in sorted(item, key=_ORDER, reverse=True):
                stack += [item[key], key]
        elif isinstance(item, list):
            yield SequenceStartEvent(None, None, True, flow_style=False)
            stack.append(SequenceEndEvent())
            stack += reversed(item)
        else:
            yield _scalar_event(item)
    yield DocumentEndEvent(explicit=False)
    yield StreamEndEvent()


def from_tree(value: Value) -> bytes:
    """The value as upstream prints YAML: block style, sorted keys, lists not indented."""
    text: str = yaml.emit(_events(value), Dumper=_DUMPER, allow_unicode=True, width=_WIDTH)
    return text.removesuffix(_OPEN_END).encode()


