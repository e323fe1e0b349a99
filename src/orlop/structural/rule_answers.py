"""What the rules of a schema say of an object, rule by rule, with every cost counted.

`rules.SchemaRules` comes here when `rule_check` found that some rule does not hold, or when costs may matter. What did
not change since the old object is not refused but warned of (ratcheting). Behaviour: apiextensions-apiserver
`pkg/apiserver/schema/cel/validation.go` (Validator.validate, evalMessageExpression, fieldErrorForReason).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from orlop.api.field import (
    DUPLICATE,
    FORBIDDEN,
    OMITTED,
    REQUIRED,
    FieldError,
    Path,
    duplicate,
    forbidden,
    invalid,
    quote,
    required,
)
from orlop.api.tree import Value
from orlop.cel.meter import EXCEEDED, Meter
from orlop.cel.program import Program
from orlop.cel.values import NONE, BudgetExceeded, CelError
from orlop.structural.numbers import shown
from orlop.structural.ratcheting import Correlation
from orlop.structural.rule_programs import OLD_SELF, SELF, RuleProgram, trimmed
from orlop.structural.rule_tree import RuleNode
from orlop.structural.rule_values import fitted

CALL_LIMIT: Final = 1_000_000
"""What one evaluation may cost; rules after one that costs more are not evaluated."""
TOTAL_LIMIT: Final = 10_000_000
"""What all evaluations for one object may cost."""
_OVERHEAD: Final = 10
"""What each evaluation takes beside its cost, in the same units."""
LONGEST_MESSAGE: Final = 5 * 1024
"""Bytes of a message that an expression makes; the rule's own message stands in for longer ones."""

_OVERLOAD: Final = "call arguments did not match a supported operator, function or macro signature for rule"
_NO_MORE: Final = "no further validation rules will be run"
_TYPE_META: Final = ("apiVersion", "kind")


class _Over(Exception):
    """No further rule is evaluated."""


class _NoMessage(Exception):
    """A message too dear to be made."""


@dataclass(frozen=True, slots=True)
class _Ratchet:
    """How a value correlates with an old one: `nearest` stands in for one that does not."""

    current: Correlation | None = None
    nearest: Correlation | None = None

    def is_equal(self) -> bool:
        track = self.current if self.current is not None else self.nearest
        return track is not None and track.is_equal()

    def key(self, name: str) -> _Ratchet:
        if self.current is None:
            return self
        if self.nearest is None and name in _TYPE_META:
            return _Ratchet()
        return _Ratchet(self.current.key(name), self.current)

    def index(self, position: int) -> _Ratchet:
        return self if self.current is None else _Ratchet(self.current.index(position), self.current)


_Spot: TypeAlias = "tuple[_Spot, str, Any] | None"
"""Where a walk is: the spot above, what kind of step leads down from it, and by which name or position. What stands for
it in errors is made when there are some."""
_MEMBER: Final = "member"
_ENTRY: Final = "entry"
_ITEM: Final = "item"


class _Plan(NamedTuple):
    """What is evaluated at a node: `plain` rules, then all with what they need of the old value. `looks_back`: some
    rule at the node or below needs that."""

    programs: tuple[tuple[RuleProgram, Program | None], ...]
    uses_old: bool
    has_optional: bool
    items_look_back: bool


@dataclass(frozen=True, slots=True)
class _At:
    """A value whose rules are evaluated: `plain` are the variables of plain rules, `optional` those of rules whose
    `oldSelf` is an optional."""

    kind: str
    spot: _Spot
    value: Value
    plain: dict[str, Any]
    optional: dict[str, Any] | None


class Judgement:
    """One walk through an object. `errors` are what it found, `remaining` is what further evaluations may cost: less
    than nothing when there are none any more. `ask` is called now and then, at least whenever `stride` more was spent;
    what it raises ends the walk."""

    def __init__(self, warn: Callable[[str], None], budget: int = TOTAL_LIMIT, stride: int = 0,
                 ask: Callable[[], None] | None = None) -> None:
        self.errors: list[FieldError] = []
        self.remaining = budget
        self._warn, self._ask, self._stride = warn, ask, stride
        self._patience = stride
        self._meter = Meter(CALL_LIMIT, stride, ask)
        self._plans: dict[RuleNode, _Plan] = {}
        self._root, self._ratchet, self._fit = Path(), _Ratchet(), True

    def judge(self, rules: RuleNode, path: Path, value: Value, old: Value, ratchets: bool) -> None:
        """`ratchets`: errors of what equals `old` are warnings."""
        self._root = path
        self._ratchet = _Ratchet(Correlation(value, old, rules.node) if ratchets else None)
        self._fit = fitted(rules.node, value) is value and fitted(rules.node, old) is old
        try:
            self._node(rules, None, value, old)
        except _Over:
            self.remaining = -1

    # --- the walk ------------------------------------------------------------------------------------------------

    def _node(self, rules: RuleNode, spot: _Spot, value: Value, old: Value) -> None:
        if value is None:
            return
        if rules.programs or rules.error:
            self._own(rules, spot, value, old)
        if type(value) is list:
            self._list(rules, spot, value, old)
        elif type(value) is dict:
            self._map(rules, spot, value, old)

    def _map(self, rules: RuleNode, spot: _Spot, value: dict[str, Value], old: Value) -> None:
        before = old if rules.correlates and type(old) is dict else {}
        if rules.additional is not None:
            for name, item in value.items():
                self._node(rules.additional, (spot, _ENTRY, name), item, before.get(name))
        for name, below in rules.members.items():
            if name in value:
                self._node(below, (spot, _MEMBER, name), value[name], before.get(name))

    def _list(self, rules: RuleNode, spot: _Spot, value: list[Value], old: Value) -> None:
        if rules.items is None:
            return
        track = Correlation(value, old, rules.node) if self._plan(rules).items_look_back else None
        for index, item in enumerate(value):
            found = track.index(index) if track is not None else None
            self._node(rules.items, (spot, _ITEM, index), item, found.old if found is not None else None)

    def _path(self, spot: _Spot) -> Path:
        if spot is None:
            return self._root
        above = self._path(spot[0])
        if spot[1] is _MEMBER:
            return above.child(spot[2])
        return above.key(spot[2]) if spot[1] is _ENTRY else above.index(spot[2])

    def _track(self, spot: _Spot) -> _Ratchet:
        if spot is None:
            return self._ratchet
        above = self._track(spot[0])
        return above.index(spot[2]) if spot[1] is _ITEM else above.key(spot[2])

    def _plan(self, rules: RuleNode) -> _Plan:
        found = self._plans.get(rules)
        if found is None:
            found = self._plans[rules] = _Plan(
                tuple((one, one.program) for one in rules.programs),
                any(one.uses_old_self for one in rules.programs), any(one.is_optional for one in rules.programs),
                rules.items is not None and rules.items.looks_back())
        return found

    # --- the rules of a node -------------------------------------------------------------------------------------

    def _own(self, rules: RuleNode, spot: _Spot, value: Value, old: Value) -> None:
        kind = rules.node.type
        if rules.error:
            self.errors.append(invalid(self._path(spot), kind, f"rule compiler initialization error: {rules.error}"))
            return
        if self.remaining <= 0:
            self._out_of_budget(spot, kind)
        plan = self._plan(rules)
        at = _At(kind, spot, value, *self._bindings(rules, plan, value, old))
        for one, program in plan.programs:
            if one.error:
                self.errors.append(invalid(self._path(spot), kind, f"rule compile error: {one.error}"))
            elif program is not None and (old is not None or one.is_optional or not one.uses_old_self):
                self._rule(at, one, program)

    def _bindings(self, rules: RuleNode, plan: _Plan, value: Value, old: Value
                  ) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """The variables of plain rules, and of those whose `oldSelf` is an optional."""
        if not self._fit:
            value, old = fitted(rules.node, value), fitted(rules.node, old)
        plain: dict[str, Any] = {SELF: value}
        if old is not None and plan.uses_old:
            plain[OLD_SELF] = old
        if not plan.has_optional:
            return plain, None
        optional: dict[str, Any] = {SELF: value, OLD_SELF: NONE}
        if old is not None:
            try:
                optional[OLD_SELF] = rules.optional(old)
            except CelError:  # an old value of another type: evaluations that look at it tell
                del optional[OLD_SELF]
        return plain, optional

    def _out_of_budget(self, spot: _Spot, kind: str) -> None:
        self.errors.append(invalid(self._path(spot), kind,
                                   f"validation failed due to running out of cost budget, {_NO_MORE}"))
        raise _Over

    def _rule(self, at: _At, one: RuleProgram, program: Program) -> None:
        holds, cost = self._evaluated(program, at.optional if one.is_optional else at.plain)
        if cost > self.remaining:
            self._out_of_budget(at.spot, at.kind)
        self.remaining -= cost
        if holds is not True:
            if isinstance(holds, CelError):
                self._failed(at, one, holds.message)
            else:
                self._told(at, one)

    def _evaluated(self, program: Program, bindings: dict[str, Any] | None) -> tuple[Any, int]:
        """The value, or the error; and the cost."""
        try:
            value, cost = program.account(bindings or {}, self._meter, self._fit)
        except BudgetExceeded:
            return CelError(EXCEEDED), CALL_LIMIT + 1
        if self._ask is not None:
            self._patience -= cost + _OVERHEAD
            if self._patience < 0:
                self._ask()
                self._patience = self._stride
        return value, cost

    def _failed(self, at: _At, one: RuleProgram, problem: str) -> None:
        """A rule that has no answer."""
        name, path = _name(one), self._path(at.spot)
        if problem == EXCEEDED:
            self.errors.append(invalid(path, at.kind, f"'{problem}': {_NO_MORE} due to call cost exceeds limit for "
                                                      f"rule: {name}"))
            raise _Over
        detail = f"'{problem}': {_OVERLOAD}: {name}" if problem.startswith("no such overload") else \
            f"{problem} evaluating rule: {name}"
        self.errors.append(invalid(path, at.kind, detail))

    def _told(self, at: _At, one: RuleProgram) -> None:
        """A rule that does not hold."""
        path = self._path(at.spot)
        if one.place:
            path = path.child(one.place)
        ratchets = not one.uses_old_self and self._track(at.spot).is_equal()
        try:
            detail = self._message(at, one)
        except _NoMessage as why:
            self._add(invalid(path, at.kind, str(why)), ratchets)
            raise _Over from None
        value = OMITTED if at.kind in ("object", "array") else shown(at.value)
        self._add(_for_reason(path, value, detail, one.rule.get("reason")), ratchets)

    def _add(self, error: FieldError, ratchets: bool) -> None:
        if ratchets:
            self._warn(str(error))
        else:
            self.errors.append(error)

    def _message(self, at: _At, one: RuleProgram) -> str:
        """What is said of a rule that does not hold. Raises _NoMessage where finding that out was too dear."""
        if one.message is None:
            return _message_of(one)
        # Not the variables of the rule: to a message, `oldSelf` is never an optional.
        made, cost = self._evaluated(one.message, at.plain)
        if cost > self.remaining:
            raise _NoMessage(f"messageExpression evaluation failed due to running out of cost budget, {_NO_MORE}")
        if isinstance(made, CelError):
            if made.message == EXCEEDED:
                text = quote(one.rule["messageExpression"])
                raise _NoMessage(f"{_NO_MORE} due to call cost exceeds limit for messageExpression: {text}")
            made = ""
        self.remaining -= cost
        text = trimmed(made)
        usable = text and "\n" not in text and len(text.encode("utf-8", "surrogatepass")) <= LONGEST_MESSAGE
        return text if usable else _message_of(one)


def _name(one: RuleProgram) -> str:
    """What messages call a rule."""
    return trimmed(one.rule.get("message") or one.rule["rule"])


def _message_of(one: RuleProgram) -> str:
    message: str = one.rule.get("message") or ""
    return trimmed(message) if message else f"failed rule: {_name(one)}"


def _for_reason(path: Path, value: Any, detail: str, reason: str | None) -> FieldError:
    if reason == FORBIDDEN:
        return forbidden(path, detail)
    if reason == REQUIRED:
        return required(path, detail)
    return duplicate(path, value) if reason == DUPLICATE else invalid(path, value, detail)
