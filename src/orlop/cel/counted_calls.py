"""Operators and calls of the counting build.

`counted` asks `call` for the step of every call that is no selection. Where the price is the same for all values the
step is the fast build's. Behaviour: cel-go interpreter/runtimecost.go, by the prices of `cost_runtime`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from orlop.cel import fast_calls
from orlop.cel.ast import Call, Node
from orlop.cel.comparison import equal, unequal
from orlop.cel.cost_runtime import TRAVERSAL, cost_of
from orlop.cel.counted import BOUND, METER, PAID, charged
from orlop.cel.fast import Frame, Step, converted
from orlop.cel.fast_calls import SCALARS, alike, same_scalar
from orlop.cel.functions import Cost
from orlop.cel.types import Kind

if TYPE_CHECKING:
    from orlop.cel.counted import Counted

_TEXTS: Final = frozenset((Kind.STRING, Kind.BYTES))
_SIZELESS: Final = SCALARS - _TEXTS
_COMPARED: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "_==_": operator.eq, "_!=_": operator.ne, "_<_": operator.lt, "_<=_": operator.le, "_>_": operator.gt,
    "_>=_": operator.ge,
}  # fmt: skip
_EQUALITY: Final = {"_==_": ("equals", equal), "_!=_": ("not_equals", unequal)}
_SHORT: Final = 256
_READ: Final = tuple(math.ceil(size * TRAVERSAL) for size in range(_SHORT))
"""What reading short texts costs."""
_PRIMITIVES: Final = (bool, int, float, str)


def call(build: Counted, node: Call) -> Step:
    """The step of a call."""
    function, chosen = node.function, build.references[node.id].overloads
    args = node.args if node.target is None else [node.target, *node.args]
    if function in ("_&&_", "_||_"):
        return _logic(build, args, function == "_||_")
    if function == "@not_strictly_false":
        build.owed += 1
        return build.truth(args[0])
    if function in ("or", "orValue") and len(args) == 2 and len(chosen) == 1 and chosen[0].startswith("optional_"):
        return _optional_or(build, args, function == "orValue")
    if function == "@in" and chosen == ("in_list",) and _all_primitive(build, args[1]):
        return fast_calls.call(build, node) if build.folding.constant(args[1])[1] else lambda frame: False
    if function in _COMPARED and same_scalar(build, node, _SIZELESS):
        build.owed += 1
        return fast_calls.call(build, node)
    if function in _COMPARED and same_scalar(build, node, _TEXTS):
        return _texts(_COMPARED[function], build.step(args[0]), build.step(args[1]))
    if function in _EQUALITY:
        return _equality(build, node)
    price = cost_of(function, chosen[0] if len(chosen) == 1 else "")
    if price is None:
        build.owed += 1
        return fast_calls.call(build, node)
    return _priced(fast_calls.target(build, node, args), [build.step(arg) for arg in args], price)


def _all_primitive(build: Counted, node: Node) -> bool:
    known, items = build.folding.constant(node)
    return known and all(isinstance(item, _PRIMITIVES) for item in items)


def _logic(build: Counted, args: Sequence[Node], stop: bool) -> Step:
    """The second term costs if it is looked at."""
    left, (right, price) = build.truth(args[0]), build.piece(build.truth, args[1])
    right = charged(right, price)
    if stop:
        return lambda frame: True if left(frame) else right(frame)
    return lambda frame: right(frame) if left(frame) else False


def _optional_or(build: Counted, args: Sequence[Node], unwrap: bool) -> Step:
    left, (right, price) = build.step(args[0]), build.piece(build.step, args[1])
    right = charged(right, price)

    def step(frame: Frame) -> Any:
        value = left(frame)
        if value.present:
            return value.value if unwrap else value
        return right(frame)

    return step


def _texts(compare: Callable[[Any, Any], bool], left: Step, right: Step) -> Step:
    """Texts are read as far as the shorter one goes."""

    def step(frame: Frame) -> bool:
        one, other = left(frame), right(frame)
        size = min(len(one), len(other))
        cost = frame[PAID] = frame[PAID] + (_READ[size] if size < _SHORT else math.ceil(size * TRAVERSAL))
        if cost > frame[BOUND]:
            frame[BOUND] = frame[METER].pass_bound(cost)
        return compare(one, other)

    return step


def _equality(build: Counted, node: Call) -> Step:
    overload, compare = _EQUALITY[node.function]
    price = cost_of(node.function, overload)
    assert price is not None
    flows = [build.flow(arg) for arg in node.args]
    if alike(build, node, flows):
        return _priced(_COMPARED[node.function], [flow.step for flow in flows], price)
    return _priced(compare, [converted(flow) for flow in flows], price)


def _priced(run: Callable[..., Any], steps: Sequence[Step], price: Cost) -> Step:
    if len(steps) == 2:
        left, right = steps

        def pair(frame: Frame) -> Any:
            args = left(frame), right(frame)
            value = run(*args)
            cost = frame[PAID] = frame[PAID] + price(args, value)
            if cost > frame[BOUND]:
                frame[BOUND] = frame[METER].pass_bound(cost)
            return value

        return pair

    def step(frame: Frame) -> Any:
        args = [one(frame) for one in steps]
        value = run(*args)
        cost = frame[PAID] = frame[PAID] + price(args, value)
        if cost > frame[BOUND]:
            frame[BOUND] = frame[METER].pass_bound(cost)
        return value

    return step
