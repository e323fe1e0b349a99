"""The fast build: closures specialised by the checked types, without cost and with errors as exceptions.

`program` runs it first. It yields what the tracked build (`exact`) yields; where it fails in any way its caller asks
the tracked build for the words, so a step may raise whatever Python raises (KeyError for an absent key, TypeError for a
value of another type). `fast_calls` holds the operators, `fast_loops` the comprehensions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from orlop.cel.ast import Call, Checked, Comprehension, Constant, Ident, ListExpr, MapExpr, Node, Select, StructExpr
from orlop.cel.exact import Exact
from orlop.cel.functions import Function
from orlop.cel.scopes import Flow, Slots, field_of
from orlop.cel.standard import index_of, index_optional
from orlop.cel.types import Declared, Kind, Type
from orlop.cel.values import NO_SUCH_OVERLOAD, NONE, CelError, Optional

Frame = list[Any]
Step = Callable[[Frame], Any]

FAILURES: Final = (CelError, KeyError, IndexError, TypeError, AttributeError, ValueError, ArithmeticError)
"""What a step raises when it has no value."""


class Fast:
    """Compiles nodes into steps."""

    def __init__(self, checked: Checked, functions: Mapping[str, Function], slots: Slots) -> None:
        self.types = checked.types
        self.references = checked.references
        self.functions = functions
        self.slots = slots
        self.folding = Exact(checked, functions, slots)

    def type(self, node: Node) -> Type:
        """The checked type of a node."""
        return self.types[node.id]

    def step(self, node: Node) -> Step:
        """The step of a node, yielding a CEL value."""
        known, value = self.folding.constant(node)
        if known:
            return lambda frame: value
        return converted(self.flow(node))

    def flow(self, node: Node) -> Flow[Frame]:
        """The step of a node, yielding a stored value where its declaration is known."""
        from orlop.cel import fast_calls, fast_loops

        match node:
            case Constant():
                value = node.value
                return Flow(lambda frame: value)
            case Ident():
                return self._ident(node)
            case Select():
                return self._select(node)
            case Call(function="_[_]"):
                return self._index(node)
            case Call(function="_[?_]" | "_?._"):
                return Flow(self._optional_index(node))
            case Call():
                return Flow(fast_calls.call(self, node))
            case ListExpr():
                return Flow(self._list(node))
            case MapExpr():
                return Flow(self._map(node))
            case Comprehension():
                return Flow(fast_loops.loop(self, node))
            case StructExpr():
                return Flow(self._struct(node))

    def truth(self, node: Node) -> Step:
        """A step that yields a bool or raises."""
        inner = self.step(node)
        if self.type(node).kind is Kind.BOOL:
            return inner

        def step(frame: Frame) -> Any:
            value = inner(frame)
            if type(value) is not bool:
                raise CelError(NO_SUCH_OVERLOAD)
            return value

        return step

    def _ident(self, node: Ident) -> Flow[Frame]:
        known, value = self.folding.constant(node)
        if known:
            return Flow(lambda frame: value)
        place = self.slots.find(node.name)
        slot = place.slot
        return Flow(lambda frame: frame[slot], place.declared)

    def operand(self, node: Node) -> Flow[Frame]:
        """What a selection selects from."""
        return self.flow(node)

    def key(self, node: Node) -> Step:
        """The index of a selection."""
        return self.step(node)

    def _select(self, node: Select) -> Flow[Frame]:
        operand = self.operand(node.operand)
        declared = operand.declared
        found = None if declared is None else field_of(declared, node.field)
        key = node.field if found is None else found[0]
        yielded = None if found is None else found[1]
        kind = self.type(node.operand).kind
        is_object = declared is not None and declared.fields is not None
        if kind not in (Kind.OBJECT, Kind.MAP):
            return Flow(_has_field(operand.step, node.field) if node.test_only
                        else self.loose_select(operand.step, node.field))
        if node.test_only:
            return Flow(_presence(operand.step, key, is_object))
        slot = self._slot_of(node.operand)
        if slot is not None:
            return Flow(_slot_field(slot, key, is_object), yielded)
        return Flow(_field(operand.step, key, is_object), yielded)

    def _slot_of(self, node: Node) -> int | None:
        if not isinstance(node, Ident) or self.folding.constant(node)[0]:
            return None
        return self.slots.find(node.name).slot

    def _index(self, node: Call) -> Flow[Frame]:
        container = self.type(node.args[0])
        operand = self.operand(node.args[0])
        inner, declared = operand.step, operand.declared
        yielded = None if declared is None else declared.element
        if container.kind is Kind.LIST and self.type(node.args[1]).kind is Kind.INT:
            return Flow(_element(inner, self.key(node.args[1])), yielded)
        if container.kind is Kind.MAP and self.type(node.args[1]).kind is Kind.STRING:
            key = self.key(node.args[1])
            return Flow(lambda frame: inner(frame)[key(frame)], yielded)
        if declared is not None and declared.fields is not None:
            return Flow(_refuse)
        return Flow(self.loose_index(inner, node.args[1]), yielded)

    def loose_select(self, inner: Step, name: str) -> Step:
        """A field of what may be anything."""
        return lambda frame: index_of(inner(frame), name)

    def loose_index(self, inner: Step, index: Node) -> Step:
        """An entry of what may be anything."""
        key = self.key(index)
        return lambda frame: index_of(inner(frame), key(frame))

    def _optional_index(self, node: Call) -> Step:
        operand = self.operand(node.args[0])
        inner, declared = operand.step, operand.declared
        key = self.key(node.args[1])
        named = node.args[1]
        if declared is not None and declared.fields is not None and isinstance(named, Constant):
            found = field_of(declared, named.value)
            return _refuse if found is None else _optional_field(inner, found[0], found[1].adapt)
        adapt = declared.element.adapt if declared is not None and declared.element is not None else None
        if adapt is None:
            return lambda frame: index_optional(inner(frame), key(frame))
        convert = adapt

        def step(frame: Frame) -> Any:
            found = index_optional(inner(frame), key(frame))
            return Optional(convert(found.value)) if found.present else found

        return step

    def _list(self, node: ListExpr) -> Step:
        steps = [self.step(element) for element in node.elements]
        if not node.optional:
            if len(steps) == 1:
                only = steps[0]
                return lambda frame: [only(frame)]
            return lambda frame: [step(frame) for step in steps]
        marked = [(step, index in node.optional) for index, step in enumerate(steps)]

        def build(frame: Frame) -> Any:
            items = []
            for step, optional in marked:
                value = step(frame)
                if not optional:
                    items.append(value)
                elif value.present:
                    items.append(value.value)
            return items

        return build

    def _struct(self, node: StructExpr) -> Step:
        steps = [(field.name, self.step(field.value), field.optional) for field in node.fields]

        def build(frame: Frame) -> Any:
            fields: dict[str, Any] = {}
            for name, step, optional in steps:
                value = step(frame)
                if not optional:
                    fields[name] = value
                elif value.present:
                    fields[name] = value.value
            return fields

        return build

    def _map(self, node: MapExpr) -> Step:
        steps = [(self.step(entry.key), self.step(entry.value), entry.optional) for entry in node.entries]

        def build(frame: Frame) -> Any:
            entries: dict[Any, Any] = {}
            for key, value, optional in steps:
                name, held = key(frame), value(frame)
                if not optional:
                    entries[name] = held
                elif held.present:
                    entries[name] = held.value
                else:
                    entries.pop(name, None)
            return entries

        return build


def converted(flow: Flow[Frame]) -> Step:
    """The step of a flow, yielding a CEL value."""
    adapt = None if flow.declared is None else flow.declared.adapt
    if adapt is None:
        return flow.step
    inner, convert = flow.step, adapt
    return lambda frame: convert(inner(frame))


def _refuse(frame: Frame) -> Any:
    raise CelError(NO_SUCH_OVERLOAD)


def _has_field(inner: Step, name: str) -> Step:
    return lambda frame: _has(inner(frame), name)


def _has(value: Any, name: str) -> bool:
    if isinstance(value, Optional):
        value = value.value
    if isinstance(value, list):
        raise CelError(f"unsupported index type 'string' in list: {name}")
    return isinstance(value, dict) and name in value


def _presence(inner: Step, key: str, is_object: bool) -> Step:
    if is_object:
        return lambda frame: inner(frame).get(key) is not None
    return lambda frame: key in inner(frame)


def _slot_field(slot: int, key: str, is_object: bool) -> Step:
    if not is_object:
        return lambda frame: frame[slot][key]

    def step(frame: Frame) -> Any:
        value = frame[slot][key]
        if value is None:
            raise KeyError(key)
        return value

    return step


def _field(inner: Step, key: str, is_object: bool) -> Step:
    if not is_object:
        return lambda frame: inner(frame)[key]

    def step(frame: Frame) -> Any:
        value = inner(frame)[key]
        if value is None:
            raise KeyError(key)
        return value

    return step


def _optional_field(inner: Step, key: str, adapt: Callable[[Any], Any] | None) -> Step:
    def step(frame: Frame) -> Any:
        value = inner(frame).get(key)
        if value is None:
            return NONE
        return Optional(value if adapt is None else adapt(value))

    return step


def _element(inner: Step, key: Step) -> Step:
    def step(frame: Frame) -> Any:
        place = key(frame)
        if place < 0:
            raise IndexError(place)
        return inner(frame)[place]

    return step


def declared_plain(declared: Declared | None) -> bool:
    """Whether stored values of that declaration can be compared as they are."""
    return declared is not None and declared.adapt is None
