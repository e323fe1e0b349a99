"""Who owns fields of custom objects: the types of a definition's versions, as server-side apply needs them.

Asked by the scopes of a custom kind on the first write. Behaviour: apiextensions-apiserver
`pkg/apiserver/customresource_handler.go` (scopeWithFieldManager, buildOpenAPIModelsForApply) and `GetResetFields` of
its strategies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orlop.api.gvk import GroupVersion
from orlop.api.tree import Tree
from orlop.apply.anything import ANYTHING
from orlop.apply.field_set import FieldPath
from orlop.apply.filters import Exclude, FieldFilter
from orlop.apply.node import Node
from orlop.apply.openapi import compile_schema, with_metadata
from orlop.apply.tracking import FieldManager
from orlop.apply.versions import Convert, Versions
from orlop.kinds.custom.definition import Definition, Version

_STATUS: Final[FieldPath] = ("f:status",)
_ALL_BUT_STATUS: Final[tuple[FieldPath, ...]] = (("f:metadata",), ("f:spec",))


class CustomTypes:
    """`metadata` is the type of all objects' metadata."""

    def __init__(self, definition: Definition, schemas: Callable[[], dict[str, Tree | None]], metadata: Node) -> None:
        self._definition, self._schemas, self._metadata = definition, schemas, metadata

    def __call__(self, api_version: str) -> Node | None:
        """The root of the kind in a version; None for versions that the definition does not have."""
        group, _, version = api_version.rpartition("/")
        schemas = self._schemas()
        if group != self._definition.group or version not in schemas:
            return None
        if self._definition.preserve_unknown:
            return ANYTHING
        root = compile_schema(schemas[version] or {"type": "object"}, metadata=self._metadata)
        return with_metadata(root, self._metadata)


def same(tree: Tree, source: str, target: str) -> Tree:
    """For kinds whose versions differ in nothing but their names."""
    return tree


def field_manager(definition: Definition, version: Version, types: CustomTypes, convert: Convert, lenient: bool,
                  subresource: str) -> FieldManager:
    """`lenient`: see `apply.versions`."""
    versions = Versions(types, convert, strict=True, lenient=lenient)
    return FieldManager(definition.in_version(version.name), versions,
                        {"metadata": {}}, _reset(definition, version, subresource), subresource, evolving=True)


def _reset(definition: Definition, version: Version, subresource: str) -> dict[str, FieldFilter]:
    if subresource == "status":
        return {_api_version(definition, each): Exclude(*_ALL_BUT_STATUS) for each in definition.versions
                if each.status}
    return {_api_version(definition, version): Exclude(_STATUS)} if version.status else {}


def _api_version(definition: Definition, version: Version) -> str:
    return str(GroupVersion(definition.group, version.name))


def replica_places(definition: Definition) -> dict[str, FieldPath | None]:
    """Where each version has its replicas, None for those without a scale."""
    return {_api_version(definition, version): None if version.scale is None else tuple(
        f"f:{name}" for name in version.scale.spec.removeprefix(".").split(".")) for version in definition.versions}
