"""The standard macros: has, the one- and two-variable loops, cel.bind, optMap and optFlatMap.

`environment` gives these to the parser, with those of the libraries. Each rewrites a call into the nodes cel-go makes
of it, so that costs agree. Behaviour: cel-go parser/macro.go, ext/bindings.go, ext/comprehensions.go, cel/library.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.cel.ast import (
    ACCUMULATOR,
    Call,
    Comprehension,
    Constant,
    Entry,
    Ident,
    ListExpr,
    MapExpr,
    Node,
    Select,
    StructExpr,
    StructField,
)
from orlop.cel.functions import Expander, Macro
from orlop.cel.macro_scope import MacroError, MacroScope

UNUSED: Final = "#unused"


def _name(node: Node, message: str) -> str:
    if not isinstance(node, Ident):
        raise MacroError(message, node)
    return node.name


def _loop_name(node: Node, message: str = "argument must be a simple name") -> str:
    name = _name(node, message)
    if name == ACCUMULATOR:
        raise MacroError("iteration variable overwrites accumulator variable", node)
    return name


def _loop_names(args: Sequence[Node], two: bool) -> tuple[str, str]:
    if not two:
        return _loop_name(args[0]), ""
    names = [_name(arg, "argument must be a simple name") for arg in args[:2]]
    if names[0] == names[1]:
        raise MacroError(f"duplicate variable name: {names[0]}", args[1])
    return _loop_name(args[0]), _loop_name(args[1])


def _has(make: MacroScope, target: Node | None, args: Sequence[Node]) -> Node:
    chosen = args[0]
    if not isinstance(chosen, Select):
        raise MacroError("invalid argument to has() macro", chosen)
    return make.select(chosen.operand, chosen.field, test_only=True)


def _all(two: bool) -> Expander:
    def expand(make: MacroScope, target: Node | None, args: Sequence[Node]) -> Node:
        assert target is not None
        names = _loop_names(args, two)
        init = make.constant(True)
        condition = make.call("@not_strictly_false", make.accu())
        step = make.call("_&&_", make.accu(), args[-1])
        return make.fold(target, names, ACCUMULATOR, (init, condition, step, make.accu()))

    return expand


def _exists(two: bool) -> Expander:
    def expand(make: MacroScope, target: Node | None, args: Sequence[Node]) -> Node:
        assert target is not None
        names = _loop_names(args, two)
        init = make.constant(False)
        condition = make.call("@not_strictly_false", make.call("!_", make.accu()))
        step = make.call("_||_", make.accu(), args[-1])
        return make.fold(target, names, ACCUMULATOR, (init, condition, step, make.accu()))

    return expand


def _exists_one(two: bool) -> Expander:
    def expand(make: MacroScope, target: Node | None, args: Sequence[Node]) -> Node:
        assert target is not None
        names = _loop_names(args, two)
        init = make.constant(0)
        condition = make.constant(True)
        step = make.call("_?_:_", args[-1], make.call("_+_", make.accu(), make.constant(1)), make.accu())
        result = make.call("_==_", make.accu(), make.constant(1))
        return make.fold(target, names, ACCUMULATOR, (init, condition, step, result))

    return expand


def _collect(make: MacroScope, target: Node, names: tuple[str, str], rest: Sequence[Node]) -> Node:
    """A list of the last of `rest`, of those that meet the first where there are two."""
    init = make.list()
    condition = make.constant(True)
    step = make.call("_+_", make.accu(), make.list(rest[-1]))
    if len(rest) == 2:
        step = make.call("_?_:_", rest[0], step, make.accu())
    return make.fold(target, names, ACCUMULATOR, (init, condition, step, make.accu()))


def _map(make: MacroScope, target: Node | None, args: Sequence[Node]) -> Node:
    assert target is not None
    return _collect(make, target, (_loop_name(args[0], "argument is not an identifier"), ""), args[1:])


def _filter(make: MacroScope, target: Node | None, args: Sequence[Node]) -> Node:
    assert target is not None
    name = _loop_name(args[0], "argument is not an identifier")
    return _collect(make, target, (name, ""), (args[1], args[0]))


def _transform_list(make: MacroScope, target: Node | None, args: Sequence[Node]) -> Node:
    assert target is not None
    return _collect(make, target, _loop_names(args, True), args[2:])


def _transform_map(keyed: bool) -> Expander:
    def expand(make: MacroScope, target: Node | None, args: Sequence[Node]) -> Node:
        assert target is not None
        names = _loop_names(args, True)
        inserted = (make.ident(names[0]), args[-1]) if keyed else (args[-1],)
        step = make.call("cel.@mapInsert", make.accu(), *inserted)
        if len(args) == 4:
            step = make.call("_?_:_", args[2], step, make.accu())
        parts = (make.map(), make.constant(True), step, make.accu())
        return make.fold(target, names, ACCUMULATOR, parts)

    return expand


def _bind(make: MacroScope, target: Node | None, args: Sequence[Node]) -> Node | None:
    if not (isinstance(target, Ident) and target.name == "cel"):
        return None
    name = _name(args[0], "cel.bind() variable names must be simple identifiers")
    return _let(make, name, args[1], args[2])


def _let(make: MacroScope, name: str, value: Node, result: Node) -> Node:
    """A fold over nothing whose accumulator is the bound name."""
    parts = (value, make.constant(False), make.ident(name), result)
    return make.fold(make.list(), (UNUSED, ""), name, parts)


def _opt_map(flat: bool) -> Expander:
    called = "optFlatMap" if flat else "optMap"

    def expand(make: MacroScope, target: Node | None, args: Sequence[Node]) -> Node:
        assert target is not None
        name = _name(args[0], f"{called}() variable name must be a simple identifier")
        bound = _let(make, name, make.member("value", copied(make, target)), args[1])
        mapped = bound if flat else make.call("optional.of", bound)
        return make.call("_?_:_", make.member("hasValue", target), mapped, make.call("optional.none"))

    return expand


def copied(make: MacroScope, node: Node) -> Node:
    """The same expression at the same place, with ids of its own."""
    make = make.placed_as(node)
    match node:
        case Constant():
            return make.constant(node.value)
        case Ident():
            return make.ident(node.name)
        case Select():
            return make.select(copied(make, node.operand), node.field, node.test_only)
        case Call():
            args = [copied(make, arg) for arg in node.args]
            if node.target is None:
                return make.call(node.function, *args)
            return make.member(node.function, copied(make, node.target), *args)
        case ListExpr():
            listed = make.list(*(copied(make, element) for element in node.elements))
            assert isinstance(listed, ListExpr)
            listed.optional = node.optional
            return listed
        case MapExpr():
            entries = [
                Entry(make.constant(None).id, copied(make, e.key), copied(make, e.value), e.optional)
                for e in node.entries
            ]
            return MapExpr(make.constant(None).id, entries)
        case StructExpr():
            fields = [
                StructField(make.constant(None).id, f.name, copied(make, f.value), f.optional) for f in node.fields
            ]
            return StructExpr(make.constant(None).id, node.type_name, fields)
        case Comprehension():
            parts = (
                copied(make, node.accu_init),
                copied(make, node.loop_condition),
                copied(make, node.loop_step),
                copied(make, node.result),
            )
            names = (node.iter_var, node.iter_var2)
            return make.fold(copied(make, node.iter_range), names, node.accu_var, parts)


STANDARD: Final[tuple[Macro, ...]] = (
    Macro("has", False, 1, _has),
    Macro("all", True, 2, _all(False)),
    Macro("all", True, 3, _all(True)),
    Macro("exists", True, 2, _exists(False)),
    Macro("exists", True, 3, _exists(True)),
    Macro("exists_one", True, 2, _exists_one(False)),
    Macro("exists_one", True, 3, _exists_one(True)),
    Macro("existsOne", True, 2, _exists_one(False)),
    Macro("existsOne", True, 3, _exists_one(True)),
    Macro("map", True, 2, _map),
    Macro("map", True, 3, _map),
    Macro("filter", True, 2, _filter),
    Macro("transformList", True, 3, _transform_list),
    Macro("transformList", True, 4, _transform_list),
    Macro("transformMap", True, 3, _transform_map(True)),
    Macro("transformMap", True, 4, _transform_map(True)),
    Macro("transformMapEntry", True, 3, _transform_map(False)),
    Macro("transformMapEntry", True, 4, _transform_map(False)),
    Macro("optMap", True, 2, _opt_map(False)),
    Macro("optFlatMap", True, 2, _opt_map(True)),
)
"""What Kubernetes' environments have."""

BIND: Final = Macro("bind", True, 3, _bind)
"""cel.bind, which Kubernetes does not configure: `undeclared reference to 'bind'` there."""
