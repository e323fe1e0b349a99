"""The tracked build: evaluates as cel-go does step by step, counting the cost, with errors as values.

`program` runs it when the static cost is not safely below the limit, and to find the words of an error after the fast
build failed. Every step returns a value or a `CelError`. Behaviour: cel-go interpreter (planner, attributes,
interpretable, decorators of OptOptimize) and interpreter/runtimecost.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from orlop.cel.ast import Call, Checked, Comprehension, Constant, Ident, ListExpr, MapExpr, Node, Select, StructExpr
from orlop.cel.comparison import find_key
from orlop.cel.cost_runtime import LIST_CREATION, MAP_CREATION, STRUCT_CREATION, cost_of
from orlop.cel.dispatch import CONVERSIONS, target_of
from orlop.cel.exact_steps import (
    QUALIFIERS,
    Pending,
    Run,
    Step,
    adapted,
    adapting,
    applied,
    charged,
    field_reader,
    found_in,
    go_type,
    is_attribute,
    literal_key,
    logic,
    not_strictly_false,
    optional_or,
    pairs,
    starts_from_condition,
    strings_only,
    variable,
)
from orlop.cel.functions import Function
from orlop.cel.issues import ProgramError
from orlop.cel.library_regex import PATTERN_ARGUMENT, PatternError, compile_pattern
from orlop.cel.scopes import Flow, Slots, loop_declarations
from orlop.cel.types import Kind
from orlop.cel.values import NO_SUCH_OVERLOAD, NONE, CelError, Optional, TypeValue, settled

_PRIMITIVES: Final = (bool, int, float, str)


class Exact:
    """Compiles nodes into steps."""

    def __init__(self, checked: Checked, functions: Mapping[str, Function], slots: Slots) -> None:
        self.types = checked.types
        self.references = checked.references
        self.functions = functions
        self.slots = slots

    def constant(self, node: Node) -> tuple[bool, Any]:
        """Whether cel-go folds the node into a constant, and the constant."""
        match node:
            case Constant():
                return True, node.value
            case Ident():
                return self._constant_ident(node)
            case ListExpr() if not node.optional:
                folded = [self.constant(element) for element in node.elements]
                return all(one for one, _ in folded), [value for _, value in folded]
            case MapExpr() if not any(entry.optional for entry in node.entries):
                pairs = [(self.constant(entry.key), self.constant(entry.value)) for entry in node.entries]
                if all(key[0] and value[0] for key, value in pairs):
                    return True, {literal_key(key[1]): value[1] for key, value in pairs}
            case Call(target=None) if node.function in CONVERSIONS and len(node.args) == 1:
                known, value = self.constant(node.args[0])
                return (True, self._converted(node, value)) if known else (False, None)
        return False, None

    def _constant_ident(self, node: Ident) -> tuple[bool, Any]:
        reference = self.references[node.id]
        if reference.constant:
            return True, reference.value
        if self.types[node.id].kind is Kind.TYPE and node.name not in self._variables():
            return True, TypeValue(node.name)
        return False, None

    def _variables(self) -> set[str]:
        names = set(self.slots.variables)
        return names.union(*self.slots.scopes)

    def _converted(self, node: Call, value: Any) -> Any:
        target = target_of(self.functions, node.function, self.references[node.id].overloads)
        try:
            return target(value)
        except CelError as fault:
            raise ProgramError(fault.message) from None

    def step(self, node: Node) -> Step:
        """The step of a node, yielding a CEL value."""
        known, value = self.constant(node)
        if known:
            return lambda run: value
        if is_attribute(node):
            return self._attribute_step(node)
        match node:
            case Call():
                return self._call(node)
            case ListExpr():
                return self._list(node)
            case MapExpr():
                return self._map(node)
            case Comprehension():
                return self._fold(node)
            case StructExpr():
                return self._struct(node)
        raise AssertionError(node)

    def _attribute_step(self, node: Node) -> Step:
        flow = self.attribute(node)
        inner, cost = flow.step, 0 if starts_from_condition(node) else 1
        if isinstance(node, Select) and node.test_only:
            cost = 0
        adapt = None if flow.declared is None else flow.declared.adapt

        def step(run: Run) -> Any:
            value = inner(run)
            run.charge(cost)
            if adapt is not None and not isinstance(value, CelError):
                return adapted(adapt, value)
            return value

        return step

    def attribute(self, node: Node) -> Flow[Run]:
        """A chain of selections without the cost of looking at it."""
        match node:
            case Ident():
                place = self.slots.find(node.name)
                return Flow(variable(place.slot), place.declared)
            case Select():
                return self._qualified(node.operand, lambda run: node.field, node.field, node.test_only, False)
            case Call(function="_?_:_"):
                return Flow(self._conditional(node))
            case Call():
                return self._indexed(node)
        raise AssertionError(node)

    def _conditional(self, node: Call) -> Step:
        condition = self.step(node.args[0])
        branches = [self._branch(arg) for arg in node.args[1:]]
        yes, no = branches

        def step(run: Run) -> Any:
            value = condition(run)
            if type(value) is not bool:
                return value if isinstance(value, CelError) else CelError(NO_SUCH_OVERLOAD)
            return yes(run) if value else no(run)

        return step

    def _branch(self, node: Node) -> Step:
        if self.constant(node)[0] or not is_attribute(node):
            return self.step(node)
        flow = self.attribute(node)
        return adapting(flow)

    def _indexed(self, node: Call) -> Flow[Run]:
        index = node.args[1]
        optional = node.function != "_[_]"
        known, value = self.constant(index)
        if known:
            if type(value) not in QUALIFIERS:
                raise ProgramError(f"invalid qualifier type: {go_type(value)}")
            name = value if type(value) is str else None
            return self._qualified(node.args[0], lambda run: value, name, False, optional)
        key = adapting(self.attribute(index)) if is_attribute(index) else self.step(index)
        return self._qualified(node.args[0], key, None, False, optional)

    def _operand(self, node: Node) -> Flow[Run]:
        if not self.constant(node)[0] and is_attribute(node):
            return self.attribute(node)
        return Flow(self.step(node))

    def _qualified(self, operand: Node, key: Step, name: str | None, test: bool, optional: bool) -> Flow[Run]:
        """One selection more: by a name known now, or by a key known then."""
        flow = self._operand(operand)
        inner, declared = flow.step, flow.declared
        field, yielded = field_reader(declared, name)
        wrap = declared is not None and yielded is not None and (optional or test)

        def step(run: Run) -> Any:
            held = inner(run)
            if isinstance(held, CelError):
                return held
            lenient = optional
            if isinstance(held, Optional):
                if not held.present:
                    return False if test else held
                held, lenient = held.value, True
            at = key(run)
            if isinstance(at, CelError):
                run.charge(1)
                return at
            if type(at) not in QUALIFIERS:
                run.charge(0 if lenient else 1)
                return CelError(f"invalid qualifier type: {go_type(at)}")
            present, value = found_in(field, held, at, lenient or test, declared is not None)
            if present or not lenient:
                run.charge(1)
            if isinstance(value, CelError):
                return value
            if test:
                return present
            if not lenient:
                return value
            if not present:
                return NONE
            if wrap and yielded is not None and yielded.adapt is not None:
                value = adapted(yielded.adapt, value)
            return Optional(value)

        return Flow(step, None if optional or test else yielded)

    def _call(self, node: Call) -> Step:
        function = node.function
        args = node.args if node.target is None else [node.target, *node.args]
        if function in ("_&&_", "_||_"):
            return logic([self.step(arg) for arg in args], function == "_||_")
        chosen = self.references[node.id].overloads
        if function == "@in" and chosen == ("in_list",):
            member = self._membership(args)
            if member is not None:
                return member
        if function in ("or", "orValue") and len(args) == 2 and len(chosen) == 1 and chosen[0].startswith("optional_"):
            return optional_or(self.step(args[0]), self.step(args[1]), function == "orValue")
        if function == "@not_strictly_false":
            return not_strictly_false(self.step(args[0]))
        overload = "equals" if function == "_==_" else "not_equals" if function == "_!=_" else ""
        overload = overload or (chosen[0] if len(chosen) == 1 else "")
        target = target_of(self.functions, function, chosen)
        pattern = PATTERN_ARGUMENT.get(function)
        fixed = pattern is not None and pattern < len(args) and self._pattern(args[pattern])
        if fixed and function == "matches":
            target = strings_only(target)
        return applied(target, [self.step(arg) for arg in args], cost_of(function, overload), fixed or len(args) > 2)

    def _pattern(self, node: Node) -> bool:
        """Whether a pattern is known now; then it must compile now."""
        known, value = self.constant(node)
        if not known or type(value) is not str:
            return False
        try:
            compile_pattern(value)
        except PatternError as fault:
            raise ProgramError(str(fault)) from None
        return True

    def _membership(self, args: Sequence[Node]) -> Step | None:
        known, items = self.constant(args[1])
        if not known or not all(isinstance(item, _PRIMITIVES) for item in items):
            return None
        if not items:
            return lambda run: False
        keys = dict.fromkeys(items)
        left = self.step(args[0])

        def step(run: Run) -> Any:
            value = left(run)
            return value if isinstance(value, CelError) else find_key(keys, value)[0]

        return step

    def _list(self, node: ListExpr) -> Step:
        steps = [self.step(element) for element in node.elements]
        optional = node.optional

        def build(run: Run) -> Any:
            items: list[Any] = []
            for index, element in enumerate(steps):
                value = element(run)
                if isinstance(value, CelError):
                    return value
                if index in optional:
                    if not isinstance(value, Optional):
                        return CelError(f"cannot initialize optional list element from non-optional value {value}")
                    if not value.present:
                        continue
                    value = value.value
                items.append(value)
            return items

        return charged(build, LIST_CREATION)

    def _map(self, node: MapExpr) -> Step:
        steps = [(self.step(entry.key), self.step(entry.value), entry.optional) for entry in node.entries]

        def build(run: Run) -> Any:
            entries: dict[Any, Any] = {}
            for key_step, value_step, optional in steps:
                key = key_step(run)
                value = key if isinstance(key, CelError) else value_step(run)
                if isinstance(value, CelError):
                    return value
                if optional:
                    if not isinstance(value, Optional):
                        return CelError(
                            f"cannot initialize optional entry '{key}' from non-optional value {value}"
                        )
                    if not value.present:
                        entries.pop(key, None)
                        continue
                    value = value.value
                entries[literal_key(key)] = value
            return entries

        return charged(build, MAP_CREATION)

    def _struct(self, node: StructExpr) -> Step:
        """A message is the map of its fields."""
        steps = [(field.name, self.step(field.value), field.optional) for field in node.fields]

        def build(run: Run) -> Any:
            fields: dict[str, Any] = {}
            for name, step, optional in steps:
                value = step(run)
                if isinstance(value, CelError):
                    return value
                if not optional:
                    fields[name] = value
                elif not isinstance(value, Optional):
                    return CelError(f"cannot initialize optional entry '{name}' from non-optional value {value}")
                elif value.present:
                    fields[name] = value.value
            return fields

        return charged(build, STRUCT_CREATION)

    def _fold(self, node: Comprehension) -> Step:
        range_flow = self._range(node.iter_range)
        init = self.step(node.accu_init)
        two = bool(node.iter_var2)
        first, second = (self.slots.fresh(one) for one in loop_declarations(range_flow.declared, two))
        accu = self.slots.fresh()
        self.slots.scopes.append({node.accu_var: accu})
        self.slots.scopes.append({node.iter_var: first} | ({node.iter_var2: second} if two else {}))
        condition, step = self.step(node.loop_condition), self.step(node.loop_step)
        self.slots.scopes.pop()
        result = self.step(node.result)
        self.slots.scopes.pop()
        ranged, places = range_flow.step, (first.slot, second.slot, accu.slot)

        def fold(run: Run) -> Any:
            items = ranged(run)
            if isinstance(items, CelError):
                return items
            if not isinstance(items, (list, dict)):
                return CelError(f"got '{go_type(items)}', expected iterable type")
            run.slots[places[2]] = Pending(init)
            for one, other in pairs(items, two):
                run.slots[places[0]] = one
                run.slots[places[1]] = other
                if condition(run) is False:
                    break
                run.slots[places[2]] = step(run)
            return settled(result(run))

        return fold

    def _range(self, node: Node) -> Flow[Run]:
        if self.constant(node)[0] or not is_attribute(node):
            return Flow(self.step(node))
        flow = self.attribute(node)
        inner, cost = flow.step, 0 if starts_from_condition(node) else 1
        if flow.declared is None or flow.declared.element is None:
            return Flow(self._attribute_step(node))
        return Flow(charged(inner, cost), flow.declared)
