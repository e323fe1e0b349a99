"""Field managers of the built-in kinds: one for each resource or subresource in each served version.

Made by `server.application`, asked by the endpoints' scopes on the first write that goes through them. What a manager
does is `apply.tracking`'s business; here it gets the types, conversions and reset fields of its kind. Behaviour:
apiserver `endpoints/installer.go`, where it makes a FieldManager.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from orlop.api.gvk import GroupVersion, GroupVersionKind
from orlop.api.tree import Tree
from orlop.apply.builtin import Compiler, types_of
from orlop.apply.filters import Exclude, FieldFilter
from orlop.apply.members import Members
from orlop.apply.node import Node
from orlop.apply.tracking import FieldManager
from orlop.apply.versions import Versions
from orlop.kinds.conversion import CONVERSIONS
from orlop.kinds.declaration import Resource
from orlop.kinds.reset_fields import reset_fields
from orlop.schema.interface import Schema
from orlop.schema.kind import Types


class FieldManagers:
    """`schema` gives compiled schemas."""

    def __init__(self, types: Types, schema: Callable[[GroupVersionKind], Schema]) -> None:
        self._compiler, self._schema = Compiler(types), schema

    def make(self, resource: Resource, kind: GroupVersionKind, subresource: str) -> FieldManager:
        """For bodies of `kind`, written through `resource` or a subresource of it."""
        own = kind.group_kind == resource.group_kind
        reset: dict[str, FieldFilter] = {}
        if own:
            for version in resource.versions:
                paths = reset_fields(resource.group, resource.plural, version, subresource)
                if paths:
                    api_version = str(GroupVersion(resource.group, version))
                    reset[api_version] = Exclude(*(tuple(f"f:{name}" for name in path) for path in paths))
        return FieldManager(kind, self._versions(kind), self._empty(kind), reset, subresource)

    def metadata(self) -> Node:
        """The type of all objects' metadata."""
        node = self._compiler.kind("v1", "ConfigMap")
        found = node.declared("metadata") if isinstance(node, Members) else None
        if found is None:
            raise LookupError("no type of metadata")
        return found

    def _versions(self, kind: GroupVersionKind) -> Versions:
        def convert(tree: Tree, source: str, target: str) -> Tree:
            made: Tree = orjson.loads(orjson.dumps(tree))
            before, after = (CONVERSIONS.get(GroupVersion.parse(v).kind(kind.kind)) for v in (source, target))
            if before is not None:
                made = before[0](made)
            return made if after is None else after[1](made)

        return Versions(types_of(self._compiler, kind.kind), convert)

    def _empty(self, kind: GroupVersionKind) -> Tree:
        tree: Tree = {}
        self._schema(kind).decode(tree, None)
        tree.setdefault("metadata", {})
        return tree
