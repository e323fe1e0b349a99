"""The standard functions and operators of CEL with their overloads, in cel-go's order.

`environment` puts this library under all others. Overloads carry the typed implementations; where the checker leaves
several open, `Function.dispatch` decides by the values. Behaviour: cel-go common/stdlib/standard.go.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from orlop.cel import arithmetic as a
from orlop.cel import temporal
from orlop.cel import types as t
from orlop.cel.comparison import compare, contains, equal, find_key, unequal
from orlop.cel.functions import Call, Function, Library, Overload
from orlop.cel.library_regex import PatternError, compile_pattern
from orlop.cel.library_signature import function, member, plain
from orlop.cel.types import BOOL, BYTES, DOUBLE, DURATION, DYN, INT, STRING, TIMESTAMP, UINT, Type
from orlop.cel.values import NO_SUCH_OVERLOAD, NONE, CelError, Optional, TypeValue, type_of_value

_A: Final = t.param("A")
_B: Final = t.param("B")
_LIST: Final = t.list_of(_A)
_MAP: Final = t.map_of(_A, _B)


def _unreachable(*args: Any) -> Any:
    """Operators the compiler evaluates itself never come here."""
    raise CelError(NO_SUCH_OVERLOAD)


def _dispatched(found: Function, dispatch: Call) -> Function:
    return replace(found, dispatch=dispatch)


def index_of(container: Any, key: Any) -> Any:
    """`container[key]` by what the values are."""
    if isinstance(container, Optional):
        return index_optional(container, key)
    if isinstance(container, list):
        place = list_index(key)
        if not 0 <= place < len(container):
            raise CelError(f"index out of bounds: {a.to_text(key)}")
        return container[place]
    if isinstance(container, dict):
        found, value = find_key(container, key)
        if found:
            return value
    raise missing_key(key)


def missing_key(key: Any) -> CelError:
    """The error of a key that is not there."""
    shown = a.to_text(key) if isinstance(key, (str, bytes, bool, int, float)) else f"{key}"
    return CelError(f"no such key: {shown}")


def list_index(key: Any) -> int:
    """A list index of any number type."""
    kind = type(key)
    if kind is int:
        return int(key)
    if kind is float and not key.is_integer():
        raise CelError(f"unsupported index value {a.double_text(key)} in list")
    if kind is float or (isinstance(key, int) and kind is not bool):
        return int(key)
    raise CelError(f"unsupported index type '{type_of_value(key).name}' in list")


def index_optional(container: Any, key: Any) -> Any:
    """`container[?key]`, or an index into an optional."""
    if isinstance(container, Optional):
        if not container.present:
            return container
        container = container.value
    if isinstance(key, (list, dict, Optional)) or key is None:
        raise CelError(f"invalid qualifier type: {type(key).__name__}")
    if isinstance(container, list):
        place = list_index(key)
        return Optional(container[place]) if 0 <= place < len(container) else NONE
    if isinstance(container, dict):
        found, value = find_key(container, key)
        if found:
            return Optional(value)
    return NONE


def _matches(text: str, pattern: str) -> bool:
    try:
        compiled = compile_pattern(pattern)
    except PatternError as fault:
        raise CelError(str(fault)) from None
    return compiled.matches(text)


def _matches_any(text: Any, pattern: Any) -> bool:
    if type(text) is not str:
        raise CelError("no such overload: matches")
    if type(pattern) is not str:
        raise CelError(NO_SUCH_OVERLOAD)
    return _matches(text, pattern)


def _order(name: str, stem: str, accept: Callable[[int], bool], native: Callable[[Any, Any], bool]) -> Function:
    """One of `<`, `<=`, `>`, `>=` with its fourteen overloads."""

    def by_value(left: Any, right: Any) -> bool:
        if left is None or isinstance(left, (list, dict, Optional)):
            raise CelError(f"no such overload: {name}")
        return accept(compare(left, right))

    numbers = {"int64": INT, "uint64": UINT, "double": DOUBLE}
    overloads = [plain(f"{stem}_bool", (BOOL, BOOL), BOOL, native)]
    for left in numbers:
        for right in _order_rights(left):
            exact = left == right and left != "double"
            suffix = left if left == right else f"{left}_{right}"
            overloads.append(
                plain(f"{stem}_{suffix}", (numbers[left], numbers[right]), BOOL, native if exact else by_value)
            )
    for suffix, kind in (("string", STRING), ("bytes", BYTES), ("timestamp", TIMESTAMP), ("duration", DURATION)):
        overloads.append(plain(f"{stem}_{suffix}", (kind, kind), BOOL, native))
    return _dispatched(function(name, *overloads), by_value)


def _order_rights(left: str) -> tuple[str, ...]:
    return {
        "int64": ("int64", "double", "uint64"),
        "uint64": ("uint64", "double", "int64"),
        "double": ("double", "int64", "uint64"),
    }[left]


def _operators() -> list[Function]:
    return [
        function("_?_:_", plain("conditional", (BOOL, _A, _A), _A, _unreachable)),
        function("_&&_", plain("logical_and", (BOOL, BOOL), BOOL, _unreachable)),
        function("_||_", plain("logical_or", (BOOL, BOOL), BOOL, _unreachable)),
        _dispatched(function("!_", plain("logical_not", (BOOL,), BOOL, operator.not_)), _not),
        function("@not_strictly_false", plain("not_strictly_false", (BOOL,), BOOL, _unreachable)),
        function("_==_", plain("equals", (_A, _A), BOOL, equal)),
        function("_!=_", plain("not_equals", (_A, _A), BOOL, unequal)),
        _dispatched(
            function(
                "_+_",
                plain("add_bytes", (BYTES, BYTES), BYTES, operator.add),
                plain("add_double", (DOUBLE, DOUBLE), DOUBLE, operator.add),
                plain("add_duration_duration", (DURATION, DURATION), DURATION, temporal.added),
                plain("add_duration_timestamp", (DURATION, TIMESTAMP), TIMESTAMP, lambda d, s: temporal.moved(s, d)),
                plain("add_timestamp_duration", (TIMESTAMP, DURATION), TIMESTAMP, temporal.moved),
                plain("add_int64", (INT, INT), INT, lambda left, right: a.whole(left + right)),
                plain("add_list", (_LIST, _LIST), _LIST, a.joined),
                plain("add_string", (STRING, STRING), STRING, operator.add),
                plain("add_uint64", (UINT, UINT), UINT, lambda left, right: a.unsigned(int(left) + int(right))),
            ),
            a.plus,
        ),
        _dispatched(_arithmetic("_/_", "divide", a.divide_double, a.divide_int, a.divide_uint), a.divided),
        _dispatched(_arithmetic("_%_", "modulo", None, a.modulo_int, a.modulo_uint), a.remainder),
        _dispatched(_arithmetic("_*_", "multiply", operator.mul, a.multiply_int, a.multiply_uint), a.times),
        _dispatched(
            function(
                "-_",
                plain("negate_double", (DOUBLE,), DOUBLE, operator.neg),
                plain("negate_int64", (INT,), INT, lambda value: a.whole(-value)),
            ),
            a.negated,
        ),
        _dispatched(
            function(
                "_-_",
                plain("subtract_double", (DOUBLE, DOUBLE), DOUBLE, operator.sub),
                plain("subtract_duration_duration", (DURATION, DURATION), DURATION, temporal.subtracted),
                plain("subtract_int64", (INT, INT), INT, lambda left, right: a.whole(left - right)),
                plain("subtract_timestamp_duration", (TIMESTAMP, DURATION), TIMESTAMP, temporal.moved_back),
                plain("subtract_timestamp_timestamp", (TIMESTAMP, TIMESTAMP), DURATION, temporal.between),
                plain("subtract_uint64", (UINT, UINT), UINT, lambda left, right: a.unsigned(int(left) - int(right))),
            ),
            a.minus,
        ),
        _order("_<_", "less", lambda c: c < 0, operator.lt),
        _order("_<=_", "less_equals", lambda c: c <= 0, operator.le),
        _order("_>_", "greater", lambda c: c > 0, operator.gt),
        _order("_>=_", "greater_equals", lambda c: c >= 0, operator.ge),
        _index(),
        _dispatched(
            function(
                "@in",
                plain("in_list", (_A, _LIST), BOOL, lambda value, container: contains(container, value)),
                plain("in_map", (_A, _MAP), BOOL, lambda value, container: contains(container, value)),
            ),
            lambda value, container: contains(container, value),
        ),
    ]


def _index() -> Function:
    optional_list, optional_map = t.optional_of(_LIST), t.optional_of(_MAP)
    overloads = function(
        "_[_]",
        plain("index_list", (_LIST, INT), _A, index_of),
        plain("index_map", (_MAP, _A), _B, index_of),
        plain("optional_list_index_int", (optional_list, INT), t.optional_of(_A), index_of),
        plain("optional_map_index_value", (optional_map, _A), t.optional_of(_B), index_of),
    )
    return _dispatched(overloads, index_of)


def _not(value: Any) -> bool:
    if type(value) is not bool:
        raise CelError(NO_SUCH_OVERLOAD)
    return not value


def _arithmetic(name: str, stem: str, double: Call | None, int64: Call, uint64: Call) -> Function:
    overloads: list[Overload] = []
    if double is not None:
        overloads.append(plain(f"{stem}_double", (DOUBLE, DOUBLE), DOUBLE, double))
    overloads.append(plain(f"{stem}_int64", (INT, INT), INT, int64))
    overloads.append(plain(f"{stem}_uint64", (UINT, UINT), UINT, uint64))
    return function(name, *overloads)


def _conversion(name: str, result: Type, call: Call, sources: Sequence[tuple[str, Type]]) -> Function:
    return function(name, *(plain(id_, (source,), result, call) for id_, source in sources))


def _conversions() -> list[Function]:
    return [
        _dispatched(function("type", plain("type", (_A,), t.type_of(_A), _type_value)), _type_value),
        _conversion("bool", BOOL, a.to_bool, (("bool_to_bool", BOOL), ("string_to_bool", STRING))),
        _conversion("bytes", BYTES, a.to_bytes, (("bytes_to_bytes", BYTES), ("string_to_bytes", STRING))),
        _conversion(
            "double",
            DOUBLE,
            a.to_double,
            (("double_to_double", DOUBLE), ("int64_to_double", INT), ("string_to_double", STRING),
             ("uint64_to_double", UINT)),
        ),
        _conversion(
            "duration",
            DURATION,
            a.to_duration,
            (("duration_to_duration", DURATION), ("int64_to_duration", INT), ("string_to_duration", STRING)),
        ),
        _dispatched(function("dyn", plain("to_dyn", (_A,), DYN, lambda value: value)), lambda value: value),
        _conversion(
            "int",
            INT,
            a.to_int,
            (("int64_to_int64", INT), ("double_to_int64", DOUBLE), ("duration_to_int64", DURATION),
             ("string_to_int64", STRING), ("timestamp_to_int64", TIMESTAMP), ("uint64_to_int64", UINT)),
        ),
        _conversion(
            "string",
            STRING,
            a.to_text,
            (("string_to_string", STRING), ("bool_to_string", BOOL), ("bytes_to_string", BYTES),
             ("double_to_string", DOUBLE), ("duration_to_string", DURATION), ("int64_to_string", INT),
             ("timestamp_to_string", TIMESTAMP), ("uint64_to_string", UINT)),
        ),
        _conversion(
            "timestamp",
            TIMESTAMP,
            a.to_timestamp,
            (("timestamp_to_timestamp", TIMESTAMP), ("int64_to_timestamp", INT), ("string_to_timestamp", STRING)),
        ),
        _conversion(
            "uint",
            UINT,
            a.to_uint,
            (("uint64_to_uint64", UINT), ("double_to_uint64", DOUBLE), ("int64_to_uint64", INT),
             ("string_to_uint64", STRING)),
        ),
    ]  # fmt: skip


def _type_value(value: Any) -> Any:
    return TypeValue(type_of_value(value).name)


def _text_test(test: Callable[[str, str], bool]) -> Call:
    def by_value(text: Any, part: Any) -> bool:
        if type(text) is not str or type(part) is not str:
            raise CelError(NO_SUCH_OVERLOAD)
        return test(text, part)

    return by_value


def _texts() -> list[Function]:
    tests: list[Function] = []
    for name, id_, test in (
        ("contains", "contains_string", lambda text, part: part in text),
        ("endsWith", "ends_with_string", str.endswith),
        ("startsWith", "starts_with_string", str.startswith),
    ):
        found = function(name, member(id_, (STRING, STRING), BOOL, test))
        tests.append(_dispatched(found, _text_test(test)))
    pattern = (STRING, STRING)
    found = function(
        "matches",
        plain("matches", pattern, BOOL, _matches),
        member("matches_string", pattern, BOOL, _matches),
    )
    sizes = [("bytes", BYTES), ("list", _LIST), ("map", _MAP), ("string", STRING)]
    overloads: list[Overload] = []
    for stem, kind in sizes:
        overloads.append(plain(f"size_{stem}", (kind,), INT, len))
        overloads.append(member(f"{stem}_size", (kind,), INT, len))
    return [*tests, _dispatched(found, _matches_any), _dispatched(function("size", *overloads), a.size)]


def _moment(name: str, stem: str, read: Call, units: Call | None = None, of: str = "") -> Function:
    zoned = "_tz" if stem == "seconds" else "_with_tz"
    overloads = [
        member(f"timestamp_to_{stem}", (TIMESTAMP,), INT, read),
        member(f"timestamp_to_{stem}{zoned}", (TIMESTAMP, STRING), INT, read),
    ]
    if units is not None:
        overloads.append(member(f"duration_to_{of}", (DURATION,), INT, units))
    return function(name, *overloads)


def _moments() -> list[Function]:
    whole = temporal.whole_units
    second = 1_000_000_000
    return [
        _moment("getFullYear", "year", temporal.full_year),
        _moment("getMonth", "month", temporal.month),
        _moment("getDayOfYear", "day_of_year", temporal.day_of_year),
        _moment("getDayOfMonth", "day_of_month", temporal.day_of_month),
        _moment("getDate", "day_of_month_1_based", temporal.date),
        _moment("getDayOfWeek", "day_of_week", temporal.day_of_week),
        _moment("getHours", "hours", temporal.hours, whole(3600 * second), "hours"),
        _moment("getMinutes", "minutes", temporal.minutes, whole(60 * second), "minutes"),
        _moment("getSeconds", "seconds", temporal.seconds, whole(second), "seconds"),
        _moment("getMilliseconds", "milliseconds", temporal.milliseconds, whole(1_000_000), "milliseconds"),
    ]


_IDENTS: Final = (
    t.BOOL, t.BYTES, t.DOUBLE, t.DURATION, t.INT, _LIST, _MAP, t.NULL, t.STRING, t.TIMESTAMP, t.TYPE, t.UINT,
)  # fmt: skip

STANDARD: Final = Library(
    "stdlib",
    functions=(*_operators(), *_conversions(), *_texts(), *_moments()),
    types={kind.name: kind for kind in _IDENTS},
)
"""What every environment has."""
