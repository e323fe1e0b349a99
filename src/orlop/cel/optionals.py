"""Optional values: their functions, `a.?b`, `a[?i]` and the map of inserts behind two-variable comprehensions.

`environment` adds these libraries as Kubernetes does since 1.28 and 1.32. `or` and `orValue` evaluate their argument
only when needed: the compiler does that, the calls here are for values at hand. Behaviour: cel-go cel/library.go and
ext/comprehensions.go.
"""

from __future__ import annotations

from typing import Any, Final

from orlop.cel import types as t
from orlop.cel.arithmetic import to_text
from orlop.cel.comparison import find_key
from orlop.cel.functions import Function, Library
from orlop.cel.library_signature import function, member, plain
from orlop.cel.standard import index_optional
from orlop.cel.types import BOOL, DYN, INT, STRING
from orlop.cel.values import NONE, CelError, Duration, GrowingMap, Optional, Timestamp

_V: Final = t.param("V")
_K: Final = t.param("K")
_OPTIONAL: Final = t.optional_of(_V)
_LIST: Final = t.list_of(_V)
_MAP: Final = t.map_of(_K, _V)
_ZERO_TIME: Final = -62135596800 * 1_000_000_000


def _of_non_zero(value: Any) -> Optional:
    if value is None or (isinstance(value, Duration) and value.nanos == 0):
        return NONE
    if isinstance(value, Timestamp):
        return NONE if value.nanos == _ZERO_TIME else Optional(value)
    if isinstance(value, (bool, int, float, str, bytes, list, dict)) and not value:
        return NONE
    return NONE if isinstance(value, Optional) and not value.present else Optional(value)


def _or(left: Any, right: Any) -> Any:
    return left if not isinstance(left, Optional) or left.present else right


def _or_value(left: Any, right: Any) -> Any:
    if not isinstance(left, Optional):
        return left
    return left.value if left.present else right


def _unwrapped(items: list[Any]) -> list[Any]:
    for item in items:
        if not isinstance(item, Optional):
            raise CelError(f"value {item} is not optional")
    return [item.value for item in items if item.present]


def select_optional(value: Any, name: Any) -> Any:
    """`value.?name` by what the value is."""
    return index_optional(value, name)


def insert(into: dict[Any, Any], key: Any, value: Any) -> dict[Any, Any]:
    """A map with one entry more; the key must be new."""
    if find_key(into, key)[0]:
        raise CelError(f"insert failed: key {to_text(key)} already exists")
    if type(into) is not GrowingMap:
        return {**into, key: value}
    into[key] = value
    return into


def _insert_all(into: dict[Any, Any], entries: dict[Any, Any]) -> dict[Any, Any]:
    for key, value in entries.items():
        into = insert(into, key, value)
    return into


def _functions() -> tuple[Function, ...]:
    return (
        function("optional.of", plain("optional_of", (_V,), _OPTIONAL, Optional)),
        function("optional.ofNonZeroValue", plain("optional_ofNonZeroValue", (_V,), _OPTIONAL, _of_non_zero)),
        function("optional.none", plain("optional_none", (), _OPTIONAL, lambda: NONE)),
        function("value", member("optional_value", (_OPTIONAL,), _V, Optional.get)),
        function("hasValue", member("optional_hasValue", (_OPTIONAL,), BOOL, lambda value: value.present)),
        function("or", member("optional_or_optional", (_OPTIONAL, _OPTIONAL), _OPTIONAL, _or)),
        function("orValue", member("optional_orValue_value", (_OPTIONAL, _V), _V, _or_value)),
        function("_?._", plain("select_optional_field", (DYN, STRING), _OPTIONAL, select_optional)),
        function(
            "_[?_]",
            plain("list_optindex_optional_int", (_LIST, INT), _OPTIONAL, index_optional),
            plain("optional_list_optindex_optional_int", (t.optional_of(_LIST), INT), _OPTIONAL, index_optional),
            plain("map_optindex_optional_value", (_MAP, _K), _OPTIONAL, index_optional),
            plain("optional_map_optindex_optional_value", (t.optional_of(_MAP), _K), _OPTIONAL, index_optional),
        ),
        function("last", member("list_last", (_LIST,), _OPTIONAL, lambda v: Optional(v[-1]) if v else NONE)),
        function("first", member("list_first", (_LIST,), _OPTIONAL, lambda v: Optional(v[0]) if v else NONE)),
        function("optional.unwrap", plain("optional_unwrap", (t.list_of(_OPTIONAL),), _LIST, _unwrapped)),
        function("unwrapOpt", member("optional_unwrapOpt", (t.list_of(_OPTIONAL),), _LIST, _unwrapped)),
    )


OPTIONALS: Final = Library("cel.lib.optional", _functions(), types={"optional_type": t.optional_of(DYN)})
"""cel.OptionalTypes()."""

COMPREHENSIONS: Final = Library(
    "cel.lib.ext.comprev2",
    (
        function(
            "cel.@mapInsert",
            plain("@mapInsert_map_key_value", (_MAP, _K, _V), _MAP, insert),
            plain("@mapInsert_map_map", (_MAP, _MAP), _MAP, _insert_all),
        ),
    ),
)
"""The function behind transformMap and transformMapEntry (ext.TwoVarComprehensions())."""
