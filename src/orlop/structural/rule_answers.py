"""What the rules of a schema say of an object, rule by rule, with every cost counted.

`rules.SchemaRules` comes here when `rule_check` found that some rule does not hold, or when costs may matter. What did
not change since the old object is not refused but warned of (ratcheting). Behaviour: apiextensions-apiserver
`pkg/apiserver/schema/cel/validation.go` (Validator.validate, evalMessageExpression, fieldErrorForReason).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

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
from orlop.cel.program import Budget, Program
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
LONGEST_MESSAGE: Final = 5 * 1024
"""Bytes of a message that an expression makes; the rule's own message stands in for longer ones."""

_EXCEEDED: Final = "operation cancelled: actual cost limit exceeded"
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


@dataclass(frozen=True, slots=True)
class _At:
    """A value whose rules are evaluated: `plain` are the variables of plain rules, `optional` those of rules whose
    `oldSelf` is an optional."""

    kind: str
    path: Path
    value: Value
    ratchet: _Ratchet
    plain: dict[str, Any]
    optional: dict[str, Any]


class Judgement:
    """One walk through an object. `errors` are what it found, `remaining` is what further evaluations may cost: less
    than nothing when there are none any more."""

    def __init__(self, warn: Callable[[str], None], budget: int = TOTAL_LIMIT) -> None:
        self.errors: list[FieldError] = []
        self.remaining = budget
        self._warn = warn

    def judge(self, rules: RuleNode, path: Path, value: Value, old: Value, ratchets: bool) -> None:
        """`ratchets`: errors of what equals `old` are warnings."""
        try:
            self._node(rules, path, value, old, _Ratchet(Correlation(value, old, rules.node) if ratchets else None))
        except _Over:
            self.remaining = -1

    # --- the walk ------------------------------------------------------------------------------------------------

    def _node(self, rules: RuleNode, path: Path, value: Value, old: Value, ratchet: _Ratchet) -> None:
        if value is None:
            return
        self._own(rules, path, value, old, ratchet)
        if type(value) is list:
            self._list(rules, path, value, old, ratchet)
        elif type(value) is dict:
            self._map(rules, path, value, old, ratchet)

    def _map(self, rules: RuleNode, path: Path, value: dict[str, Value], old: Value, ratchet: _Ratchet) -> None:
        before = old if rules.correlates and type(old) is dict else {}
        if rules.additional is not None:
            for name, item in value.items():
                self._node(rules.additional, path.key(name), item, before.get(name), ratchet.key(name))
        for name, below in rules.members.items():
            if name in value:
                self._node(below, path.child(name), value[name], before.get(name), ratchet.key(name))

    def _list(self, rules: RuleNode, path: Path, value: list[Value], old: Value, ratchet: _Ratchet) -> None:
        if rules.items is None:
            return
        track = Correlation(value, old, rules.node)
        for index, item in enumerate(value):
            found = track.index(index)
            self._node(rules.items, path.index(index), item, found.old if found is not None else None,
                       ratchet.index(index))

    # --- the rules of a node -------------------------------------------------------------------------------------

    def _own(self, rules: RuleNode, path: Path, value: Value, old: Value, ratchet: _Ratchet) -> None:
        kind = rules.node.type
        if rules.error:
            self.errors.append(invalid(path, kind, f"rule compiler initialization error: {rules.error}"))
            return
        if not rules.programs:
            return
        if self.remaining <= 0:
            self._out_of_budget(path, kind)
        at = _At(kind, path, value, ratchet, *_bindings(rules, value, old))
        for one in rules.programs:
            if one.error:
                self.errors.append(invalid(path, kind, f"rule compile error: {one.error}"))
            elif one.program is not None and (old is not None or one.is_optional or not one.uses_old_self):
                self._rule(at, one, one.program)

    def _out_of_budget(self, path: Path, kind: str) -> None:
        self.errors.append(invalid(path, kind, f"validation failed due to running out of cost budget, {_NO_MORE}"))
        raise _Over

    def _rule(self, at: _At, one: RuleProgram, program: Program) -> None:
        holds, problem, cost = _evaluated(program, at.optional if one.is_optional else at.plain)
        if cost > self.remaining:
            self._out_of_budget(at.path, at.kind)
        self.remaining -= cost
        if problem:
            self._failed(at, one, problem)
        elif holds is not True:
            self._told(at, one)

    def _failed(self, at: _At, one: RuleProgram, problem: str) -> None:
        """A rule that has no answer."""
        name = _name(one)
        if problem == _EXCEEDED:
            self.errors.append(invalid(at.path, at.kind, f"'{problem}': {_NO_MORE} due to call cost exceeds limit for "
                                                         f"rule: {name}"))
            raise _Over
        detail = f"'{problem}': {_OVERLOAD}: {name}" if problem.startswith("no such overload") else \
            f"{problem} evaluating rule: {name}"
        self.errors.append(invalid(at.path, at.kind, detail))

    def _told(self, at: _At, one: RuleProgram) -> None:
        """A rule that does not hold."""
        path = at.path.child(one.place) if one.place else at.path
        ratchets = not one.uses_old_self and at.ratchet.is_equal()
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
        made, problem, cost = _evaluated(one.message, at.plain)
        if cost > self.remaining:
            raise _NoMessage(f"messageExpression evaluation failed due to running out of cost budget, {_NO_MORE}")
        if problem == _EXCEEDED:
            text = quote(one.rule["messageExpression"])
            raise _NoMessage(f"{_NO_MORE} due to call cost exceeds limit for messageExpression: {text}")
        self.remaining -= cost
        text = "" if problem else trimmed(made)
        usable = text and "\n" not in text and len(text.encode("utf-8", "surrogatepass")) <= LONGEST_MESSAGE
        return text if usable else _message_of(one)


def _evaluated(program: Program, bindings: dict[str, Any]) -> tuple[Any, str, int]:
    """The value, or the words of an error; and the cost."""
    budget = Budget(CALL_LIMIT)
    value, problem = None, ""
    try:
        value = program.evaluate_within(bindings, budget)
    except BudgetExceeded:
        problem = _EXCEEDED
    except CelError as error:
        problem = error.message
    return value, problem, CALL_LIMIT - budget.remaining


def _bindings(rules: RuleNode, value: Value, old: Value) -> tuple[dict[str, Any], dict[str, Any]]:
    """The variables of plain rules, and of those whose `oldSelf` is an optional."""
    value, old = fitted(rules.node, value), fitted(rules.node, old)
    plain: dict[str, Any] = {SELF: value}
    if old is not None and any(one.uses_old_self for one in rules.programs):
        plain[OLD_SELF] = old
    optional: dict[str, Any] = {SELF: value, OLD_SELF: NONE}
    if old is not None and any(one.is_optional for one in rules.programs):
        try:
            optional[OLD_SELF] = rules.optional(old)
        except CelError:  # an old value of another type: evaluations that look at it tell
            del optional[OLD_SELF]
    return plain, optional


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
