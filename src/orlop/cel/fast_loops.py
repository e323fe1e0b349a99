"""Comprehensions of the fast build: the loops of the standard macros run as Python loops, others as written.

`fast` asks `loop` for the step of every comprehension. A loop's variables stand in the frame, in places of their own.
Behaviour: that of `exact`, for values that are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from orlop.cel.ast import ACCUMULATOR, Call, Comprehension, Constant, Ident, ListExpr, Node
from orlop.cel.fast import FAILURES, Frame, Step, converted
from orlop.cel.scopes import Place, loop_declarations
from orlop.cel.types import Kind
from orlop.cel.values import CelError, grown, settled

if TYPE_CHECKING:
    from orlop.cel.fast import Fast

Items = Callable[[Frame], Iterable[Any]]


def loop(build: Fast, node: Comprehension) -> Step:
    """The step of a comprehension."""
    if isinstance(node.iter_range, ListExpr) and not node.iter_range.elements:
        bound = _let(build, node)
        if bound is not None:
            return bound
    iterated, slot, names = over(build, node)
    if node.accu_var == ACCUMULATOR:
        build.slots.scopes.append(names)
        quick = _recognised(build, node, iterated, slot)
        build.slots.scopes.pop()
        if quick is not None:
            return quick
    return _general(build, node, iterated, slot, names)


def over(build: Fast, node: Comprehension) -> tuple[Items, int, dict[str, Place]]:
    """What a loop goes through, where each item is put, and the places of its variables."""
    ranged = build.flow(node.iter_range)
    declared = ranged.declared
    if declared is not None and declared.element is None:
        declared, items = None, converted(ranged)
    else:
        items = ranged.step
    two = bool(node.iter_var2)
    first, second = (build.slots.fresh(one) for one in loop_declarations(declared, two))
    names = {node.iter_var: first} | ({node.iter_var2: second} if two else {})
    iterated: Items = items
    if two:
        iterated = _paired(items, first.slot, second.slot)
    elif build.type(node.iter_range).kind not in (Kind.LIST, Kind.MAP):
        iterated = _iterable(items)
    return iterated, build.slots.fresh().slot if two else first.slot, names


def _paired(items: Step, first: int, second: int) -> Items:
    """A range that puts index and element, or key and value, in their places as it is walked."""

    def walk(frame: Frame) -> Iterable[None]:
        found = items(frame)
        if isinstance(found, list):
            for frame[first], frame[second] in enumerate(found):
                yield None
        else:
            for frame[first], frame[second] in found.items():
                yield None

    return walk


def _iterable(items: Step) -> Items:
    def checked(frame: Frame) -> Iterable[Any]:
        found = items(frame)
        if not isinstance(found, (list, dict)):
            raise CelError("no range")
        return found

    return checked


def _let(build: Fast, node: Comprehension) -> Step | None:
    """`cel.bind` and its like: a name for a value, evaluated when it is first asked for."""
    condition = node.loop_condition
    if not isinstance(condition, Constant) or condition.value is not False:
        return None
    init = build.step(node.accu_init)
    place = build.slots.fresh()
    slot = place.slot
    build.slots.scopes.append({node.accu_var: place})
    result = build.step(node.result)
    build.slots.scopes.pop()

    def step(frame: Frame) -> Any:
        frame[slot] = init(frame)
        return result(frame)

    return step


def _is_accu(node: Node) -> bool:
    return isinstance(node, Ident) and node.name == ACCUMULATOR


def _recognised(build: Fast, node: Comprehension, items: Items, slot: int) -> Step | None:
    """The loop of a one-variable macro whose body does not look at the accumulator, which macros never do."""
    step = node.loop_step
    if not isinstance(step, Call) or len(step.args) < 2:
        return None
    if step.function == "_&&_" and _is_accu(step.args[0]):
        return _all(items, slot, build.truth(step.args[1]))
    if step.function == "_||_" and _is_accu(step.args[0]):
        return _exists(items, slot, build.truth(step.args[1]))
    if step.function == "_+_" and _is_accu(step.args[0]):
        return _collected(build, step, items, slot, None)
    if step.function == "_?_:_" and _is_accu(step.args[2]):
        inner = step.args[1]
        if isinstance(inner, Call) and inner.function == "_+_" and _is_accu(inner.args[0]):
            test = build.truth(step.args[0])
            if isinstance(inner.args[1], Constant):
                return _exists_one(items, slot, test)
            return _collected(build, inner, items, slot, test)
    return None


def _all(items: Items, slot: int, test: Step) -> Step:
    def step(frame: Frame) -> bool:
        fault: Exception | None = None
        for item in items(frame):
            frame[slot] = item
            try:
                if not test(frame):
                    return False
            except FAILURES as raised:
                fault = raised
        if fault is not None:
            raise fault
        return True

    return step


def _exists(items: Items, slot: int, test: Step) -> Step:
    def step(frame: Frame) -> bool:
        fault: Exception | None = None
        for item in items(frame):
            frame[slot] = item
            try:
                if test(frame):
                    return True
            except FAILURES as raised:
                fault = raised
        if fault is not None:
            raise fault
        return False

    return step


def _exists_one(items: Items, slot: int, test: Step) -> Step:
    def step(frame: Frame) -> bool:
        count = 0
        for item in items(frame):
            frame[slot] = item
            if test(frame):
                count += 1
        return count == 1

    return step


def _collected(build: Fast, step: Call, items: Items, slot: int, test: Step | None) -> Step | None:
    made = step.args[1]
    if not isinstance(made, ListExpr) or len(made.elements) != 1 or made.optional:
        return None
    element = build.step(made.elements[0])

    def mapped(frame: Frame) -> list[Any]:
        out = []
        for item in items(frame):
            frame[slot] = item
            out.append(element(frame))
        return out

    def filtered(frame: Frame) -> list[Any]:
        out = []
        for item in items(frame):
            frame[slot] = item
            if chosen(frame):
                out.append(element(frame))
        return out

    if test is None:
        return mapped
    chosen = test
    return filtered


def _general(build: Fast, node: Comprehension, items: Items, slot: int, names: dict[str, Place]) -> Step:
    """A fold as it is written. Whatever fails in it fails the whole, which `exact` may judge otherwise."""
    accu = build.slots.fresh()
    init = build.step(node.accu_init)
    build.slots.scopes.append({node.accu_var: accu})
    build.slots.scopes.append(names)
    test, body = build.truth(node.loop_condition), build.step(node.loop_step)
    build.slots.scopes.pop()
    result = build.step(node.result)
    build.slots.scopes.pop()
    kept = accu.slot

    def step(frame: Frame) -> Any:
        frame[kept] = grown(init(frame))
        for item in items(frame):
            frame[slot] = item
            if not test(frame):
                break
            frame[kept] = body(frame)
        return settled(result(frame))

    return step
