"""What types alone cannot say about a field: markers for `Annotated`, alike for msgspec and Pydantic.

Users write them (`orlop.ListMap`, `orlop.Rule`, ...); `schema` asks each what it adds to the schema of its field. What
they mean is said by Kubernetes' page on structural schemas and `apiextensions/v1/types_jsonschema.go`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from orlop.api.tree import Tree

Reason = Literal["FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate"]


@runtime_checkable
class Marker(Protocol):
    """Anything with this method can stand in `Annotated`."""

    def orlop_mark(self, schema: Tree) -> None:
        """Change the schema of the field."""


class ListMap:
    """A list of objects that are known by some of their fields: no two alike, merged one by one by server-side
    apply."""

    def __init__(self, *keys: str) -> None:
        if not keys:
            raise TypeError("ListMap needs the names of the fields that tell items apart")
        self.keys = keys

    def orlop_mark(self, schema: Tree) -> None:
        schema["x-kubernetes-list-type"], schema["x-kubernetes-list-map-keys"] = "map", list(self.keys)


class ListSet:
    """A list without duplicates, of which each owner has items of its own. Python's sets are that by themselves."""

    def orlop_mark(self, schema: Tree) -> None:
        schema["x-kubernetes-list-type"] = "set"


class Atomic:
    """A list, map or object that has one owner and is replaced as a whole."""

    def orlop_mark(self, schema: Tree) -> None:
        schema["x-kubernetes-list-type" if schema.get("type") == "array" else "x-kubernetes-map-type"] = "atomic"


class PreserveUnknown:
    """Fields that the type does not name are kept, not dropped."""

    def orlop_mark(self, schema: Tree) -> None:
        schema["x-kubernetes-preserve-unknown-fields"] = True


class Embedded:
    """A whole object of some kind, with apiVersion, kind and metadata."""

    def orlop_mark(self, schema: Tree) -> None:
        schema["type"] = "object"
        schema["x-kubernetes-embedded-resource"] = schema["x-kubernetes-preserve-unknown-fields"] = True


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in CEL, checked by any API server. `self` is the value, `oldSelf` what it was. `message` is told when it
    does not hold, or what `message_expression` gives."""

    rule: str
    message: str = ""
    message_expression: str = ""
    reason: Reason | None = None
    field_path: str = ""
    optional_old_self: bool = False

    def tree(self) -> Tree:
        found: Tree = {"rule": self.rule}
        for name, value in (("message", self.message), ("messageExpression", self.message_expression),
                            ("reason", self.reason), ("fieldPath", self.field_path),
                            ("optionalOldSelf", self.optional_old_self)):
            if value:
                found[name] = value
        return found

    def orlop_mark(self, schema: Tree) -> None:
        schema.setdefault("x-kubernetes-validations", []).append(self.tree())


class Immutable:
    """What is written once stays so."""

    def orlop_mark(self, schema: Tree) -> None:
        Rule("self == oldSelf", "is immutable").orlop_mark(schema)


class Schema:
    """Keywords of the schema as they are, for what nothing else says: `Schema(format="hostname")`. Names that are no
    Python names go in as a mapping: `Schema({"x-kubernetes-map-type": "atomic"})`."""

    def __init__(self, keywords: dict[str, Any] | None = None, **more: Any) -> None:
        self.keywords = {**(keywords or {}), **more}

    def orlop_mark(self, schema: Tree) -> None:
        schema.update(self.keywords)
