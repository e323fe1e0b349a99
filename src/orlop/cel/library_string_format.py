"""`'%d of %s'.format([...])`: strings made of a pattern and a list of values.

`library_strings` declares it, `library_format_checks` reads constant patterns ahead of time with the same scanner.
Fixed and scientific numbers are printed as American English prints them (`1,234.500000`, a power of ten with raised
digits), as upstream does. Behaviour: cel-go ext/formatting.go (string library versions 1 to 3),
golang.org/x/text/message.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple, Protocol

from orlop.api.field import quote
from orlop.api.gotext import MAX_INT64
from orlop.cel.arithmetic import to_double, to_text
from orlop.cel.values import CelError, Duration, Timestamp, TypeValue, Uint, type_of_value

_DEFAULT_PRECISION: Final = 6
_NO_VERB: Final = "unexpected end of string"
_SPECIALS: Final = frozenset(("NaN", "Infinity", "-Infinity"))
_SUPERSCRIPT: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_PRECISION: Final = re.compile(r"\.([0-9]*)", re.ASCII)
_TEXTS: Final = frozenset((int, Uint, float, bool, str, Timestamp, bytes, Duration, TypeValue))


class Clause(NamedTuple):
    """One `%...` of a pattern."""

    verb: str
    precision: int | None


class Arguments(Protocol):
    """What the clauses of a pattern are filled from."""

    def __len__(self) -> int:
        """How many there are."""
        ...


class FormatError(CelError):
    """A pattern or value that cannot be formatted."""


def scan(pattern: str, arguments: Arguments, ahead: bool = False) -> Iterator[str | Clause]:
    """The pieces of a pattern: plain text and clauses, which take the arguments in order.

    Of two faults the missing argument is told first, but `ahead` of time the missing verb.
    """
    position, taken = 0, 0
    while position < len(pattern):
        start = pattern.find("%", position)
        if start < 0:
            yield pattern[position:]
            return
        if start > position:
            yield pattern[position:start]
        if pattern.startswith("%%", start):
            yield "%"
            position = start + 2
            continue
        if ahead and start + 1 >= len(pattern):
            raise FormatError(_NO_VERB)
        if taken >= len(arguments):
            raise FormatError(f"index {taken} out of range")
        clause, position = _clause(pattern, start + 1)
        yield clause
        taken += 1


def _clause(pattern: str, position: int) -> tuple[Clause, int]:
    if position >= len(pattern):
        raise FormatError(_NO_VERB)
    precision = None
    found = _PRECISION.match(pattern, position)
    if found is not None:
        position = found.end()
        if position >= len(pattern):
            raise _unreadable("error while parsing precision: could not find end of precision specifier")
        precision = _number(found[1])
    verb = pattern[position]
    if verb not in "sdfebxXo":
        first = chr(verb.encode("utf-8", "surrogatepass")[0])
        raise _unreadable(f'unrecognized formatting clause "{first}"')
    return Clause(verb, precision), position + 1


def _number(digits: str) -> int:
    wrong = "invalid syntax" if not digits else "value out of range" if len(digits.lstrip("0")) > 19 else ""
    if not wrong and int(digits[-19:]) > MAX_INT64:
        wrong = "value out of range"
    if wrong:
        raise _unreadable(
            "error while parsing precision: error while converting precision to integer: "
            f"strconv.Atoi: parsing {quote(digits)}: {wrong}"
        )
    return int(digits[-19:])


def _unreadable(reason: str) -> FormatError:
    return FormatError(f"could not parse formatting clause: {reason}")


WRONG_TYPES: Final = {
    "s": "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, "
    "and timestamps, was given ",
    "d": "decimal clause can only be used on integers, was given ",
    "f": "fixed-point clause can only be used on doubles, was given ",
    "e": "scientific clause can only be used on doubles, was given ",
    "b": "only integers and bools can be formatted as binary, was given ",
    "x": "only integers, byte buffers, and strings can be formatted as hex, was given ",
    "X": "only integers, byte buffers, and strings can be formatted as hex, was given ",
    "o": "octal clause can only be used on integers, was given ",
}
"""What is said of a value that a verb cannot print; the name of its type follows."""


def format_string(pattern: str, values: list[Any]) -> str:
    """`pattern.format(values)`."""
    remaining = iter(values)
    pieces = []
    for piece in scan(pattern, values):
        pieces.append(piece if isinstance(piece, str) else _filled(piece, next(remaining)))
    return "".join(pieces)


def _filled(clause: Clause, value: Any) -> str:
    try:
        return _PRINTERS[clause.verb](value, clause)
    except CelError as error:
        raise FormatError(f"error during formatting: {error.message}") from None


def _wrong(clause: Clause, value: Any) -> CelError:
    return CelError(WRONG_TYPES[clause.verb] + type_of_value(value).name)


def _string(value: Any, clause: Clause) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return _list(value)
    if isinstance(value, dict):
        return _map(value)
    if isinstance(value, TypeValue):
        return value.name
    if type(value) not in _TEXTS:
        raise _wrong(clause, value)
    try:
        return to_text(value)
    except CelError as error:
        raise CelError(f"could not convert argument {quote(error.message)} to string") from None


def _decimal(value: Any, clause: Clause) -> str:
    if type(value) not in (int, Uint):
        raise _wrong(clause, value)
    return str(int(value))


def _double(value: Any, clause: Clause) -> float:
    if type(value) is float:
        return value
    if isinstance(value, str) and value in _SPECIALS:
        return to_double(value)
    raise _wrong(clause, value)


def _special(number: float) -> str:
    """How numbers are printed that have no digits; "" for all others."""
    if math.isnan(number):
        return "NaN"
    return ("∞" if number > 0 else "-∞") if math.isinf(number) else ""


def _fixed(value: Any, clause: Clause) -> str:
    number = _double(value, clause)
    precision = _DEFAULT_PRECISION if clause.precision is None else clause.precision
    return _special(number) or _grouped(number or 0.0, precision)


def _grouped(number: float, precision: int) -> str:
    """A number with commas; upstream keeps the most decimal places in 16 bits with a sign and the least in 8."""
    most, least = precision & 0xFFFF, precision & 0xFF
    if most == least:
        return f"{number:,.{most}f}"
    text = f"{number:,.{most}f}" if most < 0x8000 else f"{Decimal(repr(number)):,f}"
    whole, _, places = text.partition(".")
    places = places.rstrip("0").ljust(least, "0")
    return f"{whole}.{places}" if places else whole


def _scientific(value: Any, clause: Clause) -> str:
    """Always six decimal places: upstream takes the precision for a width."""
    number = _double(value, clause)
    width = _DEFAULT_PRECISION if clause.precision is None else clause.precision & 0xFFFF
    text = _special(number)
    if not text:
        mantissa, _, exponent = f"{number or 0.0:.{_DEFAULT_PRECISION}e}".partition("e")
        power = f"{int(exponent):03d}" if exponent.startswith("-") else f"{int(exponent):02d}"
        text = f"{mantissa}×10{power.translate(_SUPERSCRIPT)}"
    return text.rjust(width)


def _based(base: str) -> Callable[[Any, Clause], str]:
    def printed(value: Any, clause: Clause) -> str:
        if type(value) is bool and base == "b":
            return "1" if value else "0"
        if type(value) not in (int, Uint):
            raise _wrong(clause, value)
        return format(int(value), base)

    return printed


def _hexadecimal(value: Any, clause: Clause) -> str:
    if isinstance(value, (str, bytes)):
        data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        return data.hex().upper() if clause.verb == "X" else data.hex()
    return _based(clause.verb)(value, clause)


_PRINTERS: Final[dict[str, Callable[[Any, Clause], str]]] = {
    "s": _string,
    "d": _decimal,
    "f": _fixed,
    "e": _scientific,
    "b": _based("b"),
    "x": _hexadecimal,
    "X": _hexadecimal,
    "o": _based("o"),
}
_STRING: Final = Clause("s", None)


def _list(values: list[Any]) -> str:
    return f"[{', '.join(map(_literal, values))}]"


def _map(values: dict[Any, Any]) -> str:
    pairs = []
    for key, value in values.items():
        if type(key) not in (str, bool, int, Uint):
            raise CelError(f"no formatting function for map key of type {type_of_value(key).name}")
        pairs.append((_literal(key), _literal(value)))
    return "{" + ", ".join(f"{key}:{value}" for key, value in sorted(pairs, key=lambda pair: pair[0])) + "}"


def _literal(value: Any) -> str:
    """A value inside a list or map, as CEL would write it."""
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, bytes):
        return "b" + quote(_string(value, _STRING))
    if isinstance(value, float):
        if math.isfinite(value):
            return f"{value:.{_DEFAULT_PRECISION}f}"
        return quote("NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf")
    if isinstance(value, Timestamp):
        return f"timestamp({quote(to_text(value))})"
    if isinstance(value, Duration):
        return f"duration({quote(to_text(value))})"
    if value is None or isinstance(value, (list, dict, TypeValue)) or type(value) in _TEXTS:
        return _string(value, _STRING)
    raise CelError(f"no formatting function for {type_of_value(value).name}")
