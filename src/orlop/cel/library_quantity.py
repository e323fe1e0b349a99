"""Quantities: `quantity('1.5Gi')`, their arithmetic and order.

The environment takes `QUANTITY`; the numbers are `orlop.api.quantity`'s. Behaviour: Kubernetes
pkg/cel/library/quantity.go and pkg/cel/quantity.go.
"""

from __future__ import annotations

import math
import re
from typing import Final

from orlop.api import quantity as q
from orlop.cel import types as t
from orlop.cel.functions import Library
from orlop.cel.library_signature import function, member, plain
from orlop.cel.values import INT_MAX, INT_MIN, NO_SUCH_OVERLOAD, CelError, Opaque

QUANTITY_TYPE: Final = t.object_type("kubernetes.Quantity")
_BINARY: Final = re.compile(r"[+-]?0*([0-9]*)\.?([KMGTPE])i")
_SHORT_DECIMAL: Final = 10**18
_SHORT_BINARY_DIGITS: Final = 14
_INT_DIGITS: Final = 19
_NANO: Final = -9
_LEAST_EXPONENT: Final = -323
_MOST_EXPONENT: Final = 308


class Quantity(Opaque):
    """A quantity.

    `computed` came out of arithmetic: upstream cannot compare others to it. `short` is kept by upstream as a 64-bit
    number and a power of ten: only such a number can be an integer, whatever its value.
    """

    __slots__ = ("computed", "number", "short")

    cel_type = QUANTITY_TYPE

    def __init__(self, number: q.Quantity, short: bool, computed: bool = False) -> None:
        self.number = number
        self.short = short
        self.computed = computed

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quantity) or other.computed:
            raise CelError(NO_SUCH_OVERLOAD)
        return self.number.compare(other.number) == 0

    def __hash__(self) -> int:
        return hash(self.number)

    def __str__(self) -> str:
        return str(self.number)


def _quantity(text: str) -> Quantity:
    try:
        number = q.parse(text)
    except q.QuantityError as error:
        raise CelError(str(error)) from None
    return Quantity(number, _is_short(text, number))


def _is_short(text: str, number: q.Quantity) -> bool:
    """Whether upstream's parser takes its short way: few digits, and no fraction of a power of 1024."""
    if not text.endswith("i"):
        return abs(number.unscaled) < _SHORT_DECIMAL
    binary = _BINARY.fullmatch(text)
    if binary is None:
        return False
    places = 3 * (" KMGTPE".index(binary[2]))  # about as many digits as the suffix stands for
    return len(binary[1] or "0") + places <= _SHORT_BINARY_DIGITS


def _is_quantity(text: str) -> bool:
    try:
        q.parse(text)
    except q.QuantityError:
        return False
    return True


def _integer(quantity: Quantity) -> int | None:
    """The number as upstream can hand it out as an int; fractions stay fractions even where they are zero."""
    unscaled, scale = quantity.number.unscaled, quantity.number.scale
    if not quantity.short or scale < 0 or (unscaled and scale > _INT_DIGITS):
        return None
    whole = unscaled * int(10**scale) if unscaled else 0
    return whole if INT_MIN <= whole <= INT_MAX else None


def _as_integer(quantity: Quantity) -> int:
    whole = _integer(quantity)
    if whole is None:
        raise CelError("cannot convert value to integer")
    return whole


def _as_float(quantity: Quantity) -> float:
    """The number times a power of ten, each as a float; what is not short is kept in billionths."""
    unscaled, scale = quantity.number.unscaled, quantity.number.scale
    if not quantity.short and _NANO < scale <= _MOST_EXPONENT:
        unscaled, scale = unscaled * int(10 ** (scale - _NANO)), _NANO
    try:
        base = float(unscaled)
    except OverflowError:
        base = math.inf * quantity.number.sign
    return base * _power_of_ten(scale) if scale else base


def _power_of_ten(exponent: int) -> float:
    """Go's math.Pow10: two factors of a table, which is not always the nearest float."""
    if not _LEAST_EXPONENT <= exponent <= _MOST_EXPONENT:
        return 0.0 if exponent < 0 else math.inf
    coarse, fine = divmod(abs(exponent), 32)
    if exponent < 0:
        return float(f"1e-{coarse * 32}") / float(f"1e{fine}")
    return float(f"1e{coarse * 32}") * float(f"1e{fine}")


def _sum(left: Quantity, right: q.Quantity, short: bool) -> Quantity:
    """The sum, kept short where 64 bits hold it and both addends at the smaller power of ten."""
    total = left.number.add(right)
    if short and left.short and left.number.unscaled and right.unscaled:
        low = total.scale
        lifted = max((n for n in (left.number, right)), key=lambda n: n.scale)
        apart = lifted.scale - low
        short = apart <= _INT_DIGITS and _fits(lifted.unscaled * int(10**apart)) and _fits(total.unscaled)
    return Quantity(total, short and left.short, True)


def _fits(number: int) -> bool:
    return INT_MIN <= number <= INT_MAX


def _negated(number: q.Quantity) -> q.Quantity:
    return q.Quantity(-number.unscaled, number.scale, number.format)


def _add(quantity: Quantity, other: Quantity) -> Quantity:
    return _sum(quantity, other.number, other.short)


def _add_int(quantity: Quantity, other: int) -> Quantity:
    return _sum(quantity, q.Quantity(other, 0, q.DECIMAL_EXPONENT), True)


def _subtract(quantity: Quantity, other: Quantity) -> Quantity:
    return _sum(quantity, _negated(other.number), other.short)


def _subtract_int(quantity: Quantity, other: int) -> Quantity:
    negative = other if quantity.short and other == INT_MIN else -other  # 64 bits cannot negate their least
    return _sum(quantity, q.Quantity(negative, 0, q.DECIMAL_EXPONENT), True)


def _compare(quantity: Quantity, other: Quantity) -> int:
    return quantity.number.compare(other.number)


_ONE: Final = (QUANTITY_TYPE,)
_TWO: Final = (QUANTITY_TYPE, QUANTITY_TYPE)
_INT: Final = (QUANTITY_TYPE, t.INT)

QUANTITY: Final = Library(
    "kubernetes.quantity",
    (
        function("quantity", plain("string_to_quantity", (t.STRING,), QUANTITY_TYPE, _quantity)),
        function("isQuantity", plain("is_quantity_string", (t.STRING,), t.BOOL, _is_quantity)),
        function("sign", plain("quantity_sign", _ONE, t.INT, lambda quantity: quantity.number.sign)),
        function("isGreaterThan", member("quantity_is_greater_than", _TWO, t.BOOL, lambda a, b: _compare(a, b) == 1)),
        function("isLessThan", member("quantity_is_less_than", _TWO, t.BOOL, lambda a, b: _compare(a, b) == -1)),
        function("compareTo", member("quantity_compare_to", _TWO, t.INT, _compare)),
        function("asApproximateFloat", member("quantity_get_float", _ONE, t.DOUBLE, _as_float)),
        function("asInteger", member("quantity_get_int", _ONE, t.INT, _as_integer)),
        function("isInteger", member("quantity_is_integer", _ONE, t.BOOL, lambda one: _integer(one) is not None)),
        function(
            "add",
            member("quantity_add", _TWO, QUANTITY_TYPE, _add),
            member("quantity_add_int", _INT, QUANTITY_TYPE, _add_int),
        ),
        function(
            "sub",
            member("quantity_sub", _TWO, QUANTITY_TYPE, _subtract),
            member("quantity_sub_int", _INT, QUANTITY_TYPE, _subtract_int),
        ),
    ),
)
