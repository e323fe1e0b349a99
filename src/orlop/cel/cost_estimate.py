"""The static cost of a checked expression: at least and at most so much, whatever the variables hold.

Validation of rules asks it before anything runs ("estimated rule cost exceeds budget"); `cost_calls` prices the calls,
`cost_sizes` says how large values can be. Every node is visited once, left to right. Behaviour: cel-go
checker/cost.go with `PresenceTestHasCost(false)`, as Kubernetes sets it.
"""

from __future__ import annotations

from typing import NamedTuple

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
    Select,
    StructExpr,
)
from orlop.cel.cost_calls import CallCost, call_cost
from orlop.cel.cost_range import EMPTY, NOTHING, ONE, UNKNOWN, Estimate, fixed
from orlop.cel.cost_runtime import LIST_CREATION, MAP_CREATION, STRUCT_CREATION
from orlop.cel.cost_sizes import NOWHERE, Path, SizedNode, Sizes, no_sizes
from orlop.cel.types import Kind, Type

_ACCUMULATORS = ("__result__", "@result")
_SCALARS = frozenset((Kind.BOOL, Kind.DOUBLE, Kind.DURATION, Kind.INT, Kind.TIMESTAMP, Kind.UINT))
_SELECTED = frozenset((Kind.MAP, Kind.OBJECT, Kind.PARAM))


class _Entries(NamedTuple):
    """The sizes of a container's keys and values."""

    kind: Kind
    key: Estimate
    value: Estimate

    def union(self, other: _Entries) -> _Entries:
        return _Entries(self.kind, self.key.union(other.key), self.value.union(other.value))


class _Local(NamedTuple):
    """A variable of a loop or a binding."""

    path: Path
    size: Estimate | None
    entries: _Entries | None


def estimate(checked: Checked, sizes: Sizes = no_sizes) -> Estimate:
    """The cost of evaluating `checked` once."""
    return _Coster(checked, sizes).cost(checked.root)


class _Coster:
    """One estimation: remembers paths and sizes of the nodes seen so far."""

    def __init__(self, checked: Checked, sizes: Sizes) -> None:
        self._types = checked.types
        self._references = checked.references
        self._size_of = sizes
        self._paths: dict[int, Path] = {}
        self._sizes: dict[int, Estimate] = {}
        self._entries: dict[int, _Entries] = {}
        self._locals: dict[str, list[_Local]] = {}

    def cost(self, node: Node) -> Estimate:
        match node:
            case Constant():
                return NOTHING
            case Ident():
                local = self._local(node.name)
                self._paths[node.id] = local.path if local is not None else Path.of(node.name)
                return ONE
            case Select():
                return self._select(node)
            case Call():
                return self._call(node)
            case ListExpr():
                return self._list(node)
            case MapExpr():
                return self._map(node)
            case StructExpr():
                total = NOTHING
                for field in node.fields:
                    total = total.plus(self.cost(field.value))
                return total.plus(fixed(STRUCT_CREATION))
            case Comprehension():
                return self._bind(node) if _is_bind(node) else self._comprehension(node)

    def _select(self, node: Select) -> Estimate:
        total = self.cost(node.operand)
        if node.test_only:
            return total
        if self._type(node.operand).kind in _SELECTED:
            total = total.plus(ONE)
        self._paths[node.id] = self._path(node.operand).plus(node.field)
        return total

    def _list(self, node: ListExpr) -> Estimate:
        total = NOTHING
        items = EMPTY if node.elements else NOTHING
        for element in node.elements:
            total = total.plus(self.cost(element))
            items = items.union(self._size(element) or UNKNOWN)
        self._entries[node.id] = _Entries(Kind.LIST, ONE, items)
        return total.plus(fixed(LIST_CREATION))

    def _map(self, node: MapExpr) -> Estimate:
        total = NOTHING
        keys = values = EMPTY if node.entries else NOTHING
        for entry in node.entries:
            total = total.plus(self.cost(entry.key)).plus(self.cost(entry.value))
            keys = keys.union(self._size(entry.key) or UNKNOWN)
            values = values.union(self._size(entry.value) or UNKNOWN)
        self._entries[node.id] = _Entries(Kind.MAP, keys, values)
        return total.plus(fixed(MAP_CREATION))

    def _call(self, node: Call) -> Estimate:
        if node.function == "dyn":
            inner = self.cost(node.args[0])
            self._copy_sizes(node, node.args[0])
            return ONE.plus(inner)
        costs, args = [], []
        for arg in node.args:
            costs.append(self.cost(arg))
            args.append(self._sized(arg))
        reference = self._references.get(node.id)
        overloads = reference.overloads if reference is not None else ()
        if not overloads:
            return NOTHING
        total, target = NOTHING, None
        if node.target is not None:
            total = self.cost(node.target)
            target = self._sized(node.target)
        spread, size = EMPTY, None
        for overload in overloads:
            priced = self._overload(node, overload, target, args, costs)
            spread = spread.union(priced.cost)
            if priced.size is not None:
                size = priced.size if size is None else size.union(priced.size)
            if overload in ("index_list", "index_map") and node.args:
                entries = self._entry_sizes(node.args[0])
                size = entries.value if entries is not None else None
                step = "@items" if overload == "index_list" else "@values"
                self._paths[node.id] = self._path(node.args[0]).plus(step)
            if size is None:
                size = self._size(node)
        if size is not None:
            self._sizes[node.id] = size
        return total.plus(spread)

    def _overload(
        self, node: Call, overload: str, target: SizedNode | None, args: list[SizedNode], costs: list[Estimate]
    ) -> CallCost:
        """The price of one overload with that of its arguments."""
        if overload in ("logical_or", "logical_and"):
            left, right = costs
            return CallCost(Estimate(left.low, left.plus(right).high))
        if overload == "conditional":
            one, other = self._entry_sizes(node.args[1]), self._entry_sizes(node.args[2])
            if one is not None and other is not None:
                self._entries[node.id] = one.union(other)
            return CallCost(costs[0].plus(costs[1].union(costs[2])), args[1].own_size.union(args[2].own_size))
        if overload in ("add_string", "add_bytes", "add_list") and len(args) == 2:
            one, other = self._entry_sizes(node.args[0]), self._entry_sizes(node.args[1])
            if one is not None and other is not None:
                self._entries[node.id] = one.union(other)
        priced = call_cost(node.function, overload, target, args, self._size_of)
        total = priced.cost
        for cost in costs:
            total = total.plus(cost)
        return CallCost(total, priced.size)

    def _comprehension(self, node: Comprehension) -> Estimate:
        total = self.cost(node.iter_range).plus(self.cost(node.accu_init))
        self._push_value(node.accu_var, node.accu_init)
        self._push_items(node)
        each = self.cost(node.loop_condition)
        each = self.cost(node.loop_step).plus(each)
        self._locals[node.iter_var].pop()
        if node.iter_var2:
            self._locals[node.iter_var2].pop()
        total = total.plus(self.cost(node.result))
        self._locals[node.accu_var].pop()
        count = self._size(node.iter_range) or UNKNOWN
        total = total.plus(count.times(each))
        if isinstance(node.accu_init, Constant):
            size = self._size(node.accu_init)
            if size is not None:
                self._sizes[node.id] = size
        elif isinstance(node.accu_init, (ListExpr, MapExpr)):
            self._sizes[node.id] = count
            entries = self._entry_sizes(node.loop_step)
            if entries is not None:
                self._entries[node.id] = entries
        return total

    def _bind(self, node: Comprehension) -> Estimate:
        total = self.cost(node.iter_range).plus(self.cost(node.accu_init))
        self._push_value(node.accu_var, node.accu_init)
        total = total.plus(self.cost(node.result))
        self._locals[node.accu_var].pop()
        self._copy_sizes(node, node.result)
        return total

    def _push(self, name: str, local: _Local) -> None:
        self._locals.setdefault(name, []).append(local)

    def _push_value(self, name: str, node: Node) -> None:
        path, entries = self._path(node), self._entry_sizes(node)
        self._push(name, _Local(path, self._size(node), entries))

    def _push_items(self, node: Comprehension) -> None:
        """The variables of a loop over `iter_range`."""
        entries, path = self._entry_sizes(node.iter_range), self._path(node.iter_range)
        kind = entries.kind if entries is not None else self._type(node.iter_range).kind
        key = entries.key if entries is not None else None
        value = entries.value if entries is not None else None
        is_list = kind is Kind.LIST
        if node.iter_var2:
            self._push(node.iter_var, _Local(path.plus("@indices" if is_list else "@keys"), key, None))
            self._push(node.iter_var2, _Local(path.plus("@items" if is_list else "@values"), value, None))
        elif is_list:
            self._push(node.iter_var, _Local(path.plus("@items"), value, None))
        else:
            self._push(node.iter_var, _Local(path.plus("@keys"), key, None))

    def _local(self, name: str) -> _Local | None:
        stack = self._locals.get(name)
        return stack[-1] if stack else None

    def _type(self, node: Node) -> Type:
        return self._types.get(node.id, t.DYN)

    def _path(self, node: Node) -> Path:
        if isinstance(node, Ident):
            local = self._local(node.name)
            if local is not None:
                return local.path
        return self._paths.get(node.id, NOWHERE)

    def _sized(self, node: Node) -> SizedNode:
        path = self._path(node)
        if path.steps()[:1] in ([name] for name in _ACCUMULATORS):
            path = NOWHERE
        return SizedNode(path, self._type(node), node, self._size(node))

    def _copy_sizes(self, node: Node, source: Node) -> None:
        size, entries = self._size(source), self._entry_sizes(source)
        if size is not None:
            self._sizes[node.id] = size
        if entries is not None:
            self._entries[node.id] = entries

    def _size(self, node: Node) -> Estimate | None:
        """What is known of a node's size: from the expression, from `sizes`, or from its type."""
        known = self._sizes.get(node.id) or _literal_size(node)
        if known is not None:
            return known
        type_ = self._type(node)
        asked = self._size_of(self._path(node).steps(), type_)
        if asked is not None:
            self._sizes[node.id] = asked
            return asked
        if _is_scalar(type_):
            return ONE
        if isinstance(node, Ident):
            local = self._local(node.name)
            return local.size if local is not None else None
        return None

    def _entry_sizes(self, node: Node) -> _Entries | None:
        known = self._entries.get(node.id)
        if known is None and isinstance(node, Ident):
            local = self._local(node.name)
            return local.entries if local is not None else None
        return known


def _is_bind(node: Comprehension) -> bool:
    """Whether this is `cel.bind`: a loop over nothing."""
    condition = node.loop_condition
    return (
        isinstance(node.iter_range, ListExpr)
        and not node.iter_range.elements
        and isinstance(condition, Constant)
        and condition.value is False
        and node.accu_var != _ACCUMULATORS[0]
    )


def _literal_size(node: Node) -> Estimate | None:
    if isinstance(node, Constant):
        return fixed(len(node.value)) if isinstance(node.value, (str, bytes)) else ONE
    if isinstance(node, ListExpr):
        return fixed(len(node.elements))
    return fixed(len(node.entries)) if isinstance(node, MapExpr) else None


def _is_scalar(type_: Type) -> bool:
    if type_.kind is Kind.OPAQUE and type_.name == "optional_type":
        return _is_scalar(type_.parameters[0])
    return type_.kind in _SCALARS
