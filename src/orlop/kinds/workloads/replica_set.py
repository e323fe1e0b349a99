"""ReplicaSets, and ReplicationControllers, their ancestors.

Made by `workload_makers`. Behaviour: kubernetes `pkg/registry/apps/replicaset`,
`pkg/registry/core/replicationcontroller`, `pkg/apis/{apps,core}/validation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api import labels
from orlop.api.context import Context
from orlop.api.field import required
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors, not_negative
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import StatusStrategy
from orlop.kinds.pod_rules import template as templates
from orlop.kinds.pod_rules.allowances import TEMPLATE as NO_FAULTS
from orlop.kinds.pod_rules.terms import Allowances
from orlop.kinds.rooms import RestOptions, Rooms
from orlop.kinds.scale import label_selector, label_set
from orlop.kinds.workloads.base import WorkloadStrategy, rooms_of
from orlop.kinds.workloads.rollouts import counts, within
from orlop.kinds.workloads.selecting import (
    SELECTOR,
    TEMPLATE,
    fixed_selector,
    lasting_pods,
    matching,
    replicated_template,
    selector_rules,
)
from orlop.registry.strategy import ORPHAN

_COUNTS: Final = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration",
                  "terminatingReplicas")
_IN_CHARACTERS: Final = "must be no more than 253 characters"
_IN_BYTES: Final = "must be no more than 253 bytes"
_PARTS: Final = ("fullyLabeledReplicas", "readyReplicas", "availableReplicas")


def replica_set_rules(spec: Tree, allow: Allowances) -> Errors:
    found = not_negative(SPEC.child("replicas"), spec.get("replicas"))
    found += not_negative(SPEC.child("minReadySeconds"), spec.get("minReadySeconds"))
    found += selector_rules(spec.get("selector"), "deployment")
    return found + replicated_template(spec, allow)


class ReplicaSetStrategy(WorkloadStrategy):
    advises_on_name = True

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return replica_set_rules(obj.get("spec") or {}, NO_FAULTS)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        spec = obj.get("spec") or {}
        found = replica_set_rules(spec, self.allowances(old))
        return found + fixed_selector(spec, old.get("spec") or {})


class ReplicaCountsStrategy(StatusStrategy):
    """The status of both kinds."""

    repeats_metadata_rules = ("change",)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        status = obj.get("status") or {}
        found = counts(status, _COUNTS) + within(status, _PARTS, "replicas", "status.replicas")
        return found + within(status, ("availableReplicas",), "readyReplicas", "readyReplicas")


def controller_rules(spec: Tree, allow: Allowances) -> Errors:
    found = not_negative(SPEC.child("minReadySeconds"), spec.get("minReadySeconds"))
    pairs = spec.get("selector") or {}
    if not pairs:
        found.append(required(SELECTOR))
    found += not_negative(SPEC.child("replicas"), spec.get("replicas"))
    template = spec.get("template")
    if template is None:
        return [*found, required(TEMPLATE)]
    if pairs:
        found += matching(TEMPLATE, template, labels.from_set(pairs))
    found += templates.template(TEMPLATE, template, allow)
    return found + lasting_pods(TEMPLATE, template, "ReplicationController")


class ControllerStrategy(WorkloadStrategy):
    garbage_collection = ORPHAN
    advises_on_name = True
    repeats_metadata_rules = ("change",)

    def check_name(self, name: str, prefix: bool) -> Sequence[str]:
        """Declared upstream, unlike other kinds' names: such rules count bytes."""
        return [_IN_BYTES if text == _IN_CHARACTERS else text for text in super().check_name(name, prefix)]

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return controller_rules(obj.get("spec") or {}, NO_FAULTS)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return controller_rules(obj.get("spec") or {}, self.allowances(old))

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        """Upstream mixes them up: remarks on the former template."""
        return self.remarks(old) if super().changed(obj, old) else ()


def replica_set_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return rooms_of(resource, options, ReplicaSetStrategy, ReplicaCountsStrategy, label_selector)


def controller_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return rooms_of(resource, options, ControllerStrategy, ReplicaCountsStrategy, label_set)
