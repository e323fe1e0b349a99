"""Deployments.

Made by `workload_makers`. Behaviour: kubernetes `pkg/registry/apps/deployment`, `pkg/apis/apps/validation`.
"""

from __future__ import annotations

from typing import Final

from orlop.api.context import Context
from orlop.api.field import invalid
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors, not_negative
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import StatusStrategy
from orlop.kinds.pod_rules.allowances import TEMPLATE as NO_FAULTS
from orlop.kinds.pod_rules.terms import Allowances
from orlop.kinds.rooms import RestOptions, Rooms
from orlop.kinds.scale import label_selector
from orlop.kinds.workloads.base import WorkloadStrategy, rooms_of
from orlop.kinds.workloads.rollouts import counts, deployment_strategy, growing, within
from orlop.kinds.workloads.selecting import fixed_selector, replicated_template, selector_rules

_COUNTS: Final = ("observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas",
                  "unavailableReplicas", "terminatingReplicas", "collisionCount")
_PARTS: Final = ("updatedReplicas", "readyReplicas", "availableReplicas")


def deployment_rules(spec: Tree, allow: Allowances) -> Errors:
    found = not_negative(SPEC.child("replicas"), spec.get("replicas"))
    found += selector_rules(spec.get("selector"), "deployment")
    found += replicated_template(spec, allow)
    found += deployment_strategy(spec.get("strategy") or {})
    ready, deadline = spec.get("minReadySeconds") or 0, spec.get("progressDeadlineSeconds")
    found += not_negative(SPEC.child("minReadySeconds"), ready)
    found += not_negative(SPEC.child("revisionHistoryLimit"), spec.get("revisionHistoryLimit"))
    if deadline is not None:
        place = SPEC.child("progressDeadlineSeconds")
        found += not_negative(place, deadline)
        if deadline <= ready:
            found.append(invalid(place, deadline, "must be greater than minReadySeconds"))
    return found


class DeploymentStrategy(WorkloadStrategy):
    advises_on_name = True
    repeats_metadata_rules = ("change",)

    def changed(self, obj: Tree, old: Tree) -> bool:
        """Annotations count too: they are copied to the ReplicaSets."""
        annotations, before = (tree["metadata"].get("annotations") or {} for tree in (obj, old))
        return annotations != before or super().changed(obj, old)

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return deployment_rules(obj.get("spec") or {}, NO_FAULTS)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        spec = obj.get("spec") or {}
        return deployment_rules(spec, self.allowances(old)) + fixed_selector(spec, old.get("spec") or {})


class DeploymentStatusStrategy(StatusStrategy):
    repeats_metadata_rules = ("change",)
    keeps_metadata = ("labels",)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        status = obj.get("status") or {}
        found = counts(status, _COUNTS)
        found += within(status, _PARTS, "replicas", "status.replicas")
        found += within(status, ("availableReplicas",), "readyReplicas", "readyReplicas")
        return found + growing(status, old.get("status") or {})


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return rooms_of(resource, options, DeploymentStrategy, DeploymentStatusStrategy, label_selector)
