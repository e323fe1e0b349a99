"""The scopes of custom kinds: what the verbs need to know of each room in each version.

Used by `custom_kinds` whenever it serves a definition anew; `application` gives what all scopes share. Behaviour:
apiextensions-apiserver `pkg/apiserver/customresource_handler.go`, where it makes RequestScopes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from orlop.admission.chain import Chain
from orlop.api.context import RequestInfo, User
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.apply.tracking import FieldManager
from orlop.endpoints.scope import APPLY, JSON_PATCH, MERGE_PATCH, Scope
from orlop.endpoints.watch import Watches
from orlop.kinds.custom.definition import Version
from orlop.kinds.custom.ending import NoNewObjects
from orlop.kinds.custom.kind import CustomKind
from orlop.kinds.declaration import Resource
from orlop.schema.interface import Schema
from orlop.structural.defaulting import copied
from orlop.world.clock import Clock

_SCALE: Final = GroupVersionKind("autoscaling", "v1", "Scale")
_PATCHES: Final = (JSON_PATCH, MERGE_PATCH, APPLY)


@dataclass(frozen=True, slots=True)
class CustomScopes:
    """`schema` and `scale_manager` are those of the built-in kinds, for Scale."""

    chain: Chain
    clock: Clock
    watches: Watches
    authorize: Callable[[User, RequestInfo], None]
    delete_options_schema: Callable[[], Schema]
    schema: Callable[[GroupVersionKind], Schema]
    scale_manager: Callable[[Resource, GroupVersionKind, str], FieldManager]
    knows: Callable[[GroupVersionKind], bool]

    def make(self, kind: CustomKind, version: Version) -> dict[str, Scope]:
        """By subresource."""
        return {name: self._scope(kind, version, name, storage) for name, storage in kind.rooms(version).items()}

    def _scope(self, kind: CustomKind, version: Version, subresource: str, storage: Any) -> Scope:
        definition, scaling = kind.definition, subresource == "scale"
        gvk = definition.in_version(version.name)
        chain = self.chain
        if kind.program is not None:
            chain = Chain((*chain.plugins, kind.program.plugin))
        if definition.terminating:
            chain = Chain((NoNewObjects(), *chain.plugins))
        scope = Scope(
            kind=_SCALE if scaling else gvk, resource=definition.served_as(version.name),
            subresource=subresource, namespaced=definition.namespaced, storage=storage,
            load_schema=partial(self.schema, _SCALE) if scaling else partial(kind.bodies, version.name), chain=chain,
            field_label=partial(kind.fields.convert, version), printer=partial(kind.printer, version, subresource),
            delete_options_schema=self.delete_options_schema, hub=gvk.group_version, clock=self.clock,
            watches=self.watches, list_kind=definition.list_kind, authorize=self.authorize, warning=version.warning,
            self_describing=not scaling, patches=_PATCHES)
        if scaling:
            scope.load_field_manager = partial(self._scale_manager, definition.whole_resource())
            scope.knows = self.knows
        else:
            scope.load_field_manager = partial(kind.field_manager, version, subresource)
            scope.check_kind = partial(_check, kind, version.name)
            scope.restore_applied = partial(_restore_applied, kind, version.name)
            scope.defaults = _defaults
        return scope

    def _scale_manager(self, resource: Resource) -> FieldManager:
        """As upstream, where an apply that changes the Scale of a custom kind ends in an error: converters of custom
        kinds know those alone."""
        manager = self.scale_manager(resource, _SCALE, "scale")
        manager.unconvertible = f"request to convert CR to an invalid group/version: {_SCALE.api_version}"
        return manager


def _check(kind: CustomKind, version: str, actual: GroupVersionKind) -> None:
    kind.bodies(version).check(actual)


def _restore_applied(kind: CustomKind, version: str, tree: Tree) -> None:
    """What was not applied is shared with the stored object, which lacks the defaults of versions other than its own
    and has to go on without them."""
    if len(kind.definition.versions) > 1:
        for name, value in tree.items():
            tree[name] = copied(value)
    kind.bodies(version).restore_applied(tree)


def _defaults(schema: Schema) -> Callable[[dict[str, Any]], None]:
    return schema.compile_defaults({})
