"""Rules in CEL that schemas carry (x-kubernetes-validations), and what they may cost.

Called by `schema_rules` for every schema that has some. `check_rules` judges what can be judged without CEL; costs and
types are kept here for `rule_compilation`, which compiles the expressions. Behaviour: apiextensions-apiserver
`pkg/apis/apiextensions/validation/{validation,cel_validation}.go`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from orlop.api.field import Path, forbidden, invalid, not_supported, required
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.definitions import unsupported
from orlop.structural import field_path

if TYPE_CHECKING:
    from orlop.cel.types import Declared

RULES: Final = "x-kubernetes-validations"
RULE_LIMIT: Final = 10_000_000
"""What one expression may cost."""
TOTAL_LIMIT: Final = 100_000_000
"""What all expressions of a schema may cost."""
UNBOUNDED: Final = 2**64 - 1
"""Costs end here."""

_REASONS: Final = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
ITEMS: Final = "[]"
VALUES: Final = "{}"
"""Steps that are no names of properties."""

_LINE_BREAK: Final = re.compile(r"[\n\r]")
_NOTABLE: Final = TOTAL_LIMIT // 100
_MOST_NOTED: Final = 4


@dataclass(slots=True)
class TotalCost:
    """What the expressions of one schema cost together; the four dearest are told when it is too much."""

    total: int = 0
    dearest: list[tuple[int, Path]] = field(default_factory=list)

    def add(self, path: Path, cost: int) -> None:
        self.total = min(self.total + cost, UNBOUNDED)
        if cost >= _NOTABLE:
            self.dearest.append((cost, path))
            self.dearest.sort(key=lambda noted: -noted[0])
            del self.dearest[_MOST_NOTED:]

    def complaints(self, path: Path) -> Errors:
        if self.total <= TOTAL_LIMIT:
            return []
        found = [forbidden(place, "contributed to estimated rule cost total exceeding cost limit for entire "
                                  "OpenAPIv3 schema") for _, place in self.dearest]
        name = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
        return [*found, forbidden(path, cost_message(name, self.total, TOTAL_LIMIT))]


@dataclass(slots=True)
class Scope:
    """Where a schema stands among the others, for rules. `step` is how one comes here from `parent`: the name of a
    property, or one of ITEMS and VALUES. `cardinality` is how often at most it occurs in an object, None when nobody
    knows. `within_rules`: it or an ancestor has rules. `known_type`: what `rule_compilation` found out of its type."""

    schema: Tree
    total: TotalCost
    within_rules: bool
    cardinality: int | None = 1
    parent: Scope | None = None
    step: str | None = None
    known_type: tuple[Declared | None] | None = None

    @staticmethod
    def root(schema: Tree) -> Scope:
        return Scope(schema, TotalCost(), bool(schema.get(RULES)))

    def child(self, schema: Tree, step: str) -> Scope:
        most = _most_elements(self.schema)
        cardinality = None if self.cardinality is None or most is None else times(self.cardinality, most)
        return Scope(schema, self.total, self.within_rules or bool(schema.get(RULES)), cardinality, self, step)


def _most_elements(schema: Tree) -> int | None:
    """How many members or items a value has at most; one for structs and scalars."""
    kind = schema.get("type")
    keyword = "maxItems" if kind == "array" else "maxProperties"
    if kind != "array" and (kind != "object" or schema.get("additionalProperties") is None):
        return 1
    most = schema.get(keyword)
    return None if most is None else max(most, 0)


def times(cost: int, count: int) -> int:
    return min(cost * count, UNBOUNDED)


def cost_message(name: str, cost: int, limit: int) -> str:
    """By how much something is too dear."""
    excess = cost / limit
    factor = "more than 100x" if excess > 100 else f"{excess:.6f}x" if excess < 1.5 else f"{excess:.1f}x"
    return (f"{name} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, "
            "maxProperties, and maxLength where arrays, maps, and strings are declared)")


def check_rules(schema: Tree, path: Path) -> Errors:
    """The form of the rules of a schema that stands at `path`."""
    found: Errors = []
    for index, rule in enumerate(schema.get(RULES) or ()):
        place = path.child(RULES).index(index)
        found += _texts(place, rule)
        found += _field_path(place.child("fieldPath"), schema, rule.get("fieldPath") or "")
    return found


def _texts(place: Path, rule: Tree) -> Errors:
    found: Errors = []
    text, message = (rule.get("rule") or "").strip(), rule.get("message") or ""
    if not text:
        found.append(required(place.child("rule"), "rule is not specified"))
    elif message and not message.strip():
        found.append(invalid(place.child("message"), message, "must be non-empty if specified"))
    elif _LINE_BREAK.search(message.strip()):
        found.append(invalid(place.child("message"), message, "must not contain line breaks"))
    elif _LINE_BREAK.search(text) and not message.strip():
        found.append(required(place.child("message"), "message must be specified if rule contains line breaks"))
    expression = rule.get("messageExpression") or ""
    if expression and not expression.strip():
        found.append(required(place.child("messageExpression"), "messageExpression must be non-empty if specified"))
    reason = rule.get("reason")
    if reason is not None and reason not in _REASONS:
        found.append(not_supported(place.child("reason"), reason, _REASONS))
    return found


def _field_path(place: Path, schema: Tree, text: str) -> Errors:
    found: Errors = []
    if text and not text.strip():
        found.append(invalid(place, text, "must be non-empty if specified"))
    if _LINE_BREAK.search(text):
        found.append(invalid(place, text, "must not contain line breaks"))
    if text and not unsupported.complaint(schema):
        try:
            field_path.follow(text, schema)
        except field_path.BadPath:
            found.append(invalid(place, text, "must be a valid path"))
    return found
