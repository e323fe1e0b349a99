"""Go's own spellings of numbers and values, where they reach clients inside error messages.

Used by options, resource versions, selectors and validations; speaks of no resource. The texts are those of
Go's `strconv` and `encoding/json`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

from orlop.api.field import GoText, quote

MAX_INT64 = 2**63 - 1
MIN_INT64 = -(2**63)
MAX_UINT64 = 2**64 - 1

_SIGNED = re.compile(r"[+-]?[0-9]+")
_UNSIGNED = re.compile(r"[0-9]+")
_LONGEST = 24
"""No 64-bit number without leading zeros is longer; longer ones lose their zeros before Python converts
them."""


class NumberError(ValueError):
    """Text that is no number; its message is Go's."""


def _number(text: str, function: str, form: re.Pattern[str], low: int, high: int) -> int:
    if not form.fullmatch(text):
        raise NumberError(f"strconv.{function}: parsing {quote(text)}: invalid syntax")
    digits = text
    if len(digits) > _LONGEST:
        sign = "-" if text[0] == "-" else ""
        digits = sign + (text.lstrip("+-").lstrip("0") or "0")
    if len(digits) <= _LONGEST:
        value = int(digits)
        if low <= value <= high:
            return value
    raise NumberError(f"strconv.{function}: parsing {quote(text)}: value out of range")


def parse_int64(text: str) -> int:
    """`strconv.ParseInt(text, 10, 64)`."""
    return _number(text, "ParseInt", _SIGNED, MIN_INT64, MAX_INT64)


def parse_uint64(text: str) -> int:
    """`strconv.ParseUint(text, 10, 64)`."""
    return _number(text, "ParseUint", _UNSIGNED, 0, MAX_UINT64)


def shortest(value: float, most: int, least: int = -4) -> str:
    """The shortest digits that read back the same, with an exponent from 1e`most` on and below 1e`least`: Go's `%v` of
    a float64 with `most` 6, JSON's numbers with 21 and -6."""
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    if not isinstance(exponent, int):  # infinity: no JSON text decodes to it
        return str(value)
    point = len(digits) + exponent - 1
    front = "-" if sign else ""
    if least <= point < most:
        return front + format(Decimal((0, digits, exponent)), "f")
    mantissa = str(digits[0]) + ("." + "".join(map(str, digits[1:])) if len(digits) > 1 else "")
    return f"{front}{mantissa}e{'-' if point < 0 else '+'}{abs(point):02d}"


def formatted(value: Any, number: Callable[[int | float], str]) -> str:
    """`%v` of a decoded JSON value: `map[key:value ...]` in the order of keys, `[a b]`, `<nil>`. `number` writes
    numbers: which Go type they were decoded to differs."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is dict:
        return "map[" + " ".join(f"{key}:{formatted(value[key], number)}" for key in sorted(value)) + "]"
    if kind is list:
        return "[" + " ".join(formatted(item, number) for item in value) + "]"
    if value is None:
        return "<nil>"
    if kind is bool:
        return "true" if value else "false"
    return number(value)


def json_text(value: Any) -> str:
    """`value` as Go's `json.Marshal` writes it: compact, members in the order given, safe inside HTML."""
    text = orjson.dumps(value).decode()
    if "<" in text or ">" in text or "&" in text or not text.isascii():
        for char, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"),
                             ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
            text = text.replace(char, escape)
    return text


def json_value(value: Any) -> GoText:
    """A bad value whose Go type is not plain string or number: messages show its JSON."""
    return GoText(json_text(value))
