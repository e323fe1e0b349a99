"""The fast codec: a struct type becomes a closure that makes a tree what upstream would print of it.

Built by `kind.KindSchema.decode`, once per type and at the first use of each field; runs on every write. It
knows values that are right, and changes the tree in place: drops nulls and empty members that Go's omitempty
hides, adds the members that Go always prints, and spells quantities, times and bytes canonically. Anything
else (a wrong type, an unknown key, a number out of range) is a `Surprise`, raised without a word: `exact`
then reads the same document again as slowly as it takes to say what Go would say.

What is printed for nothing follows encoding/json's omitempty and omitzero, which know no empty struct; how
the special types read follows apimachinery (`api/resource`, `apis/meta/v1`, `util/intstr`, `runtime`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from orlop.api import times
from orlop.api.tree import Value
from orlop.schema import types as t
from orlop.schema.scalars import (
    DROP,
    Decoder,
    Surprise,
    as_it_is,
    floating,
    int32,
    int32_or_nothing,
    int64,
    int64_or_nothing,
    int_or_string,
    octets,
    one_quantity,
    point_in_time,
    quantity_or_zero,
)
from orlop.schema.types import Field, Type

Want: TypeAlias = "type | Decoder"
"""What a field's value must be: exactly `str` or `bool`, or whatever the decoder accepts."""

_SPECIAL: Final[dict[str, Decoder]] = {
    t.QUANTITY: one_quantity,
    t.INT_OR_STRING: int_or_string,
    t.RAW: as_it_is,
    t.FIELDS: as_it_is,
    t.ANY: as_it_is,
}
_ZERO: Final[dict[str, Value]] = {
    t.STRING: "", t.BOOL: False, t.INT32: 0, t.INT64: 0, t.FLOAT: 0, t.QUANTITY: "0", t.INT_OR_STRING: 0,
    t.SCHEMA_OR_BOOL: False,
}


TOLD_APART: Final[dict[str, frozenset[str]]] = {
    "io.k8s.api.rbac.v1.Role": frozenset({"rules"}),
    "io.k8s.api.rbac.v1.ClusterRole": frozenset({"rules"}),
    "io.k8s.api.discovery.v1.EndpointSlice": frozenset({"endpoints", "ports"}),
    "io.k8s.api.storage.v1.CSINodeSpec": frozenset({"drivers"}),
    "io.k8s.api.core.v1.LimitRangeSpec": frozenset({"limits"}),
    "io.k8s.api.autoscaling.v2.HPAScalingRules": frozenset({"policies"}),
    "io.k8s.api.batch.v1.PodFailurePolicyOnExitCodesRequirement": frozenset({"values"}),
    "io.k8s.api.batch.v1.SuccessPolicy": frozenset({"rules"}),
}
"""Lists for which an empty one is not the same as none. Of the first, who gives an empty one owns the field: they stay
as given until the strategy of the kind makes null of them, as storing and reading them does upstream. The last three
are refused when they are empty, and never stored."""


class Structural:
    """Makes and keeps the decoders of one way of storing.

    `nil_empty`: the kind is stored as protobuf, which cannot tell an empty list or map from none; where Go
    prints them always, both come back as null. Kinds stored or answered as JSON keep `[]`.
    """

    def __init__(self, nil_empty: bool) -> None:
        self._nil_empty = nil_empty
        self._structs: dict[Type, Decoder] = {}

    def struct(self, kind: Type) -> Decoder:
        """The decoder of a struct type; null counts as an empty struct."""
        found = self._structs.get(kind)
        if found is None:
            found = self._structs[kind] = self._compile(kind)
        return found

    def _compile(self, kind: Type) -> Decoder:
        table: dict[str, Want] = {}
        fields = kind.fields
        keep = frozenset(name for name, field in fields.items()
                         if field.type.shape == t.POINTER or not field.omitempty)
        told_apart = TOLD_APART.get(kind.openapi, frozenset())
        always = [(name, self.zero(field.type)) for name, field in fields.items() if field.always_printed]

        def resolve(key: str) -> Want:
            if key not in fields:
                raise Surprise
            field = fields[key]
            want = table[key] = (self._list(field.type.element, False, keep_empty=True) if key in told_apart
                                 else self._want(field))
            return want

        def decode(obj: Any) -> Any:
            if type(obj) is not dict:
                if obj is None:
                    return decode({})
                raise Surprise
            dropped: list[str] | None = None
            for key, value in obj.items():
                try:
                    want = table[key]
                except KeyError:
                    want = resolve(key)
                if want is type(value):
                    if value or key in keep:
                        continue
                elif value is not None:
                    new = want(value)
                    if new is value:
                        continue
                    if want is str or want is bool:  # called for nothing, but checked for nobody who is right
                        raise Surprise
                    if new is not DROP:
                        obj[key] = new
                        continue
                if dropped is None:
                    dropped = [key]
                else:
                    dropped.append(key)
            if dropped is not None:
                for key in dropped:
                    del obj[key]
            if always:
                for key, make in always:
                    if key not in obj:
                        obj[key] = make()
            return obj

        return decode

    def zero(self, kind: Type) -> Callable[[], Value]:
        """Makes what Go prints for a value of the type that was never set."""
        if kind.shape == t.STRUCT:
            if not any(field.always_printed for field in kind.fields.values()):
                return dict
            return lambda: self.struct(kind)({})
        value = _ZERO.get(kind.shape)
        return lambda: value

    def _want(self, field: Field) -> Want:
        kind = field.type
        if kind.shape == t.POINTER:
            return self._decoder(kind.element, False)
        if kind.shape in (t.TIME, t.MICRO_TIME):
            read = times.canonical if kind.shape == t.TIME else times.micro_canonical
            return point_in_time(read, field.omitzero)
        return self._decoder(kind, field.omitempty)

    def _decoder(self, kind: Type, omit: bool) -> Want:
        """The decoder of a type that is not a pointer; with `omit` an empty value is dropped."""
        shape = kind.shape
        if shape == t.STRING:
            return str
        if shape == t.BOOL:
            return bool
        if shape == t.STRUCT:
            return self.struct(kind)
        if shape == t.INT32:
            return int32_or_nothing if omit else int32
        if shape == t.INT64:
            return int64_or_nothing if omit else int64
        if shape == t.LIST:
            return self._list(kind.element, omit)
        if shape == t.MAP:
            return self._map(kind.element, omit)
        if shape == t.FLOAT:
            return floating(omit)
        if shape == t.BYTES:
            return octets(omit)
        if shape in (t.TIME, t.MICRO_TIME):
            return point_in_time(times.canonical if shape == t.TIME else times.micro_canonical, False)
        if shape in (t.SCHEMA_OR_BOOL, t.SCHEMA_OR_LIST, t.SCHEMA_OR_STRINGS):
            return self._schema_or(shape, kind.element)
        return _SPECIAL[shape]

    def _list(self, element: Type, omit: bool, keep_empty: bool = False) -> Decoder:
        empty = None if keep_empty else self._empty(omit)
        item = self._element(element)

        def decode(value: Any) -> Any:
            if type(value) is not list:
                raise Surprise
            if not value:
                return value if empty is None else empty()
            for index, old in enumerate(value):
                new = item(old)
                if new is not old:
                    value[index] = new
            return value

        def decode_structs(value: Any) -> Any:
            if type(value) is not list:
                raise Surprise
            if not value:
                return value if empty is None else empty()
            for old in value:
                if item(old) is not old:
                    return decode(value)
            return value

        def decode_strings(value: Any) -> Any:
            if type(value) is not list:
                raise Surprise
            if not value:
                return value if empty is None else empty()
            for old in value:
                if type(old) is not str:
                    return decode(value)
            return value

        return {t.STRUCT: decode_structs, t.STRING: decode_strings}.get(element.shape, decode)

    def _map(self, element: Type, omit: bool) -> Decoder:
        empty = self._empty(omit)
        item = self._element(element)

        def decode(value: Any) -> Any:
            if type(value) is not dict:
                raise Surprise
            if not value:
                return value if empty is None else empty()
            for key, old in value.items():
                new = item(old)
                if new is not old:
                    value[key] = new
            return value

        def decode_strings(value: Any) -> Any:
            if type(value) is not dict:
                raise Surprise
            if not value:
                return value if empty is None else empty()
            for old in value.values():
                if type(old) is not str:
                    return decode(value)
            return value

        return decode_strings if element.shape == t.STRING else decode

    def _empty(self, omit: bool) -> Callable[[], Any] | None:
        """Makes what stands for an empty list or map; None when it stays as it is."""
        if omit:
            return lambda: DROP
        return (lambda: None) if self._nil_empty else None

    def _element(self, kind: Type) -> Decoder:
        """The decoder of a member of a list or map, where null stands for the zero value."""
        if kind.shape == t.STRUCT:
            return self.struct(kind)
        if kind.shape == t.QUANTITY:
            return quantity_or_zero
        inner = self._decoder(kind.target, False)
        zero = self.zero(kind)
        if kind.shape == t.BYTES and self._nil_empty:
            def zero() -> Value:  # protobuf cannot keep a null among a map's bytes
                return ""

        def decode(value: Any) -> Any:
            if value is None:
                return zero()
            if inner is str or inner is bool:
                if type(value) is inner:
                    return value
                raise Surprise
            return inner(value)

        return decode

    def _schema_or(self, shape: str, schema: Type) -> Decoder:
        """JSON schemas where something shorter may stand. Other values mean nothing: null in a map, and
        dropped from a field, where upstream prints a null that is gone after the next reading."""
        nothing = DROP if shape == t.SCHEMA_OR_LIST else None  # which stand in fields; the others in maps
        struct = self.struct(schema)
        many = self._list(schema, False)
        strings = self._list_of_strings

        def decode(value: Any) -> Any:
            if type(value) is dict:
                return struct(value)
            if shape == t.SCHEMA_OR_BOOL:
                if type(value) is bool:
                    return value
                raise Surprise
            if type(value) is not list or not value:
                return nothing
            return many(value) if shape == t.SCHEMA_OR_LIST else strings(value)

        return decode

    @staticmethod
    def _list_of_strings(value: list[Any]) -> list[Any]:
        for index, old in enumerate(value):
            if old is None:
                value[index] = ""
            elif type(old) is not str:
                raise Surprise
        return value
