"""PodTemplates and ControllerRevisions: what was or may be made into pods, kept as data.

Made by `workload_makers`. Behaviour: kubernetes `pkg/registry/core/podtemplate`,
`pkg/registry/apps/controllerrevision`, `pkg/apis/{core,apps}/validation`.
"""

from __future__ import annotations

from typing import Final

from orlop.api.context import Context
from orlop.api.field import Path, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, not_negative, unchanged
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy
from orlop.kinds.pod_rules import template as templates
from orlop.kinds.pod_rules.warnings import template_remarks
from orlop.kinds.rooms import RestOptions, Rooms, stores
from orlop.kinds.workloads.base import WorkloadStrategy, rooms_of

_TEMPLATE: Final = Path("template")
_DATA: Final = Path("data")
_REVISION: Final = Path("revision")


class PodTemplateStrategy(WorkloadStrategy):
    counts_generation = True
    returns_deleted_object = True
    repeats_metadata_rules = ("change",)

    def template(self, obj: Tree) -> Tree:
        found: Tree = obj.get("template") or {}
        return found

    def changed(self, obj: Tree, old: Tree) -> bool:
        return self.differs(obj.get("template"), old.get("template"), "template")

    def remarks(self, obj: Tree) -> list[str]:
        return template_remarks(_TEMPLATE, self.template(obj))

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return templates.template(_TEMPLATE, self.template(obj))

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return templates.template(_TEMPLATE, self.template(obj), self.allowances(old))


class RevisionStrategy(MainStrategy):
    def validate(self, ctx: Context, obj: Tree) -> Errors:
        found, data = not_negative(_REVISION, obj.get("revision")), obj.get("data")
        if data is None:
            found.append(required(_DATA, "data is mandatory"))
        elif not isinstance(data, dict):
            found.append(required(_DATA, "data must be a valid JSON object"))
        return found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        data = obj.get("data")
        return not_negative(_REVISION, obj.get("revision")) + unchanged(_DATA, data, old.get("data"), json_value(data))


def pod_template_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return rooms_of(resource, options, PodTemplateStrategy, None)


def revision_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, RevisionStrategy)
