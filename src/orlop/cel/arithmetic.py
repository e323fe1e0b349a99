"""Sums, products and conversions of values, checked to 64 bits.

`standard` declares these as operators and functions; the compiler calls the typed ones directly and the dispatching
ones (`plus`, `minus`, ...) where types are open. Behaviour: cel-go common/types/overflow.go and the Add, Subtract,
Multiply, Divide, Modulo, Negate and ConvertToType of each type.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

from orlop.api.gotext import shortest
from orlop.cel import temporal
from orlop.cel.comparison import equal, map_key
from orlop.cel.values import (
    INT_MAX,
    INT_MIN,
    NANOS,
    NO_SUCH_OVERLOAD,
    UINT_MAX,
    CelError,
    Duration,
    GrowingList,
    KeyedList,
    SetList,
    Timestamp,
    Uint,
    type_of_value,
)

_SIGNED: Final = re.compile(r"[+-]?[0-9]+")
_FLOAT: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)")
_HEX_FLOAT: Final = re.compile(r"[+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+")
_SPECIAL: Final = {"nan": math.nan, "inf": math.inf, "infinity": math.inf}
_BOOLEANS: Final = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
_LONGEST_NUMBER: Final = 4000  # digits; longer texts are no 64-bit number, and slow to read


def whole(number: int) -> int:
    """A result as an int, if it fits."""
    if not INT_MIN <= number <= INT_MAX:
        raise CelError("integer overflow")
    return number


def unsigned(number: int) -> Uint:
    """A result as a uint, if it fits."""
    if not 0 <= number <= UINT_MAX:
        raise CelError("unsigned integer overflow")
    return Uint(number)


def divide_int(left: int, right: int) -> int:
    """Division towards zero."""
    if right == 0:
        raise CelError("division by zero")
    quotient = abs(left) // abs(right)
    return whole(quotient if (left < 0) == (right < 0) else -quotient)


def modulo_int(left: int, right: int) -> int:
    """The rest, with the sign of the dividend."""
    if right == 0:
        raise CelError("modulus by zero")
    if left == INT_MIN and right == -1:
        raise CelError("integer overflow")
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def divide_uint(left: int, right: int) -> Uint:
    """Division of uints."""
    if right == 0:
        raise CelError("division by zero")
    return Uint(int(left) // int(right))


def modulo_uint(left: int, right: int) -> Uint:
    """The rest of a division of uints."""
    if right == 0:
        raise CelError("modulus by zero")
    return Uint(int(left) % int(right))


def divide_double(left: float, right: float) -> float:
    """IEEE division: a zero divisor gives an infinity or NaN."""
    if right:
        return left / right
    if left != left or left == 0 or right != right:
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def joined(left: list[Any], right: list[Any]) -> list[Any]:
    """`+` of lists; declared sets and keyed lists merge."""
    if type(left) is GrowingList:
        left.extend(right)
        return left
    if isinstance(left, SetList):
        merged = SetList(left)
        for one in right:
            if not any(equal(one, held) for held in merged):
                merged.append(one)
        return merged
    if isinstance(left, KeyedList):
        return _merged(left, right)
    return [*left, *right]


def _merged(left: KeyedList, right: list[Any]) -> KeyedList:
    merged = KeyedList(left, left.keys)
    places = {map_key(left, one): index for index, one in enumerate(left)}
    for one in right:
        place = places.get(map_key(left, one))
        if place is None:
            merged.append(one)
        else:
            merged[place] = one
    return merged


_Operation = Callable[[Any, Any], Any]
_MIXED_PLUS: Final[dict[tuple[type, type], _Operation]] = {
    (Duration, Duration): temporal.added,
    (Duration, Timestamp): lambda left, right: temporal.moved(right, left),
    (Timestamp, Duration): temporal.moved,
}
_MIXED_MINUS: Final[dict[tuple[type, type], _Operation]] = {
    (Duration, Duration): temporal.subtracted,
    (Timestamp, Timestamp): temporal.between,
    (Timestamp, Duration): temporal.moved_back,
}
_ADDERS: Final = frozenset((bytes, float, Duration, Timestamp, int, str, Uint))
_SUBTRACTORS: Final = frozenset((float, Duration, Timestamp, int, Uint))
_RECEIVERS: Final = frozenset((str, Timestamp, Duration))


def _unsupported(operator: str, left: Any) -> CelError:
    """The error where the left side has no such operator at all."""
    return CelError(NO_SUCH_OVERLOAD if type(left) in _RECEIVERS else f"no such overload: {operator}")


def plus(left: Any, right: Any) -> Any:
    """`+` by what the values are."""
    kind, other = type(left), type(right)
    if isinstance(left, list):
        if isinstance(right, list):
            return joined(left, right)
        raise CelError(NO_SUCH_OVERLOAD)
    if kind not in _ADDERS:
        raise _unsupported("_+_", left)
    if kind is other:
        if kind is int:
            return whole(left + right)
        if kind is Uint:
            return unsigned(int(left) + int(right))
        if kind in (str, bytes, float):
            return left + right
    mixed = _MIXED_PLUS.get((kind, other))
    if mixed is None:
        raise CelError(NO_SUCH_OVERLOAD)
    return mixed(left, right)


def minus(left: Any, right: Any) -> Any:
    """`-` by what the values are."""
    kind, other = type(left), type(right)
    if kind not in _SUBTRACTORS:
        raise _unsupported("_-_", left)
    if kind is other:
        if kind is int:
            return whole(left - right)
        if kind is Uint:
            return unsigned(int(left) - int(right))
        if kind is float:
            return left - right
    mixed = _MIXED_MINUS.get((kind, other))
    if mixed is None:
        raise CelError(NO_SUCH_OVERLOAD)
    return mixed(left, right)


def _by_number(
    operator: str, for_int: _Operation, for_uint: _Operation, for_double: _Operation | None
) -> _Operation:
    table = {int: for_int, Uint: for_uint}
    if for_double is not None:
        table[float] = for_double  # type: ignore[index]

    def operate(left: Any, right: Any) -> Any:
        kind = type(left)
        chosen = table.get(kind)
        if chosen is None:
            raise _unsupported(operator, left)
        if type(right) is not kind:
            raise CelError(NO_SUCH_OVERLOAD)
        return chosen(left, right)

    return operate


def multiply_int(left: int, right: int) -> int:
    """The product of two ints."""
    return whole(left * right)


def multiply_uint(left: int, right: int) -> Uint:
    """The product of two uints."""
    return unsigned(int(left) * int(right))


def multiply_double(left: float, right: float) -> float:
    """The product of two doubles."""
    return left * right


times: Final = _by_number("_*_", multiply_int, multiply_uint, multiply_double)
divided: Final = _by_number("_/_", divide_int, divide_uint, divide_double)
remainder: Final = _by_number("_%_", modulo_int, modulo_uint, None)


def negated(value: Any) -> Any:
    """Unary `-` by what the value is."""
    kind = type(value)
    if kind is int:
        return whole(-value)
    if kind is float:
        return -value
    if kind is Duration:
        return temporal.negated(value)
    raise CelError(NO_SUCH_OVERLOAD if kind in (bool, *_RECEIVERS) else "no such overload: -_")


def _refused(value: Any, target: str) -> CelError:
    return CelError(f"type conversion error from '{type_of_value(value).name}' to '{target}'")


def to_int(value: Any) -> int:
    """`int(value)`."""
    kind = type(value)
    if kind is int:
        return int(value)
    if kind is Uint:
        return whole(int(value))
    if kind is float:
        if not (float(INT_MIN) < value < float(INT_MAX)):
            raise CelError("integer overflow")
        return int(value)
    if kind is Duration:
        return int(value.nanos)
    if kind is Timestamp:
        return int(value.nanos // NANOS)
    if kind is str and _SIGNED.fullmatch(value) and len(value) < _LONGEST_NUMBER:
        number = int(value)
        if INT_MIN <= number <= INT_MAX:
            return number
    raise _refused(value, "int")


def to_uint(value: Any) -> Uint:
    """`uint(value)`."""
    kind = type(value)
    if kind is Uint:
        return Uint(value)
    if kind is int:
        return unsigned(value)
    if kind is float:
        if not 0 <= value < 2.0**64:
            raise CelError("unsigned integer overflow")
        return Uint(int(value))
    if kind is str and value.isascii() and value.isdigit() and len(value) < _LONGEST_NUMBER:
        number = int(value)
        if number <= UINT_MAX:
            return Uint(number)
    raise _refused(value, "uint")


def to_double(value: Any) -> float:
    """`double(value)`."""
    kind = type(value)
    if kind in (float, int, Uint):
        return float(value)
    if kind is str:
        if _FLOAT.fullmatch(value):
            number = float(value)
            if not math.isinf(number):
                return number
        elif _HEX_FLOAT.fullmatch(value):
            return float.fromhex(value)
        elif (special := _SPECIAL.get(value.lstrip("+-").lower())) is not None and len(value) <= 9:
            return -special if value.startswith("-") else special
    raise _refused(value, "double")


def to_bool(value: Any) -> bool:
    """`bool(value)`."""
    if type(value) is bool:
        return value
    found = _BOOLEANS.get(value) if type(value) is str else None
    if found is None:
        raise _refused(value, "bool")
    return found


def to_bytes(value: Any) -> bytes:
    """`bytes(value)`."""
    if type(value) is bytes:
        return value
    if type(value) is str:
        return value.encode("utf-8", "surrogatepass")
    raise _refused(value, "bytes")


def to_text(value: Any) -> str:
    """`string(value)`."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is Uint:
        return str(int(value))
    if kind is float:
        return double_text(value)
    if kind is bytes:
        try:
            return str(value, "utf-8")
        except UnicodeDecodeError:
            raise CelError("invalid UTF-8 in bytes, cannot convert to string") from None
    if kind is Duration:
        return temporal.duration_text(value)
    if kind is Timestamp:
        return temporal.timestamp_text(value)
    raise _refused(value, "string")


def double_text(value: float) -> str:
    """Go's `%g` of a double."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "-0" if math.copysign(1.0, value) < 0 else "0"
    return shortest(value, 6)


def to_duration(value: Any) -> Duration:
    """`duration(value)`."""
    if type(value) is Duration:
        return value
    if type(value) is str:
        return temporal.duration_from_text(value)
    raise _refused(value, "google.protobuf.Duration")


def to_timestamp(value: Any) -> Timestamp:
    """`timestamp(value)`."""
    if type(value) is Timestamp:
        return value
    if type(value) is int:
        return temporal.timestamp_from_seconds(value)
    if type(value) is str:
        return temporal.timestamp_from_text(value)
    raise _refused(value, "google.protobuf.Timestamp")


def size(value: Any) -> int:
    """`size(value)`: of strings in code points."""
    if isinstance(value, (str, bytes, list, dict)):
        return len(value)
    raise CelError("no such overload: size")
