"""The rules of one schema (x-kubernetes-validations), each compiled: what it evaluates, and what it may cost.

`rule_tree` compiles with this what is evaluated on writes, the rules of definitions what an author wrote. Nothing is
refused here: what is wrong with a rule is told beside it. Behaviour: apiextensions-apiserver
`pkg/apiserver/schema/cel/compilation.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from orlop.api.tree import Tree
from orlop.cel import types as t
from orlop.cel.cost_estimate import estimate
from orlop.cel.cost_range import Estimate
from orlop.cel.cost_sizes import Sizes, declared_sizes
from orlop.cel.declared import MAX_REQUEST_SIZE, named
from orlop.cel.environment import Environment
from orlop.cel.issues import CompileError, ProgramError
from orlop.cel.library_kubernetes import LIBRARIES
from orlop.cel.program import Program, room_to_recurse
from orlop.cel.types import Declared, Kind, Type
from orlop.structural import field_path

SELF: Final = "self"
OLD_SELF: Final = "oldSelf"
_CONTAINERS: Final = frozenset((Kind.LIST, Kind.MAP))
_TEXTS: Final = frozenset((Kind.STRING, Kind.BYTES))
_TYPE_NAME: Final = "selfType1"
"""What messages call the type of `self`. Upstream makes a new name each time, so that nobody relies on it."""


_SPACES: Final = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200b)))


def trimmed(text: str) -> str:
    """Without what Go takes for space at both ends."""
    return text.strip(_SPACES)


class _Wrong(Exception):
    """An expression that cannot be used; the words are upstream's."""


@dataclass(frozen=True, slots=True)
class RuleProgram:
    """One rule. `program` is None where it says nothing, or where `error` tells why it cannot be evaluated; the same
    holds for `message` and `message_error`. `cost` and `message_cost` are what one evaluation costs at most, `place` is
    its fieldPath as field errors write it."""

    rule: Tree
    program: Program | None = None
    error: str = ""
    cost: int = 0
    message: Program | None = None
    message_error: str = ""
    message_cost: int = 0
    place: str = ""

    @property
    def uses_old_self(self) -> bool:
        return self.program is not None and OLD_SELF in self.program.references.variables

    @property
    def is_optional(self) -> bool:
        """Whether `oldSelf` is an optional."""
        return bool(self.rule.get("optionalOldSelf"))


@lru_cache(maxsize=1)
def _base() -> Environment:
    return Environment({}, LIBRARIES)


def most_occurrences(declared: Declared) -> int:
    """How many values of a type an object can have at most, when nothing else bounds them."""
    return MAX_REQUEST_SIZE // (declared.min_serialized_size + 1)


class Extent(NamedTuple):
    """How large an object is: its largest list or map has so many `items`, its longest text so many bytes."""

    items: int
    text: int


ANY_EXTENT: Final = Extent(MAX_REQUEST_SIZE, MAX_REQUEST_SIZE)


def cost_within(program: Program, declared: Declared, extent: Extent) -> int:
    """What an evaluation costs at most for an object of that extent."""
    known = declared_sizes(declared)

    def sizes(path: Sequence[str], type_: Type) -> Estimate | None:
        found = known(path, type_)
        if found is None:
            return None
        limit = extent.items if type_.kind in _CONTAINERS else extent.text if type_.kind in _TEXTS else max(extent)
        return Estimate(0, min(found.high, limit))

    with room_to_recurse():
        return estimate(program.checked, sizes).high


def compile_rules(rules: Sequence[Tree], schema: Tree, declared: Declared) -> tuple[RuleProgram, ...]:
    """`rules` judge values of `schema`, which are declared so."""
    self = named(declared, _TYPE_NAME)
    plain = _base().extended({SELF: self, OLD_SELF: self})
    optional: Environment | None = None
    found = []
    for rule in rules:
        environment = plain
        if rule.get("optionalOldSelf"):
            environment = optional = optional or _base().extended({SELF: self, OLD_SELF: t.optional_of(self.type)})
        found.append(_compiled(rule, schema, environment, declared_sizes(self)))
    return tuple(found)


def _compiled(rule: Tree, schema: Tree, environment: Environment, sizes: Sizes) -> RuleProgram:
    text: str = rule.get("rule") or ""
    if not trimmed(text):
        return RuleProgram(rule)
    try:
        program, cost = _program(text, environment, sizes, t.BOOL, "", "cel expression must evaluate to a bool")
    except _Wrong as wrong:
        return RuleProgram(rule, error=str(wrong))
    message, message_error, message_cost = None, "", 0
    message_text: str = rule.get("messageExpression") or ""
    if message_text:
        try:
            message, message_cost = _program(message_text, environment, sizes, t.STRING, "messageExpression ",
                                             "messageExpression must evaluate to a string")
        except _Wrong as wrong:
            return RuleProgram(rule, program, cost=cost, message_error=str(wrong))
    return RuleProgram(rule, program, "", cost, message, message_error, message_cost, _place(rule, schema))


def _program(text: str, environment: Environment, sizes: Sizes, wanted: Type, name: str, other: str
             ) -> tuple[Program, int]:
    try:
        checked = environment.check(text)
    except CompileError as error:
        raise _Wrong(f"{name}compilation failed: {error}") from None
    if checked.output != wanted:
        raise _Wrong(other)
    try:
        program = environment.program(checked)
    except ProgramError as error:
        raise _Wrong(f"{name or 'program '}instantiation failed: {error.message}") from None
    with room_to_recurse():
        return program, estimate(checked, sizes).high


def _place(rule: Tree, schema: Tree) -> str:
    text: str = rule.get("fieldPath") or ""
    if not text:
        return ""
    try:
        return str(field_path.follow(text, schema).path)
    except field_path.BadPath:
        return ""
