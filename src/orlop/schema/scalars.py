"""The fast codec's smallest parts: one decoder per kind of single value.

`structural` puts them together. A decoder takes a value and gives out what stands in its place: the value itself when
it is already as upstream prints it, another spelling of it, or DROP when Go's omitempty would hide it. What does not
fit its type is a `Surprise`, without words. How the special types read and print follows apimachinery
(`api/resource`, `apis/meta/v1`, `util/intstr`).
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, TypeAlias

from orlop.api import quantity, times
from orlop.api.tree import Value

Decoder: TypeAlias = Callable[[Any], Any]
"""Takes a value and gives out what stands in its place: mostly itself, or DROP."""


class Surprise(Exception):
    """The value is not what the type expects."""


class _Dropped:
    """The type of DROP: the field is not printed."""


DROP: Final = _Dropped()
_SURE_FLOAT: Final = 16
"""A float written in so many characters reads back as the decimal it was."""
_EXACT_FLOAT: Final = 2.0**53
"""From here on Go prints only the digits that tell a float from its neighbours, and zeros."""


def whole(number: float) -> Value:
    """A float as Go prints it: without a point when it is whole (left alone where JSON here has no
    integers)."""
    if not number.is_integer() or not -(1 << 63) <= number < 1 << 63:
        return number
    return int(number) if abs(number) < _EXACT_FLOAT else int(Decimal(repr(number)))


def int32(value: Any) -> Any:
    if type(value) is int and -0x80000000 <= value <= 0x7FFFFFFF:
        return value
    raise Surprise


def int32_or_nothing(value: Any) -> Any:
    if type(value) is int and -0x80000000 <= value <= 0x7FFFFFFF:
        return value or DROP
    raise Surprise


def int64(value: Any) -> Any:
    if type(value) is int and -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF:
        return value
    raise Surprise


def int64_or_nothing(value: Any) -> Any:
    if type(value) is int and -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF:
        return value or DROP
    raise Surprise


def floating(omit: bool) -> Decoder:
    def decode(value: Any) -> Any:
        if type(value) is not int and type(value) is not float:
            raise Surprise
        number = whole(float(value))
        if omit and not number:
            return DROP
        return value if number == value and type(number) is type(value) else number
    return decode


def octets(omit: bool) -> Decoder:
    def decode(value: Any) -> Any:
        if type(value) is not str:
            raise Surprise
        if not value:
            return DROP if omit else value
        try:
            encoded = b2a_base64(a2b_base64(value, strict_mode=True), newline=False).decode()
        except (Base64Error, ValueError):
            raise Surprise from None
        return value if encoded == value else encoded
    return decode


def one_quantity(value: Any) -> Any:
    if type(value) is str:
        try:
            text = quantity.canonical(value)
        except quantity.QuantityError:
            return _odd_quantity(value.strip())
        return value if text == value else text
    if type(value) is int or (type(value) is float and -1 < value < 1):
        return _odd_quantity(str(value))  # the spelling of other floats would matter: 1.500 is not 1.5
    raise Surprise


def quantity_or_zero(value: Any) -> Any:
    return "0" if value is None else one_quantity(value)


def _odd_quantity(text: str) -> str:
    """A quantity with blanks around it or without quotes."""
    if len(text) <= _SURE_FLOAT and "e-" not in text:
        try:
            return quantity.canonical(text)
        except quantity.QuantityError:
            raise Surprise from None
    raise Surprise


def point_in_time(read: Callable[[str], str | None], omitzero: bool) -> Decoder:
    def decode(value: Any) -> Any:
        if type(value) is not str:
            raise Surprise
        try:
            text = read(value)
        except times.TimeError:
            raise Surprise from None
        if text is None and omitzero:
            return DROP
        return value if text == value else text
    return decode


def int_or_string(value: Any) -> Any:
    if type(value) is str or (type(value) is int and -0x80000000 <= value <= 0x7FFFFFFF):
        return value
    raise Surprise


def as_it_is(value: Any) -> Any:
    return value
