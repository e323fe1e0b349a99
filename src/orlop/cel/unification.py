"""Assignability of types, with type parameters bound on the way.

The checker asks here whether arguments fit an overload and whether elements agree. `Bindings` only ever grow by a whole
successful question. Behaviour: cel-go checker/types.go and checker/mapping.go.
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.cel.types import DYN, Kind, Type, list_of, map_of, opaque, type_of

Bindings = dict[Type, Type]

_NULLABLE = frozenset((Kind.OPAQUE, Kind.OBJECT, Kind.ANY, Kind.DURATION, Kind.TIMESTAMP))
_PLAIN = frozenset(
    (Kind.BOOL, Kind.BYTES, Kind.DOUBLE, Kind.INT, Kind.STRING, Kind.UINT, Kind.ANY, Kind.DURATION, Kind.TIMESTAMP)
) | {Kind.OBJECT}
_NESTED = frozenset((Kind.OPAQUE, Kind.LIST, Kind.MAP))


def is_dyn(type_: Type) -> bool:
    """Whether the type is dyn or any."""
    return type_.kind in (Kind.DYN, Kind.ANY)


def is_dyn_or_error(type_: Type) -> bool:
    """Whether the type says nothing, or comes from an error reported before."""
    return type_.kind in (Kind.DYN, Kind.ANY, Kind.ERROR)


def unwrapped_optional(type_: Type) -> tuple[Type, bool]:
    """What an optional type wraps, and whether it was one."""
    if type_.kind is Kind.OPAQUE and type_.name == "optional_type":
        return type_.parameters[0], True
    return type_, False


def assignable(bindings: Bindings, left: Type, right: Type) -> Bindings | None:
    """The bindings with which `left` can stand for `right`; None where it cannot."""
    copy = dict(bindings)
    return copy if _assignable(copy, left, right) else None


def all_assignable(bindings: Bindings, left: Sequence[Type], right: Sequence[Type]) -> Bindings | None:
    """`assignable` for types side by side."""
    copy = dict(bindings)
    return copy if _list_assignable(copy, left, right) else None


def _list_assignable(bindings: Bindings, left: Sequence[Type], right: Sequence[Type]) -> bool:
    return len(left) == len(right) and all(_assignable(bindings, a, b) for a, b in zip(left, right, strict=True))


def _assignable(bindings: Bindings, left: Type, right: Type) -> bool:
    if right.kind is Kind.PARAM:
        valid, bound = _substitutes(bindings, left, right)
        if valid or bound:
            return valid
    if left.kind is Kind.PARAM:
        return _substitutes(bindings, right, left)[0]
    if is_dyn_or_error(left) or is_dyn_or_error(right):
        return True
    if left.kind is Kind.NULL:
        return _takes_null(right)
    if right.kind is Kind.NULL:
        return _takes_null(left)
    if left.kind in _PLAIN:
        return _plain_assignable(left, right)
    if left.kind is Kind.TYPE:
        return right.kind is Kind.TYPE
    if left.kind in _NESTED:
        return (
            left.kind is right.kind
            and left.name == right.name
            and _list_assignable(bindings, left.parameters, right.parameters)
        )
    return False


def _takes_null(type_: Type) -> bool:
    return type_.kind in _NULLABLE or type_.nullable or type_.kind is Kind.NULL


def _plain_assignable(left: Type, right: Type) -> bool:
    return left.kind is right.kind and left.name == right.name


def _substitutes(bindings: Bindings, type_: Type, parameter: Type) -> tuple[bool, bool]:
    """Whether `type_` may be what the parameter stands for, and whether the parameter is bound already."""
    if type_ == parameter:
        return True, True
    bound = bindings.get(parameter)
    if bound is not None:
        if type_ == bound:
            return True, True
        if _assignable(bindings, type_, bound):
            general = most_general(type_, bound)
            if _free_of(bindings, parameter, general):
                bindings[parameter] = general
            return True, True
        return False, True
    if _free_of(bindings, parameter, type_):
        bindings[parameter] = type_
        return True, False
    return False, False


def _free_of(bindings: Bindings, parameter: Type, within: Type) -> bool:
    """Whether the parameter does not occur within a type."""
    if parameter == within:
        return False
    if within.kind is Kind.PARAM:
        bound = bindings.get(within)
        return bound is None or _free_of(bindings, parameter, bound)
    return all(_free_of(bindings, parameter, inner) for inner in within.parameters)


def most_general(left: Type, right: Type) -> Type:
    """The less specific of two types that unify."""
    return left if _less_specific(left, right) else right


def _less_specific(left: Type, right: Type) -> bool:
    if is_dyn(left) or left.kind is Kind.PARAM:
        return True
    if is_dyn(right) or right.kind is Kind.PARAM or left.kind is not right.kind:
        return False
    if left.kind is Kind.TYPE:
        return True
    if left.kind in _NESTED:
        return (
            left.name == right.name
            and len(left.parameters) == len(right.parameters)
            and all(_less_specific(a, b) for a, b in zip(left.parameters, right.parameters, strict=True))
        )
    return left == right


def substituted(bindings: Bindings, type_: Type, to_dyn: bool = False) -> Type:
    """A type with bound parameters replaced, and unbound ones by dyn if asked."""
    bound = bindings.get(type_)
    if bound is not None:
        return substituted(bindings, bound, to_dyn)
    kind = type_.kind
    if kind is Kind.PARAM:
        return DYN if to_dyn else type_
    if not type_.parameters:
        return type_
    inner = [substituted(bindings, parameter, to_dyn) for parameter in type_.parameters]
    if kind is Kind.LIST:
        return list_of(inner[0])
    if kind is Kind.MAP:
        return map_of(inner[0], inner[1])
    if kind is Kind.TYPE:
        return type_of(inner[0])
    return opaque(type_.name, *inner)
