"""Run-time values of CEL and the errors of evaluation.

Values are native Python wherever one fits: None, bool, int (CEL int, 64 bits), float, str, bytes, list, dict. Only what
Python lacks has a class here. The standard functions, the libraries and compiled programs all hand these around;
equality and order are `comparison`'s. Behaviour: cel-go common/types.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from orlop.cel import types as t
from orlop.cel.types import Type

INT_MIN: Final = -(1 << 63)
INT_MAX: Final = (1 << 63) - 1
UINT_MAX: Final = (1 << 64) - 1
NANOS: Final = 1_000_000_000
TIMESTAMP_MIN: Final = -62135596800 * NANOS
TIMESTAMP_MAX: Final = 253402300799 * NANOS + NANOS - 1
NO_SUCH_OVERLOAD: Final = "no such overload"


class CelError(Exception):
    """An error of evaluation, worded as cel-go words it. `&&`, `||` and the loops built on them may absorb it."""

    @property
    def message(self) -> str:
        """The words, without anything around them."""
        return str(self.args[0])


class BudgetExceeded(Exception):
    """The run-time cost went over the limit: no operator absorbs this."""


class Uint(int):
    """A CEL uint. Arithmetic on it is done by the standard functions, which check 64 bits and keep the class."""

    __slots__ = ()


class Duration:
    """A CEL duration: whole nanoseconds in 64 bits."""

    __slots__ = ("nanos",)

    nanos: int

    def __init__(self, nanos: int) -> None:
        self.nanos = nanos

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.nanos == other.nanos

    def __lt__(self, other: Duration) -> bool:
        if not isinstance(other, Duration):
            return NotImplemented
        return self.nanos < other.nanos

    def __le__(self, other: Duration) -> bool:
        if not isinstance(other, Duration):
            return NotImplemented
        return self.nanos <= other.nanos

    def __hash__(self) -> int:
        return hash(("duration", self.nanos))

    def __repr__(self) -> str:
        return f"Duration({self.nanos})"


class Timestamp:
    """A CEL timestamp: nanoseconds since the epoch, and the offset it was written with, which only printing shows."""

    __slots__ = ("nanos", "offset")

    nanos: int
    offset: int  # seconds east of UTC

    def __init__(self, nanos: int, offset: int = 0) -> None:
        self.nanos = nanos
        self.offset = offset

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timestamp) and self.nanos == other.nanos

    def __lt__(self, other: Timestamp) -> bool:
        if not isinstance(other, Timestamp):
            return NotImplemented
        return self.nanos < other.nanos

    def __le__(self, other: Timestamp) -> bool:
        if not isinstance(other, Timestamp):
            return NotImplemented
        return self.nanos <= other.nanos

    def __hash__(self) -> int:
        return hash(("timestamp", self.nanos))

    def __repr__(self) -> str:
        return f"Timestamp({self.nanos})"


class Optional:
    """`optional.of(value)`, or `optional.none()`: there is one of those, `NONE`."""

    __slots__ = ("present", "value")

    value: Any
    present: bool

    def __init__(self, value: Any, present: bool = True) -> None:
        self.value = value
        self.present = present

    def get(self) -> Any:
        """The value, or cel-go's error for a dereferenced none."""
        if not self.present:
            raise CelError("optional.none() dereference")
        return self.value

    def __repr__(self) -> str:
        return f"Optional({self.value!r})" if self.present else "NONE"


NONE: Final = Optional(None, False)


class TypeValue:
    """A type used as a value; types are equal by run-time name: `type([1]) == list`."""

    __slots__ = ("name",)

    name: str

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypeValue) and self.name == other.name

    def __hash__(self) -> int:
        return hash(("type", self.name))

    def __repr__(self) -> str:
        return f"TypeValue({self.name!r})"


class Opaque:
    """Base of the values libraries add (quantities, URLs, ...): `cel_type` names the type, `__eq__` is CEL equality.

    An `__eq__` may raise `CelError` where cel-go has no such overload for the other side.
    """

    __slots__ = ()

    cel_type: ClassVar[Type]

    def __hash__(self) -> int:
        return id(self)


class SetList(list[Any]):
    """A list of declared `x-kubernetes-list-type: set`: equal in any order, `+` keeps each element once."""

    __slots__ = ()


class KeyedList(list[Any]):
    """A list of declared `x-kubernetes-list-type: map`: equal in any order, `+` replaces elements of equal keys."""

    __slots__ = ("keys",)

    keys: tuple[str, ...]

    def __init__(self, items: Iterable[Any], keys: tuple[str, ...]) -> None:
        super().__init__(items)
        self.keys = keys


class GrowingList(list[Any]):
    """The accumulator of a loop that began with an empty list: `+` grows it in place, for nobody else sees it."""

    __slots__ = ()


class GrowingMap(dict[Any, Any]):
    """The accumulator of a loop that began with an empty map: inserts go into it in place."""

    __slots__ = ()


def grown(start: Any) -> Any:
    """The start of an accumulator, as one that grows in place where it can."""
    if type(start) is list and not start:
        return GrowingList()
    return GrowingMap() if type(start) is dict and not start else start


def settled(result: Any) -> Any:
    """The result of a loop, as a plain list or map."""
    if type(result) is GrowingList:
        return list(result)
    return dict(result) if type(result) is GrowingMap else result


_TYPES: Final[dict[type, Type]] = {
    bool: t.BOOL,
    int: t.INT,
    Uint: t.UINT,
    float: t.DOUBLE,
    str: t.STRING,
    bytes: t.BYTES,
    type(None): t.NULL,
    list: t.LIST,
    SetList: t.LIST,
    KeyedList: t.LIST,
    GrowingList: t.LIST,
    dict: t.MAP,
    GrowingMap: t.MAP,
    Duration: t.DURATION,
    Timestamp: t.TIMESTAMP,
    Optional: t.optional_of(t.DYN),
    TypeValue: t.TYPE,
}


def type_of_value(value: Any) -> Type:
    """The run-time type of a value, parameters erased to dyn."""
    found = _TYPES.get(type(value))
    if found is not None:
        return found
    if isinstance(value, Opaque):
        return value.cel_type
    if isinstance(value, dict):
        return t.MAP
    if isinstance(value, list):
        return t.LIST
    raise CelError(f"unsupported conversion to ref.Val: ({type(value).__name__}){value}")


def no_such_overload(function: str, *args: Any) -> CelError:
    """The error of a call whose arguments fit no overload at run time."""
    names = ", ".join(type_of_value(arg).name for arg in args)
    return CelError(f"no such overload: {function}({names})")
