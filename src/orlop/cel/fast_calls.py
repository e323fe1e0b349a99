"""Operators and calls of the fast build.

`fast` asks `call` for the step of every call that is no selection; where both sides' types are known the step is the
bare Python operation. Behaviour: that of `exact`, for values that are there.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from orlop.cel.arithmetic import joined
from orlop.cel.ast import Call, Node
from orlop.cel.comparison import contains, equal, unequal
from orlop.cel.dispatch import candidates, guarded
from orlop.cel.fast import FAILURES, Frame, Step, converted, declared_plain
from orlop.cel.scopes import Flow
from orlop.cel.types import Adapter, Kind, Type
from orlop.cel.values import INT_MAX, INT_MIN, CelError

if TYPE_CHECKING:
    from orlop.cel.fast import Fast

SCALARS: Final = frozenset(
    (Kind.STRING, Kind.INT, Kind.BOOL, Kind.UINT, Kind.BYTES, Kind.TIMESTAMP, Kind.DURATION, Kind.DOUBLE)
)
_SORTED: Final = SCALARS - {Kind.DOUBLE}
_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "_<_": operator.lt, "_<=_": operator.le, "_>_": operator.gt, "_>=_": operator.ge,
}  # fmt: skip


def call(build: Fast, node: Call) -> Step:
    """The step of a call."""
    special = _SPECIAL.get(node.function)
    if special is not None and node.target is None:
        return special(build, node)
    args = node.args if node.target is None else [node.target, *node.args]
    chosen = build.references[node.id].overloads
    if len(args) == 2 and len(chosen) == 1 and chosen[0] in ("optional_or_optional", "optional_orValue_value"):
        return _optional_or(build.step(args[0]), build.step(args[1]), node.function == "orValue")
    if len(args) == 2 and chosen in _TEXT_TESTS:
        return _TEXT_TESTS[chosen](build.step(args[0]), build.step(args[1]))
    if node.function == "size" and len(args) == 1 and build.type(args[0]).kind in (Kind.LIST, Kind.MAP):
        measured = build.flow(args[0]).step  # stored lists and maps have the size of their values
        return lambda frame: len(measured(frame))
    return _applied(target(build, node, args), [build.step(arg) for arg in args])


def target(build: Fast, node: Call, args: Sequence[Node]) -> Callable[..., Any]:
    """What a call runs."""
    function, chosen = build.functions[node.function], build.references[node.id].overloads
    found = candidates(function, chosen)
    if len(found) == 1 and len(chosen) == 1 and not _open(build, args, found[0].args):
        return found[0].call
    return function.dispatch or guarded(function, found)


def _open(build: Fast, args: Sequence[Node], expected: Sequence[Type]) -> bool:
    """Whether a value of unknown type meets a parameter of a known one."""
    return any(_loose(build.type(arg), one) for arg, one in zip(args, expected, strict=True))


def _loose(found: Type, expected: Type) -> bool:
    if expected.dynamic:
        return False
    if found.kind is not expected.kind:
        return True
    return any(map(_loose, found.parameters, expected.parameters))


def _applied(run: Callable[..., Any], steps: Sequence[Step]) -> Step:
    if len(steps) == 1:
        only = steps[0]
        return lambda frame: run(only(frame))
    if len(steps) == 2:
        left, right = steps
        return lambda frame: run(left(frame), right(frame))
    if not steps:
        return lambda frame: run()
    return lambda frame: run(*[step(frame) for step in steps])


def _optional_or(left: Step, right: Step, unwrap: bool) -> Step:
    def step(frame: Frame) -> Any:
        value = left(frame)
        if value.present:
            return value.value if unwrap else value
        return right(frame)

    return step


def _and(build: Fast, node: Call) -> Step:
    left, right = build.truth(node.args[0]), build.truth(node.args[1])

    def step(frame: Frame) -> bool:
        try:
            if not left(frame):
                return False
        except FAILURES:
            if right(frame) is False:
                return False
            raise
        return right(frame)  # type: ignore[no-any-return]

    return step


def _or(build: Fast, node: Call) -> Step:
    left, right = build.truth(node.args[0]), build.truth(node.args[1])

    def step(frame: Frame) -> bool:
        try:
            if left(frame):
                return True
        except FAILURES:
            if right(frame) is True:
                return True
            raise
        return right(frame)  # type: ignore[no-any-return]

    return step


def _not(build: Fast, node: Call) -> Step:
    inner = build.truth(node.args[0])
    return lambda frame: not inner(frame)


def _conditional(build: Fast, node: Call) -> Step:
    condition = build.truth(node.args[0])
    yes, no = build.step(node.args[1]), build.step(node.args[2])
    return lambda frame: yes(frame) if condition(frame) else no(frame)


def same_scalar(build: Fast, node: Call, kinds: frozenset[Kind]) -> bool:
    left, right = build.type(node.args[0]), build.type(node.args[1])
    return left.kind is right.kind and left.kind in kinds


def _equality(build: Fast, node: Call) -> Step:
    return _compared(build, node, True)


def _inequality(build: Fast, node: Call) -> Step:
    return _compared(build, node, False)


def _compared(build: Fast, node: Call, wanted: bool) -> Step:
    flows = [build.flow(arg) for arg in node.args]
    plain = same_scalar(build, node, SCALARS)
    if not plain and alike(build, node, flows):
        return _operation(operator.eq if wanted else operator.ne, flows[0].step, flows[1].step)
    declared = flows[0].declared
    if not plain and declared is not None and declared is flows[1].declared and declared.adapt is not None:
        return _stored_equality(flows[0].step, flows[1].step, declared.adapt, wanted)
    left, right = converted(flows[0]), converted(flows[1])
    if plain:
        known, value = build.folding.constant(node.args[1])
        if known:
            return (lambda frame: left(frame) == value) if wanted else (lambda frame: left(frame) != value)
        return _operation(operator.eq if wanted else operator.ne, left, right)
    if wanted:
        return lambda frame: equal(left(frame), right(frame))
    return lambda frame: unequal(left(frame), right(frame))


def alike(build: Fast, node: Call, flows: Sequence[Flow[Frame]]) -> bool:
    """Whether both sides are stored values that can be compared as they are."""
    return all(
        declared_plain(flow.declared) and not holds_dyn(build.type(arg))
        for flow, arg in zip(flows, node.args, strict=True)
    )


def _stored_equality(left: Step, right: Step, adapt: Adapter, wanted: bool) -> Step:
    """Equality of two stored values of one declaration: what is stored alike is alike, the rest is converted."""

    def step(frame: Frame) -> bool:
        one, other = left(frame), right(frame)
        same = one == other or equal(adapt(one), adapt(other))
        return same is wanted

    return step


def holds_dyn(type_: Type) -> bool:
    return type_.dynamic or any(map(holds_dyn, type_.parameters)) or any(map(holds_dyn, type_.fields.values()))


def _operation(function: Callable[[Any, Any], Any], left: Step, right: Step) -> Step:
    if function is operator.eq:
        return lambda frame: left(frame) == right(frame)
    if function is operator.ne:
        return lambda frame: left(frame) != right(frame)
    return lambda frame: function(left(frame), right(frame))


def _order(build: Fast, node: Call) -> Step:
    left, right = build.step(node.args[0]), build.step(node.args[1])
    if not same_scalar(build, node, _SORTED):
        dispatch = build.functions[node.function].dispatch
        assert dispatch is not None
        return _applied(dispatch, [left, right])
    known, value = build.folding.constant(node.args[1])
    if known:
        return _order_constant(node.function, left, value)
    if node.function == "_<_":
        return lambda frame: left(frame) < right(frame)
    if node.function == "_<=_":
        return lambda frame: left(frame) <= right(frame)
    if node.function == "_>_":
        return lambda frame: left(frame) > right(frame)
    return lambda frame: left(frame) >= right(frame)


def _order_constant(function: str, left: Step, value: Any) -> Step:
    if function == "_<_":
        return lambda frame: left(frame) < value
    if function == "_<=_":
        return lambda frame: left(frame) <= value
    if function == "_>_":
        return lambda frame: left(frame) > value
    return lambda frame: left(frame) >= value


def _sum(build: Fast, node: Call) -> Step:
    left, right = build.step(node.args[0]), build.step(node.args[1])
    chosen = build.references[node.id].overloads
    if same_scalar(build, node, frozenset((Kind.INT,))):
        return _checked(operator.add, left, right) if node.function == "_+_" else _checked(operator.sub, left, right)
    if node.function == "_+_" and same_scalar(build, node, frozenset((Kind.STRING, Kind.DOUBLE))):
        return lambda frame: left(frame) + right(frame)
    if chosen == ("add_list",) and all(build.type(arg).kind is Kind.LIST for arg in node.args):
        return lambda frame: joined(left(frame), right(frame))
    dispatch = build.functions[node.function].dispatch
    assert dispatch is not None
    return _applied(dispatch, [left, right])


def _checked(function: Callable[[Any, Any], Any], left: Step, right: Step) -> Step:
    def step(frame: Frame) -> int:
        result: int = function(left(frame), right(frame))
        if not INT_MIN <= result <= INT_MAX:
            raise CelError("integer overflow")
        return result

    return step


def _member(build: Fast, node: Call) -> Step:
    kind = build.type(node.args[0]).kind
    container = build.type(node.args[1])
    left = build.step(node.args[0])
    native = kind in _SORTED and container.parameters[:1] == (build.type(node.args[0]),)
    known, items = build.folding.constant(node.args[1])
    if known and native and isinstance(items, list):
        held = frozenset(items)
        return lambda frame: left(frame) in held
    right = build.step(node.args[1])
    if native and (kind is Kind.STRING or container.kind is Kind.LIST):
        return lambda frame: left(frame) in right(frame)
    return lambda frame: contains(right(frame), left(frame))


def _starts_with(left: Step, right: Step) -> Step:
    return lambda frame: left(frame).startswith(right(frame))


def _ends_with(left: Step, right: Step) -> Step:
    return lambda frame: left(frame).endswith(right(frame))


def _contains(left: Step, right: Step) -> Step:
    return lambda frame: right(frame) in left(frame)


_TEXT_TESTS: Final[dict[tuple[str, ...], Callable[[Step, Step], Step]]] = {
    ("starts_with_string",): _starts_with,
    ("ends_with_string",): _ends_with,
}

_SPECIAL: Final[dict[str, Callable[[Fast, Call], Step]]] = {
    "_&&_": _and,
    "_||_": _or,
    "!_": _not,
    "_?_:_": _conditional,
    "_==_": _equality,
    "_!=_": _inequality,
    "_+_": _sum,
    "_-_": _sum,
    "@in": _member,
    **dict.fromkeys(_ORDERS, _order),
}
