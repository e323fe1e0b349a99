"""The steps of the tracked build: what a run is, and how each kind of step charges it.

`exact` puts these together; every step takes the `Run` and returns a value or a `CelError`. Behaviour: cel-go
interpreter/interpretable.go, attributes.go and runtimecost.go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from orlop.cel.ast import Call, Ident, Node, Select
from orlop.cel.comparison import find_key
from orlop.cel.meter import Meter
from orlop.cel.scopes import Flow, field_of
from orlop.cel.standard import list_index, missing_key
from orlop.cel.types import Declared
from orlop.cel.values import NO_SUCH_OVERLOAD, CelError, Optional, TypeValue, Uint, grown


class Run:
    """One evaluation: the frame of variables and the cost so far."""

    __slots__ = ("bound", "cost", "meter", "slots")

    def __init__(self, slots: list[Any], meter: Meter) -> None:
        self.slots, self.meter, self.bound = slots, meter, meter.bound
        self.cost = 0

    def charge(self, cost: int) -> None:
        """Adds to the cost."""
        self.cost += cost
        if self.cost > self.bound:
            self.bound = self.meter.pass_bound(self.cost)


Step = Callable[[Run], Any]
INDEXING: Final = frozenset(("_[_]", "_[?_]", "_?._"))
_GO_TYPES: Final = {
    bool: "types.Bool", int: "types.Int", Uint: "types.Uint", float: "types.Double", str: "types.String",
    bytes: "types.Bytes", type(None): "types.Null", Optional: "*types.Optional", TypeValue: "*types.Type",
    list: "[]interface {}", dict: "map[string]interface {}",
}  # fmt: skip
QUALIFIERS: Final = frozenset((str, int, Uint, float, bool))


class HeldKey:
    """A key of a map literal that no lookup can find: a list, a map or an optional."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def literal_key(value: Any) -> Any:
    """What a map literal holds a key as."""
    return HeldKey(value) if isinstance(value, (list, dict, Optional)) else value


class Pending:
    """An accumulator nobody has looked at yet."""

    __slots__ = ("init",)

    def __init__(self, init: Step) -> None:
        self.init = init


def variable(slot: int) -> Step:
    """A variable; an accumulator begins when it is first looked at."""

    def step(run: Run) -> Any:
        value = run.slots[slot]
        if type(value) is Pending:
            value = run.slots[slot] = grown(value.init(run))
        return value

    return step


def charged(inner: Step, cost: int) -> Step:
    """A step at a price."""

    def step(run: Run) -> Any:
        value = inner(run)
        run.charge(cost)
        return value

    return step


def adapted(adapt: Callable[[Any], Any], value: Any) -> Any:
    """A stored value as a CEL value, or the error of its being none."""
    try:
        return adapt(value)
    except CelError as fault:
        return fault


def adapting(flow: Flow[Run]) -> Step:
    """The step of a flow, yielding a CEL value."""
    inner = flow.step
    adapt = None if flow.declared is None else flow.declared.adapt
    if adapt is None:
        return inner
    convert = adapt

    def step(run: Run) -> Any:
        value = inner(run)
        return value if isinstance(value, CelError) else adapted(convert, value)

    return step


def is_attribute(node: Node) -> bool:
    """Whether cel-go resolves the node as part of a chain of selections."""
    if isinstance(node, (Ident, Select)):
        return True
    return isinstance(node, Call) and node.target is None and (node.function in INDEXING or node.function == "_?_:_")


def starts_from_condition(node: Node) -> bool:
    """Whether a chain of selections starts from a `?:`."""
    while True:
        if isinstance(node, Select):
            node = node.operand
        elif isinstance(node, Call) and node.target is None and node.function in INDEXING:
            node = node.args[0]
        else:
            return isinstance(node, Call) and node.target is None and node.function == "_?_:_"


def field_reader(declared: Declared | None, name: str | None) -> tuple[str | None, Declared | None]:
    """The JSON key of a declared object's field, and how what is read is declared."""
    if declared is None:
        return None, None
    if declared.fields is not None:
        found = field_of(declared, name) if name is not None else None
        return (None, None) if found is None else found
    return None, declared.element


def go_type(value: Any) -> str:
    """The name of a value's Go type, for messages that print it."""
    return _GO_TYPES.get(type(value), f"types.{type(value).__name__}")


def found_in(field: str | None, held: Any, key: Any, lenient: bool, stored: bool) -> tuple[bool, Any]:
    """A field, an entry or an element; what is missing is an error unless `lenient`."""
    if isinstance(held, dict):
        if field is not None:
            value = held.get(field)
            present = value is not None  # of objects, null counts as absent
        elif stored and type(key) is not str:
            return False, CelError(NO_SUCH_OVERLOAD)
        else:
            present, value = find_key(held, key)
        if present or lenient:
            return present, value
        return False, missing_key(key)
    if isinstance(held, list):
        return _element(held, key, lenient)
    return (False, None) if lenient else (False, missing_key(key))


def _element(held: list[Any], key: Any, lenient: bool) -> tuple[bool, Any]:
    try:
        place = list_index(key)
    except CelError as fault:
        return False, fault
    if 0 <= place < len(held):
        return True, held[place]
    return (False, None) if lenient else (False, CelError(f"index out of bounds: {place}"))


def logic(terms: Sequence[Step], stop: bool) -> Step:
    """`&&` and `||`: an error counts only if no term decides."""

    def step(run: Run) -> Any:
        fault: CelError | None = None
        for term in terms:
            value = term(run)
            if value is stop:
                return stop
            if type(value) is not bool and fault is None:
                fault = value if isinstance(value, CelError) else CelError(NO_SUCH_OVERLOAD)
        return not stop if fault is None else fault

    return step


def optional_or(left: Step, right: Step, unwrap: bool) -> Step:
    """`or` and `orValue`, which look at the right side only for none."""

    def step(run: Run) -> Any:
        value = left(run)
        if not isinstance(value, Optional):
            return value
        if value.present:
            return value.value if unwrap else value
        return right(run)

    return step


def not_strictly_false(inner: Step) -> Step:
    """The condition of loops that errors do not end."""

    def step(run: Run) -> Any:
        value = inner(run)
        run.charge(1)
        return value if type(value) is bool else True

    return step


def strings_only(target: Callable[..., Any]) -> Callable[..., Any]:
    """A call whose arguments must be strings."""

    def call(*args: Any) -> Any:
        if any(type(arg) is not str for arg in args):
            raise CelError(NO_SUCH_OVERLOAD)
        return target(*args)

    return call


def applied(
    target: Callable[..., Any], steps: Sequence[Step], price: Callable[..., int] | None, stops_early: bool
) -> Step:
    """A call: arguments first, all of them unless it `stops_early`, then the target, then the price."""

    def step(run: Run) -> Any:
        args: list[Any] = []
        fault: CelError | None = None
        for one in steps:
            value = one(run)
            args.append(value)
            if isinstance(value, CelError) and fault is None:
                fault = value
                if stops_early and len(args) < len(steps):
                    return fault
        result: Any = fault
        if fault is None:
            try:
                result = target(*args)
            except CelError as raised:
                result = raised
        run.charge(1 if price is None else price(args, result))
        return result

    return step


def pairs(items: Any, two: bool) -> Any:
    """What a loop's variables take, turn by turn."""
    if isinstance(items, dict):
        return list(items.items())
    return list(enumerate(items)) if two else [(item, None) for item in items]
