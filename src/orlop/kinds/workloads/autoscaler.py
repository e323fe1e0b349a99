"""HorizontalPodAutoscalers, stored in v2 (see `hpa_conversion` for v1).

Made by `workload_makers`. Behaviour: kubernetes `pkg/registry/autoscaling/horizontalpodautoscaler`,
`pkg/apis/autoscaling/validation`.
"""

from __future__ import annotations

from orlop.api.context import Context
from orlop.api.tree import Tree
from orlop.kinds.checks import STATUS, Errors, not_negative
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy, StatusStrategy
from orlop.kinds.hpa_conversion import drop_notes
from orlop.kinds.rooms import RestOptions, Rooms, stores
from orlop.kinds.workloads.autoscaler_rules import Leniency, autoscaler_spec, bad_version


def leniency(new: Tree, old: Tree | None) -> Leniency:
    """What the rules let pass, because of the kind that is scaled or because it was stored before."""
    target = new.get("scaleTargetRef") or {}
    if old is None:
        return Leniency(target_no_group=target.get("kind") == "ReplicationController")
    before = old.get("scaleTargetRef") or {}
    same = all((target.get(name) or "") == (before.get(name) or "") for name in ("apiVersion", "kind"))
    faulty = any(bad_version((metric["object"].get("describedObject") or {}).get("apiVersion") or "", no_group=True)
                 for metric in old.get("metrics") or ()
                 if metric.get("type") == "Object" and metric.get("object") is not None)
    return Leniency(0 if old.get("minReplicas") == 0 else 1, same,
                    not same and target.get("kind") == "ReplicationController", faulty)


class AutoscalerStrategy(MainStrategy):
    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        super().prepare_for_create(ctx, obj)
        drop_notes(obj["metadata"])

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        super().prepare_for_update(ctx, obj, old)
        drop_notes(obj["metadata"])

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        spec = obj.get("spec") or {}
        return autoscaler_spec(spec, leniency(spec, None))

    repeats_metadata_rules = ("change",)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        spec = obj.get("spec") or {}
        return autoscaler_spec(spec, leniency(spec, old.get("spec") or {}))


class AutoscalerStatusStrategy(StatusStrategy):
    repeats_metadata_rules = ("change",)

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        super().prepare_for_update(ctx, obj, old)
        drop_notes(obj["metadata"])

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        status = obj.get("status") or {}
        found: Errors = []
        for name in ("currentReplicas", "desiredReplicas"):
            found += not_negative(STATUS.child(name), status.get(name))
        return found


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, AutoscalerStrategy, AutoscalerStatusStrategy)
