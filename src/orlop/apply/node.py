"""What every node of a compiled type can do: the operations of server-side apply on values of that type.

`builtin` and `openapi` compile types into nodes, one per place in a kind, made when first needed and kept. `ownership`
calls the root's. The nodes: `scalar`, `members` (structs and maps), `items` (lists), `anything` (no type known).

All operations but `validate` expect values that validate; where a live object does not (a list item without its keys),
they raise TypedError. They never change what they are given. What comes out shares all it can with what went in, and
is the argument itself where nothing differs. Behaviour: structured-merge-diff `typed/`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final, TypeAlias

from orlop.api.tree import Value
from orlop.apply.field_set import LEAF, FieldSet
from orlop.apply.typed_errors import Complaint

Difference: TypeAlias = tuple[FieldSet | None, FieldSet | None]
"""What is below (or, as LEAF, at) a value that was removed, and what was added or modified; None for nothing."""

MODIFIED: Final[Difference] = (None, LEAF)


class Node(ABC):
    """One type. `leaf`: values are owned as a whole, whatever they hold (scalars, atomic lists and maps)."""

    leaf = False

    @abstractmethod
    def validate(self, value: Value, duplicates: bool = False) -> list[Complaint]:
        """What is wrong with a value. `duplicates` allows a list to have several items of one key."""

    @abstractmethod
    def fields(self, value: Value) -> FieldSet | None:
        """The fields that an applied value owns, seen from the value: LEAF where it is owned as a whole, None where
        there is nothing to own (`typed/tofieldset.go`)."""

    @abstractmethod
    def whole(self, value: Value) -> FieldSet:
        """The fields that come or go with a value that was not there before or is not there now; each object and list
        on the way is one of them (`typed/compare.go` with one side missing)."""

    @abstractmethod
    def compare(self, old: Value, new: Value) -> Difference | None:
        """What changed between two values, both present; null is present."""

    @abstractmethod
    def merge(self, live: Value, config: Value) -> Value:
        """The live value with a configuration merged in, both present."""

    @abstractmethod
    def remove(self, value: Value, items: FieldSet) -> Value:
        """The value without these items; null where nothing is left."""

    @abstractmethod
    def extract(self, value: Value, items: FieldSet) -> Value:
        """Only these items of the value."""

    def named(self, fields: FieldSet) -> FieldSet:
        """The set with each declared member that has fields below it as a member (EnsureNamedFieldsAreMembers)."""
        return fields

    def reconciled(self, fields: FieldSet) -> FieldSet:
        """A set written under an older form of the type: what has become atomic since is owned as a whole
        (`typed/reconcile_schema.go`)."""
        return fields


def equal(left: Value, right: Value) -> bool:
    """Whether two values mean the same: as JSON, but 1 is 1.0 and nothing else is a number (`value.Equals`)."""
    if left is right:
        return True
    kind, other = type(left), type(right)
    if kind is dict:
        return other is dict and len(left) == len(right) and all(
            key in right and equal(value, right[key]) for key, value in left.items())
    if kind is list:
        return other is list and len(left) == len(right) and all(map(equal, left, right))
    if kind is bool or other is bool:
        return kind is other and bool(left == right)
    return bool(left == right)
