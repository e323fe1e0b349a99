"""resource.Quantity: the fixed-point numbers of `cpu: 500m` and `memory: 1Gi`.

Used by the typed codec (`schema`) to print quantities as upstream does, by validation, quota and defaults to
compare and add them. Behaviour: apimachinery `api/resource/quantity.go`, `amount.go` and `suffix.go`.

A quantity is `unscaled * 10**scale`, exact, and remembers the format it was written in. A text that
upstream's parser takes for canonical is printed again as it came, although it may not be
(`1.500`, `+1`, `01`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

DECIMAL_EXPONENT: Final = "DecimalExponent"
BINARY_SI: Final = "BinarySI"
DECIMAL_SI: Final = "DecimalSI"

_REGEX: Final = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
WRONG_FORMAT: Final = f"quantities must match the regular expression '{_REGEX}'"
WRONG_NUMBER: Final = "unable to parse numeric part of quantity"
WRONG_SUFFIX: Final = "unable to parse quantity's suffix"

_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX: Final = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX: Final = {exponent: suffix for suffix, exponent in _BINARY.items()}
_DIGITS: Final = frozenset("0123456789")
_SUFFIX_LETTERS: Final = frozenset("eEinumkKMGTP")

_NANO: Final = -9
_MAX: Final = (1 << 63) - 1
_INT64_DIGITS: Final = 18
SPAN_LIMIT: Final = 10_000
"""The most decimal places that addends may lie apart; beyond it the smaller one counts as nothing."""


REMEMBERED: Final = 4096
"""Texts whose quantity is remembered: the same few recur in every manifest. The least used are forgotten."""


class QuantityError(ValueError):
    """A text that is no quantity; the message is upstream's."""


class Quantity:
    """An exact number with the format it is printed in. Immutable; equal when the numbers are."""

    __slots__ = ("_text", "format", "scale", "unscaled")

    def __init__(self, unscaled: int = 0, scale: int = 0, format: str = DECIMAL_SI, text: str = "") -> None:
        self.unscaled, self.scale, self.format, self._text = unscaled, scale, format, text

    @property
    def sign(self) -> int:
        return (self.unscaled > 0) - (self.unscaled < 0)

    def value(self, scale: int = 0) -> int:
        """The number in units of `10**scale`, rounded away from zero."""
        return _rescaled(self.unscaled, self.scale - scale)

    def milli_value(self) -> int:
        return self.value(-3)

    def compare(self, other: Quantity) -> int:
        """-1, 0 or 1 as this number is below, equal to or above the other."""
        if self.sign != other.sign or not self.unscaled:
            return (self.sign > other.sign) - (self.sign < other.sign)
        mine, theirs = len(str(abs(self.unscaled))) + self.scale, len(str(abs(other.unscaled))) + other.scale
        if mine != theirs:
            return self.sign if mine > theirs else -self.sign
        low = min(self.scale, other.scale)
        left, right = self.unscaled * _power(self.scale - low), other.unscaled * _power(other.scale - low)
        return (left > right) - (left < right)

    def add(self, other: Quantity) -> Quantity:
        """The sum. A zero takes over the format of what is added to it."""
        form = self.format if self.unscaled else other.format
        if not other.unscaled:
            return Quantity(self.unscaled, self.scale, form)
        if not self.unscaled:
            return Quantity(other.unscaled, other.scale, form)
        if abs(self.scale - other.scale) > SPAN_LIMIT:
            larger = self if self.scale > other.scale else other
            return Quantity(larger.unscaled, larger.scale, form)
        low = min(self.scale, other.scale)
        total = self.unscaled * _power(self.scale - low) + other.unscaled * _power(other.scale - low)
        return Quantity(total, low, form)

    def subtract(self, other: Quantity) -> Quantity:
        return self.add(Quantity(-other.unscaled, other.scale, other.format))

    def negate(self) -> Quantity:
        return Quantity(-self.unscaled, self.scale, self.format)

    def multiply(self, factor: int) -> Quantity:
        return Quantity(self.unscaled * factor, self.scale, self.format)

    def __str__(self) -> str:
        if not self._text:
            self._text = _canonical(self.unscaled, self.scale, self.format)
        return self._text

    def __repr__(self) -> str:
        return f"Quantity({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.compare(other) == 0

    def __lt__(self, other: Quantity) -> bool:
        return self.compare(other) < 0

    def __le__(self, other: Quantity) -> bool:
        return self.compare(other) <= 0

    def __hash__(self) -> int:
        unscaled, scale = _without_zeros(self.unscaled, self.scale)
        return hash((unscaled, scale if unscaled else 0))


def _power(exponent: int) -> int:
    power: int = 10**exponent
    return power


def _rescaled(unscaled: int, shift: int) -> int:
    """`unscaled * 10**shift` as an integer, rounded away from zero."""
    if shift >= 0:
        return unscaled * _power(shift)
    if len(str(abs(unscaled))) < -shift:  # below one unit: no need for the power
        return (unscaled > 0) - (unscaled < 0)
    whole, rest = divmod(abs(unscaled), _power(-shift))
    whole += rest > 0
    return whole if unscaled > 0 else -whole


def _without_zeros(unscaled: int, scale: int) -> tuple[int, int]:
    """The same number with all trailing zeros moved into the scale."""
    digits = str(unscaled)
    stripped = digits.rstrip("0")
    return (int(stripped), scale + len(digits) - len(stripped)) if unscaled else (0, 0)


def _canonical(unscaled: int, scale: int, form: str) -> str:
    if unscaled == 0:
        return "0"
    if form == BINARY_SI:
        text = _binary(unscaled, scale)
        if text:
            return text
        form = DECIMAL_SI  # small or fractional: decimal keeps it readable and exact
    amount, exponent = _without_zeros(unscaled, scale)
    amount *= _power(exponent % 3)
    exponent -= exponent % 3
    if form == DECIMAL_SI:
        return f"{amount}{_DECIMAL_SUFFIX.get(exponent, '')}"
    return f"{amount}e{exponent}" if exponent else str(amount)


def _binary(unscaled: int, scale: int) -> str:
    """The number with a power of 1024 as its suffix; "" when it is below 1024 or not whole."""
    quantity = Quantity(abs(unscaled), scale)
    if quantity.compare(Quantity(1024)) < 0:
        return ""
    amount = _rescaled(unscaled, scale)
    if scale < 0 and Quantity(amount).compare(Quantity(unscaled, scale)) != 0:
        return ""
    exponent = 0
    while amount % 1024 == 0:
        amount //= 1024
        exponent += 10
    return f"{amount}{_BINARY_SUFFIX.get(exponent, '')}"


def _scan(text: str) -> tuple[bool, str, str, str]:
    """Split `text` into sign, digits before and after the point (no leading zeros before it) and suffix."""
    end = len(text)
    position = 1 if text[:1] in ("+", "-") else 0
    negative = text[:1] == "-"
    while position < end and text[position] == "0":
        position += 1
    if position == end:
        return negative, "0", "", ""
    start = position
    while position < end and text[position] in _DIGITS:
        position += 1
    whole, fraction = text[start:position] or "0", ""
    if position < end and text[position] == ".":
        start = position + 1
        position = start
        while position < end and text[position] in _DIGITS:
            position += 1
        fraction = text[start:position]
    start = position
    while position < end and text[position] in _SUFFIX_LETTERS:
        position += 1
    if position < end and text[position] in "+-":
        position += 1
    while position < end and text[position] in _DIGITS:
        position += 1
    if position < end:
        raise QuantityError(WRONG_FORMAT)
    return negative, whole, fraction, text[start:]


def _suffix(suffix: str) -> tuple[int, str]:
    """The exponent (of 10, or of 2 for BinarySI) and the format that a suffix stands for."""
    if suffix in _DECIMAL:
        return _DECIMAL[suffix], DECIMAL_SI
    if suffix in _BINARY:
        return _BINARY[suffix], BINARY_SI
    number = suffix[1:]
    if suffix[0] in "eE" and number.lstrip("+-").isdigit() and len(number) - len(number.lstrip("+-")) <= 1:
        exponent = int(number)
        if -_MAX - 1 <= exponent <= _MAX:
            return (exponent + (1 << 31)) % (1 << 32) - (1 << 31), DECIMAL_EXPONENT  # upstream keeps 32 bits
    raise QuantityError(WRONG_SUFFIX)


def _is_kept(text_digits: str, number: int, scale: int, exponent: int, form: str) -> bool:
    """Whether upstream takes a parsed text for canonical and prints it unchanged."""
    if form == BINARY_SI:
        return exponent % 10 == 0 and number & 7 != 0
    return scale % 3 == 0 and not text_digits.endswith("000") and text_digits[0] != "0"


@lru_cache(maxsize=REMEMBERED)
def parse(text: str) -> Quantity:
    """The quantity that `text` writes. QuantityError with upstream's words."""
    if not text:
        raise QuantityError(WRONG_FORMAT)
    if text == "0":
        return Quantity(0, 0, DECIMAL_SI, text)
    negative, whole, fraction, suffix = _scan(text)
    exponent, form = _suffix(suffix)
    digits = whole + fraction
    if form == BINARY_SI:
        exact = not fraction and 15 - len(whole) - exponent * 3 // 10 - 1 >= 0
        scale, number = 0, int(digits) << exponent
    else:
        scale, number = exponent - len(fraction), int(digits)
        exact = len(digits) <= _INT64_DIGITS and scale >= _NANO
    if exact and number <= _MAX:
        kept = _is_kept(digits, int(digits), scale, exponent, form)
        return Quantity(-number if negative else number, scale, form, text if kept else "")
    if _DIGITS.isdisjoint(text[: len(text) - len(suffix)]):
        raise QuantityError(WRONG_NUMBER)
    return _bounded(-1 if negative else 1, number, scale if form != BINARY_SI else -len(fraction), form)


def _bounded(sign: int, number: int, scale: int, form: str) -> Quantity:
    """A number too long or too fine for upstream's fast path: rounded up to nano, capped when binary."""
    if scale < _NANO:
        number, scale = _rescaled(number, scale - _NANO), _NANO
    magnitude = Quantity(number, scale)
    if form == BINARY_SI and magnitude.compare(Quantity(_MAX)) > 0:
        number, scale = _MAX, 0
    elif form == BINARY_SI and number and magnitude.compare(Quantity(1)) < 0:
        form = DECIMAL_SI
    return Quantity(sign * number, scale, form)


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """`text` as upstream prints it after parsing. Cached: a cluster knows few different quantities."""
    return str(parse(text))
