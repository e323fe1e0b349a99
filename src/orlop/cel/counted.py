"""The counting build: the closures of the fast one, and what cel-go would have charged for them.

`program` runs it where costs matter. What a piece of an expression costs that runs from its start to its end whatever
the values are is known when it is compiled (`owed`), loops pay for it as often as they turned; the rest is charged when
it runs. As the fast build it raises whatever Python raises where there is no value: its caller then asks `exact`, which
knows what failing costs, from the start. Pieces are charged after they ran, so that nothing is refused that would have
failed before. `counted_calls` holds calls, `counted_loops` comprehensions. Behaviour: cel-go
interpreter/runtimecost.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from orlop.cel.ast import Call, Checked, Comprehension, Ident, ListExpr, MapExpr, Node, Select, StructExpr
from orlop.cel.cost_runtime import LIST_CREATION, MAP_CREATION, STRUCT_CREATION
from orlop.cel.exact_steps import is_attribute, starts_from_condition
from orlop.cel.fast import Fast, Frame, Step, converted
from orlop.cel.functions import Function
from orlop.cel.scopes import Flow, Slots
from orlop.cel.standard import index_of, index_optional
from orlop.cel.types import Kind
from orlop.cel.values import Optional

PAID: Final = 0
BOUND: Final = 1
METER: Final = 2
FIRST: Final = 3
"""A frame begins with what was spent, the bound at which the meter is asked, and the meter; then come variables."""

_UNKNOWN: Final = frozenset((Kind.DYN, Kind.ANY, Kind.PARAM, Kind.OPAQUE))
PENDING: Final = object()
"""In the place of a bound name that nobody has looked at yet."""


class Uncounted(Exception):
    """This build cannot tell what an expression costs."""


class Counted(Fast):
    """Compiles nodes into steps that charge. `owed` is what the piece that is being compiled costs besides."""

    def __init__(self, checked: Checked, functions: Mapping[str, Function], slots: Slots) -> None:
        super().__init__(checked, functions, slots)
        self.owed = 0
        self.lazy: dict[int, tuple[Step, int]] = {}
        """Names that stand for a value not evaluated yet: how, and for how much, by their places."""

    def piece(self, compiled: Callable[[Node], Step], node: Node) -> tuple[Step, int]:
        """A part that does not run whenever what is around it does, and what it costs."""
        outer, self.owed = self.owed, 0
        made = compiled(node)
        cost, self.owed = self.owed, outer
        return made, cost

    def flow(self, node: Node) -> Flow[Frame]:
        known, value = self.folding.constant(node)
        if known:
            return Flow(lambda frame: value)
        if is_attribute(node):
            if not (starts_from_condition(node) or (isinstance(node, Select) and node.test_only)):
                self.owed += 1
            return self.operand(node)
        if isinstance(node, Call):
            from orlop.cel import counted_calls

            return Flow(counted_calls.call(self, node))
        if isinstance(node, Comprehension):
            from orlop.cel import counted_loops

            return Flow(counted_loops.loop(self, node))
        return super().flow(node)

    def operand(self, node: Node) -> Flow[Frame]:
        """A chain of selections without the cost of looking at it; anything else with all it costs."""
        if self.folding.constant(node)[0] or not is_attribute(node):
            return self.flow(node)
        if isinstance(node, Ident):
            return self._ident(node)
        if isinstance(node, Select):
            return self._select(node)
        assert isinstance(node, Call)
        if node.function == "_?_:_":
            return Flow(self._conditional(node))
        return self._index(node) if node.function == "_[_]" else Flow(self._optional_index(node))

    def key(self, node: Node) -> Step:
        if self.folding.constant(node)[0] or not is_attribute(node):
            return self.step(node)
        return converted(self.operand(node))

    def branch(self, node: Node) -> Step:
        """One side of a `?:`."""
        return self.key(node)

    # --- selections ----------------------------------------------------------------------------------------------

    def _ident(self, node: Ident) -> Flow[Frame]:
        flow = super()._ident(node)
        slot = self.slots.find(node.name).slot if not self.folding.constant(node)[0] else -1
        return Flow(_looked_at(slot, *self.lazy[slot])) if slot in self.lazy else flow

    def _slot_of(self, node: Node) -> int | None:
        slot = super()._slot_of(node)
        return None if slot in self.lazy else slot

    def _select(self, node: Select) -> Flow[Frame]:
        flow = super()._select(node)
        if node.test_only:
            return Flow(_charged_if_true(flow.step))
        if self.type(node.operand).kind in (Kind.OBJECT, Kind.MAP):
            self.owed += 1
        return flow

    def _index(self, node: Call) -> Flow[Frame]:
        flow = super()._index(node)
        container, index = self.type(node.args[0]).kind, self.type(node.args[1]).kind
        if (container, index) in ((Kind.LIST, Kind.INT), (Kind.MAP, Kind.STRING)):
            self.owed += 1
        return flow

    def loose_select(self, inner: Step, name: str) -> Step:
        return _loose(inner, lambda frame: name, 0)

    def loose_index(self, inner: Step, index: Node) -> Step:
        return _loose(inner, *self.piece(self.key, index))

    def _optional_index(self, node: Call) -> Step:
        if self.type(node.args[0]).kind in _UNKNOWN and not self.folding.constant(node.args[1])[0]:
            raise Uncounted  # of none, no entry is looked for
        return _charged_if_present(super()._optional_index(node))

    def _conditional(self, node: Call) -> Step:
        condition = self.truth(node.args[0])
        yes, when_true = self.piece(self.branch, node.args[1])
        no, when_false = self.piece(self.branch, node.args[2])
        if when_true == when_false:
            self.owed += when_true
            return lambda frame: yes(frame) if condition(frame) else no(frame)

        def step(frame: Frame) -> Any:
            if condition(frame):
                value = yes(frame)
                pay(frame, when_true)
            else:
                value = no(frame)
                pay(frame, when_false)
            return value

        return step

    # --- literals ------------------------------------------------------------------------------------------------

    def _list(self, node: ListExpr) -> Step:
        self.owed += LIST_CREATION
        return super()._list(node)

    def _map(self, node: MapExpr) -> Step:
        self.owed += MAP_CREATION
        return super()._map(node)

    def _struct(self, node: StructExpr) -> Step:
        self.owed += STRUCT_CREATION
        return super()._struct(node)


def pay(frame: Frame, price: int) -> None:
    """Charge an evaluation."""
    cost = frame[PAID] = frame[PAID] + price
    if cost > frame[BOUND]:
        frame[BOUND] = frame[METER].pass_bound(cost)


def charged(inner: Step, price: int) -> Step:
    """A step that is charged when it ran."""
    if not price:
        return inner

    def step(frame: Frame) -> Any:
        value = inner(frame)
        cost = frame[PAID] = frame[PAID] + price
        if cost > frame[BOUND]:
            frame[BOUND] = frame[METER].pass_bound(cost)
        return value

    return step


def _looked_at(slot: int, init: Step, price: int) -> Step:
    def step(frame: Frame) -> Any:
        value = frame[slot]
        if value is PENDING:
            value = frame[slot] = init(frame)
            pay(frame, price)
        return value

    return step


def _charged_if_true(inner: Step) -> Step:
    def step(frame: Frame) -> Any:
        found = inner(frame)
        if found:
            frame[PAID] += 1
        return found

    return step


def _charged_if_present(inner: Step) -> Step:
    def step(frame: Frame) -> Any:
        found = inner(frame)
        if found.present:
            frame[PAID] += 1
        return found

    return step


def _loose(inner: Step, key: Step, price: int) -> Step:
    """An entry of what may be an optional."""

    def step(frame: Frame) -> Any:
        held = inner(frame)
        if type(held) is not Optional:
            value = index_of(held, key(frame))
            pay(frame, price + 1)
            return value
        if not held.present:
            return held
        found = index_optional(held, key(frame))
        pay(frame, price + found.present)
        return found

    return step
