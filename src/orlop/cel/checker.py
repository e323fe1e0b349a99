"""Types for every node: identifiers resolved, overloads chosen, mistakes reported.

`environment` calls `check` with what the parser made; validators, the compiler and the static cost read the result.
Qualified names become one `Ident` in place. Behaviour: cel-go checker/checker.go and checker/errors.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from orlop.cel import types as t
from orlop.cel.ast import (
    Call,
    Checked,
    Comprehension,
    Constant,
    Ident,
    ListExpr,
    MapExpr,
    Node,
    Parsed,
    Reference,
    Select,
    StructExpr,
)
from orlop.cel.functions import Function
from orlop.cel.issues import Issues
from orlop.cel.types import Kind, Type
from orlop.cel.unification import (
    Bindings,
    all_assignable,
    assignable,
    is_dyn,
    is_dyn_or_error,
    most_general,
    substituted,
    unwrapped_optional,
)
from orlop.cel.values import Uint

_LITERALS: Final = {
    bool: t.BOOL, int: t.INT, Uint: t.UINT, float: t.DOUBLE, str: t.STRING, bytes: t.BYTES, type(None): t.NULL,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Declarations:
    """What expressions may name: functions, and identifiers with the reference they resolve to."""

    functions: Mapping[str, Function]
    idents: Mapping[str, tuple[Type, Reference]]


def check(parsed: Parsed, declarations: Declarations, issues: Issues) -> Checked | None:
    """The types and references of a parsed expression; None where there are issues. Rewrites the tree in place."""
    run = _Checker(parsed, declarations, issues)
    root = run.check(parsed.root)
    parsed.root = root
    if issues.count:
        return None
    types = {node: substituted(run.bindings, found, True) for node, found in run.types.items()}
    return Checked(parsed, root, types, run.references)


def qualified_name(node: Node) -> str | None:
    """`a.b.c` as one name, if the node is nothing more."""
    if isinstance(node, Ident):
        return node.name
    if isinstance(node, Select) and not node.test_only:
        prefix = qualified_name(node.operand)
        return None if prefix is None else f"{prefix}.{node.field}"
    return None


class _Checker:
    """One pass; `scopes` are the variables of the comprehensions around the node at hand, innermost last."""

    def __init__(self, parsed: Parsed, declarations: Declarations, issues: Issues) -> None:
        self.positions = parsed.positions
        self.functions = declarations.functions
        self.idents = declarations.idents
        self.issues = issues
        self.bindings: Bindings = {}
        self.types: dict[int, Type] = {}
        self.references: dict[int, Reference] = {}
        self.scopes: list[dict[str, Type]] = []
        self._fresh = 0

    def _error(self, identity: int, message: str) -> None:
        self.issues.at(self.positions.get(identity, 0), message)

    def _undeclared(self, identity: int, name: str) -> None:
        self._error(identity, f"undeclared reference to '{name}' (in container '')")

    def _mismatch(self, identity: int, expected: Type, found: Type) -> None:
        self._error(identity, f"expected type '{expected}' but found '{found}'")

    def _assign(self, left: Type, right: Type) -> bool:
        bindings = assignable(self.bindings, left, right)
        if bindings is None:
            return False
        self.bindings = bindings
        return True

    def _type_variable(self) -> Type:
        self._fresh += 1
        return t.param(f"_var{self._fresh - 1}")

    def check(self, node: Node) -> Node:
        """Checks a node and returns it, or what it turned out to be."""
        match node:
            case Constant():
                self.types[node.id] = _LITERALS[type(node.value)]
            case Ident():
                return self._ident(node)
            case Select():
                return self._select(node)
            case Call():
                self._call(node)
            case ListExpr():
                self._list(node)
            case MapExpr():
                self._map(node)
            case StructExpr():
                self._struct(node)
            case Comprehension():
                self._comprehension(node)
        return node

    def _lookup(self, name: str) -> tuple[str, Type, Reference] | None:
        name = name.removeprefix(".")
        for scope in reversed(self.scopes):
            local = scope.get(name)
            if local is not None:
                return name, local, Reference(name)
        declared = self.idents.get(name)
        return None if declared is None else (name, *declared)

    def _ident(self, node: Ident) -> Node:
        found = self._lookup(node.name)
        if found is None:
            self.types[node.id] = t.ERROR
            self._undeclared(node.id, node.name)
            return node
        return self._resolved(node.id, found)

    def _resolved(self, identity: int, found: tuple[str, Type, Reference]) -> Node:
        self.types[identity] = found[1]
        self.references[identity] = found[2]
        return Ident(identity, found[0])

    def _select(self, node: Select) -> Node:
        name = qualified_name(node)
        found = self._lookup(name) if name is not None else None
        if found is not None:
            return self._resolved(node.id, found)
        node.operand = self.check(node.operand)
        result = self._field(node.id, node.operand, node.field, False)
        self.types[node.id] = t.BOOL if node.test_only else substituted(self.bindings, result)
        return node

    def _optional_select(self, node: Call) -> None:
        name = node.args[1]
        node.args[0] = self.check(node.args[0])
        assert isinstance(name, Constant)
        result = self._field(node.id, node.args[0], name.value, True)
        self.types[node.id] = substituted(self.bindings, result)
        self.references[node.id] = Reference(overloads=("select_optional_field",))

    def _field(self, identity: int, operand: Node, name: str, optional: bool) -> Type:
        """The type of `operand.name`; the operand is checked already."""
        whole = substituted(self.bindings, self.types[operand.id])
        target, wrapped = unwrapped_optional(whole)
        if target.kind is Kind.MAP:
            result = target.parameters[1]
        elif target.kind is Kind.OBJECT:
            field = target.fields.get(name)
            result = t.ERROR if field is None else field
            if field is None:
                self._error(identity, f"undefined field '{name}'")
        elif target.kind is Kind.PARAM:
            self._assign(t.DYN, target)
            result = t.DYN
        else:
            if not is_dyn_or_error(target):
                self._error(identity, f"type '{target}' does not support field selection")
            result = t.DYN
        return t.optional_of(result) if wrapped or optional else result

    def _call(self, node: Call) -> None:
        if node.function == "_?._":
            self._optional_select(node)
            return
        node.args = [self.check(arg) for arg in node.args]
        if node.target is not None:
            prefix = qualified_name(node.target)
            named = None if prefix is None else self.functions.get(f"{prefix}.{node.function}".removeprefix("."))
            if named is not None:
                node.function, node.target = named.name, None
                self._overload(node, named)
                return
            node.target = self.check(node.target)
        function = self.functions.get(node.function.removeprefix("."))
        if function is None:
            self.types[node.id] = t.ERROR
            self._undeclared(node.id, node.function)
            return
        node.function = function.name
        self._overload(node, function)

    def _overload(self, node: Call, function: Function) -> None:
        args = node.args if node.target is None else [node.target, *node.args]
        found = [self.types[arg.id] for arg in args]
        if function.name in ("_&&_", "_||_"):
            self._logic(node, found, function.overloads[0].id)
            return
        result: Type | None = None
        chosen: list[str] = []
        member = node.target is not None
        for overload in function.overloads:
            if overload.member is not member:
                continue
            candidates, produced = self._instantiated(overload.args, overload.result)
            bindings = all_assignable(self.bindings, found, candidates)
            if bindings is None:
                continue
            self.bindings = bindings
            chosen.append(overload.id)
            produced = substituted(bindings, produced)
            if result is None:
                result = produced
            elif not is_dyn(result) and produced != result:
                result = t.DYN
        if result is None:
            self.types[node.id] = t.ERROR
            self._no_overload(node, found)
            return
        self.types[node.id] = result
        self.references[node.id] = Reference(overloads=tuple(chosen))

    def _no_overload(self, node: Call, found: Sequence[Type]) -> None:
        shown = [str(substituted(self.bindings, one, True)) for one in found]
        if node.target is not None:
            signature = f"{shown[0]}.({', '.join(shown[1:])})"
        else:
            signature = f"({', '.join(shown)})"
        self._error(node.id, f"found no matching overload for '{node.function}' applied to '{signature}'")

    def _logic(self, node: Call, found: Sequence[Type], overload: str) -> None:
        good = True
        for arg, one in zip(node.args, found, strict=True):
            if not self._assign(one, t.BOOL):
                self._mismatch(arg.id, t.BOOL, one)
                good = False
        self.types[node.id] = t.BOOL if good else t.ERROR
        if good:
            self.references[node.id] = Reference(overloads=(overload,))

    def _instantiated(self, args: tuple[Type, ...], result: Type) -> tuple[list[Type], Type]:
        """An overload's types with type variables of their own."""
        names: dict[Type, None] = {}
        for one in (*args, result):
            _collect_parameters(one, names)
        if not names:
            return list(args), result
        fresh: Bindings = {name: self._type_variable() for name in names}
        return [substituted(fresh, one) for one in args], substituted(fresh, result)

    def _join(self, previous: Type | None, current: Type) -> Type:
        if previous is None:
            return current
        if self._assign(previous, current):
            return most_general(previous, current)
        return t.DYN  # the validators report it, as upstream's environment leaves it to them

    def _unwrapped(self, node: Node, found: Type) -> Type:
        inner, optional = unwrapped_optional(found)
        if not optional and not is_dyn(found):
            self._mismatch(node.id, t.optional_of(found), found)
        return inner

    def _list(self, node: ListExpr) -> None:
        joined: Type | None = None
        for index, element in enumerate(node.elements):
            element = node.elements[index] = self.check(element)
            found = self.types[element.id]
            if index in node.optional:
                found = self._unwrapped(element, found)
            joined = self._join(joined, found)
        self.types[node.id] = t.list_of(self._type_variable() if joined is None else joined)

    def _map(self, node: MapExpr) -> None:
        keys: Type | None = None
        values: Type | None = None
        for entry in node.entries:
            entry.key = self.check(entry.key)
            keys = self._join(keys, self.types[entry.key.id])
            entry.value = self.check(entry.value)
            found = self.types[entry.value.id]
            if entry.optional:
                found = self._unwrapped(entry.value, found)
            values = self._join(values, found)
        if keys is None or values is None:
            keys, values = self._type_variable(), self._type_variable()
        self.types[node.id] = t.map_of(keys, values)

    def _struct(self, node: StructExpr) -> None:
        found = self._lookup(node.type_name)
        if found is None:
            self._undeclared(node.id, node.type_name)
            self.types[node.id] = t.ERROR
            return
        name, ident, _ = found
        self.types[node.id] = t.ERROR
        self.references[node.id] = Reference(name)
        made = t.ERROR
        if ident.kind is not Kind.TYPE:
            self._error(node.id, f"'{_declared_name(ident)}' is not a type")
        elif ident.parameters and ident.parameters[0].kind is Kind.OBJECT:
            made = self.types[node.id] = ident.parameters[0]
        else:
            shown = _declared_name(ident.parameters[0]) if ident.parameters else "type"
            self._error(node.id, f"'{shown}' is not a message type")
        for field in node.fields:
            field.value = self.check(field.value)
            given = self.types[field.value.id]
            if field.optional:
                given = self._unwrapped(field.value, given)
            self._struct_field(made, field.id, field.name, given)

    def _struct_field(self, made: Type, identity: int, name: str, found: Type) -> None:
        if made.kind is not Kind.OBJECT:
            return
        expected = made.fields.get(name)
        if expected is None:
            self._error(identity, f"undefined field '{name}'")
            return
        if not self._assign(expected, found):
            words = f"expected type of field '{name}' is '{expected}' but provided type is '{found}'"
            self._error(identity, words)

    def _comprehension(self, node: Comprehension) -> None:
        node.iter_range = self.check(node.iter_range)
        node.accu_init = self.check(node.accu_init)
        accu = self.types[node.accu_init.id]
        first, second = self._element_types(node)
        self.scopes.append({node.accu_var: accu})
        names = {node.iter_var: first}
        if node.iter_var2:
            names[node.iter_var2] = second
        self.scopes.append(names)
        node.loop_condition = self.check(node.loop_condition)
        self._expect(node.loop_condition, t.BOOL)
        node.loop_step = self.check(node.loop_step)
        self._expect(node.loop_step, accu)
        self.scopes.pop()
        node.result = self.check(node.result)
        self.scopes.pop()
        self.types[node.id] = substituted(self.bindings, self.types[node.result.id])

    def _element_types(self, node: Comprehension) -> tuple[Type, Type]:
        """The types of the loop's variables."""
        range_type = substituted(self.bindings, self.types[node.iter_range.id])
        if range_type.kind is Kind.LIST:
            element = range_type.parameters[0]
            return (t.INT, element) if node.iter_var2 else (element, element)
        if range_type.kind is Kind.MAP:
            return range_type.parameters[0], range_type.parameters[1]
        if range_type.kind in (Kind.DYN, Kind.ERROR, Kind.PARAM):
            self._assign(t.DYN, range_type)
            return t.DYN, t.DYN
        words = f"expression of type '{range_type}' cannot be range of a comprehension (must be list, map, or dynamic)"
        self._error(node.iter_range.id, words)
        return t.ERROR, t.ERROR

    def _expect(self, node: Node, expected: Type) -> None:
        found = self.types[node.id]
        if not self._assign(expected, found):
            self._mismatch(node.id, expected, found)


def _collect_parameters(type_: Type, into: dict[Type, None]) -> None:
    if type_.kind is Kind.PARAM:
        into[type_] = None
    for inner in type_.parameters:
        _collect_parameters(inner, into)


def _declared_name(type_: Type) -> str:
    return f"wrapper({type_.name})" if type_.nullable else type_.name
