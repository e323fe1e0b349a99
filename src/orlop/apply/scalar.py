"""Nodes whose values are leaves by nature: scalars, and what is kept without a look inside.

Made by `builtin` and `openapi`. Behaviour: structured-merge-diff `typed/validate.go` (validateScalar); the kinds of
scalars are those of kube-openapi's `schemaconv`.
"""

from __future__ import annotations

from typing import Final

from orlop.api.tree import Value
from orlop.apply import go_text
from orlop.apply.field_set import LEAF, FieldSet
from orlop.apply.node import MODIFIED, Difference, Node, equal
from orlop.apply.typed_errors import Complaint
from orlop.structural.numbers import Whole


class Leaf(Node):
    """A value that is owned as a whole and may be anything."""

    leaf = True

    def validate(self, value: Value, duplicates: bool = False) -> list[Complaint]:
        return []

    def fields(self, value: Value) -> FieldSet | None:
        return LEAF

    def whole(self, value: Value) -> FieldSet:
        return LEAF

    def compare(self, old: Value, new: Value) -> Difference | None:
        return None if equal(old, new) else MODIFIED

    def merge(self, live: Value, config: Value) -> Value:
        return live if equal(live, config) else config

    def remove(self, value: Value, items: FieldSet) -> Value:
        return None if isinstance(value, list | dict) else value

    def extract(self, value: Value, items: FieldSet) -> Value:
        return value


class Scalar(Leaf):
    """A number, string, boolean, or any of them ("untyped")."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def validate(self, value: Value, duplicates: bool = False) -> list[Complaint]:
        actual = type(value)
        if value is None or actual in _ALLOWED[self.kind]:
            return []
        if self.kind == "numeric":
            return [Complaint("", f"expected numeric (int or float), got {go_text.type_name(value)}")]
        if self.kind == "string":
            return [Complaint("", f"expected string, got {go_text.syntax_of_holder(value)}")]
        wanted = "boolean" if self.kind == "boolean" else "any scalar"
        return [Complaint("", f"expected {wanted}, got {go_text.holder(value)}")]

    def remove(self, value: Value, items: FieldSet) -> Value:
        return value


_ALLOWED: Final = {
    "numeric": frozenset({int, float, Whole}),
    "string": frozenset({str}),
    "boolean": frozenset({bool}),
    "untyped": frozenset({int, float, Whole, str, bool}),
}

NUMERIC: Final = Scalar("numeric")
STRING: Final = Scalar("string")
BOOLEAN: Final = Scalar("boolean")
UNTYPED: Final = Scalar("untyped")
OPAQUE: Final = Leaf()
