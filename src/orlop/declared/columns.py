"""What a kind shows and offers besides its fields: printer columns, selectable fields, replicas.

Used by `definition`. Types of columns are found in the schema. Defined by `apiextensions/v1/types.go`
(CustomResourceColumnDefinition, CustomResourceSubresourceScale).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from orlop.api.tree import Tree
from orlop.declared.errors import DeclarationError

_STEP: Final = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d+|\*|\?.*?)\]|\.\.")
_AGE: Final = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
_METADATA: Final[dict[str, Tree]] = {".metadata.creationTimestamp": {"type": "string", "format": "date-time"},
                                     ".metadata.generation": {"type": "integer"}}
_TYPES: Final = ("integer", "number", "string", "boolean", "date")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of tables. `type` is that of the field, unless it is given; columns with a `priority` above 0 are for
    wide tables."""

    name: str
    path: str
    description: str = ""
    type: Literal["", "integer", "number", "string", "boolean", "date"] = ""
    format: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a kind has its replicas, for `kubectl scale` and autoscalers."""

    spec: str = ".spec.replicas"
    status: str = ".status.replicas"
    selector: str = ""

    def tree(self) -> Tree:
        found = {"specReplicasPath": dotted(self.spec), "statusReplicasPath": dotted(self.status)}
        return {**found, "labelSelectorPath": dotted(self.selector)} if self.selector else found


def dotted(path: str) -> str:
    """A path as it is written in definitions: `spec.size` is `.spec.size`."""
    return path if path.startswith((".", "[")) else f".{path}"


def columns(given: Sequence[Column | str], schema: Tree) -> list[Tree]:
    """The columns of a version; with the age as the last, as every table of Kubernetes has it."""
    found = []
    for each in given:
        column = Column(each.rpartition(".")[2].capitalize(), each) if isinstance(each, str) else each
        path = dotted(column.path)
        field = leading(path, schema)
        kind = column.type or _type(field)
        if kind not in _TYPES:
            raise DeclarationError(f"column {column.name}: nothing of type {kind} can be shown; name a field in it")
        tree: Tree = {"name": column.name, "type": kind, "jsonPath": path}
        description = column.description or (field or {}).get("description", "")
        for name, value in (("description", description), ("format", column.format), ("priority", column.priority)):
            if value:
                tree[name] = value
        found.append(tree)
    if found and not any(each["name"].lower() == "age" for each in found):
        found.append(dict(_AGE))
    return found


def _type(field: Tree | None) -> str:
    if field is None or field.get("x-kubernetes-int-or-string"):
        return "string"
    return "date" if field.get("format") == "date-time" else str(field.get("type", "string"))


def leading(path: str, schema: Tree) -> Tree | None:
    """The schema that a path leads to, None where it cannot be told. Raises DeclarationError for fields that there are
    not."""
    if path.startswith(".metadata"):
        return _METADATA.get(path)
    here: Any = schema
    position = 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None or here is None:
            return None
        position = step.end()
        name = step[1]
        if name is None:
            if step[2] is None or not step[2].isdigit():
                return None
            here = here.get("items")
            continue
        inner = here.get("properties", {}).get(name) or here.get("additionalProperties")
        if inner is None and not _loose(here):
            raise DeclarationError(f"{path}: there is no field {name!r}")
        here = inner
    return here if isinstance(here, dict) else None


def _loose(schema: Tree) -> bool:
    return bool(schema.get("x-kubernetes-preserve-unknown-fields")) or schema.get("type") != "object"
