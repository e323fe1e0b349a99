"""Comprehensions of the counting build: what a turn costs is known, turns are counted and paid for at the end.

`counted` asks `loop` for the step of every comprehension. Behaviour: cel-go interpreter/interpretable.go (evalFold) and
runtimecost.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from orlop.cel.ast import ACCUMULATOR, Call, Comprehension, Constant, Ident, ListExpr, Node
from orlop.cel.cost_runtime import LIST_CREATION
from orlop.cel.counted import PENDING, Uncounted, pay
from orlop.cel.fast import Frame, Step
from orlop.cel.fast_loops import Items, over
from orlop.cel.values import grown, settled

if TYPE_CHECKING:
    from orlop.cel.counted import Counted

_END: Final = object()


def loop(build: Counted, node: Comprehension) -> Step:
    """The step of a comprehension."""
    condition = node.loop_condition
    if isinstance(node.iter_range, ListExpr) and not node.iter_range.elements and isinstance(condition, Constant):
        return _let(build, node)
    if not build.folding.constant(node.accu_init)[0]:
        raise Uncounted  # it is evaluated when it is first looked at, if ever
    items, slot, names = over(build, node)
    accu = build.slots.fresh()
    scopes = build.slots.scopes
    scopes.append({node.accu_var: accu})
    scopes.append(names)
    made = _recognised(build, node, items, slot) if node.accu_var == ACCUMULATOR else None
    fold = _fold(build, node, items, slot, accu.slot) if made is None else None
    scopes.pop()
    result = build.step(node.result)
    scopes.pop()
    if made is not None:
        return made
    assert fold is not None

    def step(frame: Frame) -> Any:
        fold(frame)
        return settled(result(frame))

    return step


def _let(build: Counted, node: Comprehension) -> Step:
    """A name for a value, which is evaluated, and paid for, when it is first looked at."""
    init = build.piece(build.step, node.accu_init)
    place = build.slots.fresh()
    slot = place.slot
    build.lazy[slot] = init
    build.slots.scopes.append({node.accu_var: place})
    result = build.step(node.result)
    build.slots.scopes.pop()

    def step(frame: Frame) -> Any:
        frame[slot] = PENDING
        return result(frame)

    return step


def _is_accu(node: Node) -> bool:
    return isinstance(node, Ident) and node.name == ACCUMULATOR


def _recognised(build: Counted, node: Comprehension, items: Items, slot: int) -> Step | None:
    """The loop of a macro whose body does not look at the accumulator, with the value its result has."""
    step = node.loop_step
    if not isinstance(step, Call) or len(step.args) < 2:
        return None
    if step.function in ("_&&_", "_||_") and _is_accu(step.args[0]):
        return _search(build, node, items, slot, step.function == "_||_")
    if step.function == "_+_" and _is_accu(step.args[0]):
        return _collected(build, step, items, slot, None)
    if step.function == "_?_:_" and _is_accu(step.args[2]):
        inner = step.args[1]
        if isinstance(inner, Call) and inner.function == "_+_" and _is_accu(inner.args[0]):
            if isinstance(inner.args[1], Constant):
                return _exists_one(build, step, items, slot)
            return _collected(build, inner, items, slot, step.args[0])
    return None


def _search(build: Counted, node: Comprehension, items: Items, slot: int, stop: bool) -> Callable[[Frame], bool]:
    """`all` ends at the first that does not hold, `exists` at the first that does: found out at the next turn."""
    assert isinstance(node.loop_step, Call)
    _, asked = build.piece(build.truth, node.loop_condition)
    _, known = build.piece(build.truth, node.loop_step.args[0])
    test, price = build.piece(build.truth, node.loop_step.args[1])
    turn, missed = asked + known + price, not stop

    def step(frame: Frame) -> bool:
        turns, left = 0, iter(items(frame))
        for item in left:
            frame[slot] = item
            turns += 1
            if test(frame) is not missed:
                more = next(left, _END) is not _END
                pay(frame, turns * turn + asked if more else turns * turn)
                return stop
        pay(frame, turns * turn)
        return missed

    return step


def _exists_one(build: Counted, node: Call, items: Items, slot: int) -> Step:
    test, asked = build.piece(build.truth, node.args[0])
    _, hit = build.piece(build.branch, node.args[1])
    _, miss = build.piece(build.branch, node.args[2])

    def step(frame: Frame) -> bool:
        turns = hits = 0
        for item in items(frame):
            frame[slot] = item
            turns += 1
            if test(frame):
                hits += 1
        pay(frame, turns * (asked + miss) + hits * (hit - miss))
        return hits == 1

    return step


def _collected(build: Counted, added: Call, items: Items, slot: int, chosen: Node | None) -> Step | None:
    """`map`, `filter` and their like."""
    made = added.args[1]
    if not isinstance(made, ListExpr) or len(made.elements) != 1 or made.optional:
        return None
    _, adding = build.piece(lambda _: build.flow(added.args[0]).step, added)
    element, price = build.piece(build.step, made.elements[0])
    held = adding + 1 + (0 if build.folding.constant(made)[0] else LIST_CREATION + price)

    def mapped(frame: Frame) -> list[Any]:
        out = []
        for item in items(frame):
            frame[slot] = item
            out.append(element(frame))
        pay(frame, len(out) * held)
        return out

    if chosen is None:
        return mapped
    test, asked = build.piece(build.truth, chosen)

    def filtered(frame: Frame) -> list[Any]:
        out, turns = [], 0
        for item in items(frame):
            frame[slot] = item
            turns += 1
            if test(frame):
                out.append(element(frame))
        pay(frame, turns * asked + len(out) * held)
        return out

    return filtered


def _fold(build: Counted, node: Comprehension, items: Items, slot: int, kept: int) -> Callable[[Frame], None]:
    """A fold as it is written."""
    init = build.step(node.accu_init)
    test, asked = build.piece(build.truth, node.loop_condition)
    body, price = build.piece(build.step, node.loop_step)
    turn = asked + price

    def fold(frame: Frame) -> None:
        frame[kept] = grown(init(frame))
        for item in items(frame):
            frame[slot] = item
            if not test(frame):
                pay(frame, asked)
                break
            frame[kept] = body(frame)
            pay(frame, turn)

    return fold
