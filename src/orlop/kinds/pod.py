"""Pods: four sets of rules over the same objects, for the object itself, its status, its ephemeral containers and its
resources.

Made by `pod_storage`; the rules of specs are in `pod_rules`. Behaviour: kubernetes `pkg/registry/core/pod/strategy.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Final

from orlop.api import names
from orlop.api.addresses import ip_warnings
from orlop.api.context import Context
from orlop.api.field import forbidden, quote
from orlop.api.options import DeleteOptions
from orlop.api.tree import Tree
from orlop.kinds import internal_form
from orlop.kinds.checks import SPEC, STATUS, Errors
from orlop.kinds.generic import Form, MainStrategy, StatusStrategy, carry
from orlop.kinds.pod_conditions import set_condition
from orlop.kinds.pod_fields import apply_label_keys, drop_gated, drop_gated_status, settle_apparmor
from orlop.kinds.pod_rules import changes, resizes
from orlop.kinds.pod_rules.allowances import POD, for_update
from orlop.kinds.pod_rules.pod import new_pod
from orlop.kinds.pod_rules.pod_annotations import MIRROR, matters
from orlop.kinds.pod_rules.pod_resources import qos_class
from orlop.kinds.pod_rules.spec import ROOT
from orlop.kinds.pod_rules.status_rules import is_plain_address, status_change
from orlop.kinds.pod_rules.terms import Allowances
from orlop.kinds.pod_rules.warnings import pod_remarks
from orlop.schema.types import Type
from orlop.world.clock import Clock

ENDED: Final = ("Failed", "Succeeded")
_FIXED_METADATA: Final = ("deletionTimestamp", "generation", "selfLink", "labels", "annotations", "finalizers",
                          "ownerReferences")
"""What rooms for one part of a pod leave as it is."""


class _PodRules(MainStrategy):
    """What all rooms share. `load_type` gives the type of a pod's spec, which only few changes need."""

    returns_deleted_object = True

    def __init__(self, form: Form, load_type: Callable[[], Type], clock: Clock) -> None:
        super().__init__(form)
        self._load_type, self._clock = load_type, clock

    @cached_property
    def _spec_type(self) -> Type:
        return self._load_type()

    def _count(self, obj: Tree, old: Tree) -> None:
        if obj["spec"] != old["spec"] and not internal_form.same(self._spec_type, obj["spec"], old["spec"]):
            obj["metadata"]["generation"] = (obj["metadata"].get("generation") or 0) + 1

    @staticmethod
    def _allowed(old: Tree) -> Allowances:
        return for_update(old.get("spec"), old["metadata"], POD)

    def graceful(self, ctx: Context, obj: Tree, options: DeleteOptions) -> int | None:
        spec: Tree = obj.get("spec") or {}
        seconds = options.grace_period_seconds
        if seconds is None:
            seconds = spec.get("terminationGracePeriodSeconds") or 0
        if not spec.get("nodeName") or (obj.get("status") or {}).get("phase") in ENDED:
            return 0
        return 1 if seconds < 0 else seconds


class PodStrategy(_PodRules):
    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        metadata, spec = obj["metadata"], obj.setdefault("spec", {})
        metadata["generation"] = 1
        obj["status"] = {"phase": "Pending", "qosClass": qos_class(spec)}
        drop_gated(spec, None)
        if spec.get("schedulingGates"):
            set_condition(obj, "PodScheduled", "False", self._clock.now(), "SchedulingGated",
                          "Scheduling is blocked due to non-empty scheduling gates")
        if "affinity" in spec or "topologySpreadConstraints" in spec:
            apply_label_keys(spec, metadata.get("labels") or {})
        if metadata.get("annotations"):
            settle_apparmor(ctx, metadata, spec)

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return new_pod(obj, POD)

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        metadata = obj["metadata"]
        found = pod_remarks(metadata, obj["spec"])
        if complaints := names.dns1123_label(metadata["name"]):
            found.insert(0, ("metadata.name: this is used in the Pod's hostname, which can result in surprising "
                             f"behavior; a DNS label is recommended: [{' '.join(complaints)}]"))
        return found

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        carry(obj, old, "status")
        drop_gated(obj.setdefault("spec", {}), old.get("spec"))
        self._count(obj, old)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        if obj["spec"] == old["spec"] and not _is_noted(obj, old):
            return []  # what is stored was found right before
        return changes.pod_change(obj, old, self._allowed(old), self._spec_type)


class PodStatusStrategy(StatusStrategy):
    """The kubelet's room: everything but the spec and the owners."""

    returns_deleted_object = True
    keeps_metadata = ("ownerReferences",)
    repeats_metadata_rules = ("change",)

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        super().prepare_for_update(ctx, obj, old)
        obj["metadata"].pop("deletionTimestamp", None)
        status, former = obj.setdefault("status", {}), old.get("status") or {}
        if not status.get("qosClass") and former.get("qosClass"):
            status["qosClass"] = former["qosClass"]
        drop_gated_status(status, former)
        _keep_observed(status, former)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found: Errors = []
        if _is_noted(obj, old):
            found += changes.annotation_change(obj, old, for_update(old.get("spec"), old["metadata"], POD))
        return found + status_change(obj, old)

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        status = obj.get("status") or {}
        return [text for member in ("podIPs", "hostIPs") for position, address in enumerate(status.get(member) or ())
                if not is_plain_address(address.get("ip") or "")
                for text in ip_warnings(STATUS.child(member).index(position).child("ip"), address.get("ip") or "")]


def _is_noted(obj: Tree, old: Tree) -> bool:
    """Whether annotations have a say in this update."""
    return matters(obj["metadata"].get("annotations")) or matters(old["metadata"].get("annotations"))


def _keep_observed(status: Tree, former: Tree) -> None:
    """A client that does not know observedGeneration does not take it away."""
    if not status.get("observedGeneration") and former.get("observedGeneration"):
        status["observedGeneration"] = former["observedGeneration"]
    seen: dict[Any, list[Any]] = {}
    for condition in former.get("conditions") or ():
        seen.setdefault(condition.get("type"), []).append(condition.get("observedGeneration"))
    for condition in status.get("conditions") or ():
        waiting = seen.get(condition.get("type"))
        before = waiting.pop(0) if waiting else None
        if before and not condition.get("observedGeneration"):
            condition["observedGeneration"] = before


class _PartStrategy(_PodRules):
    """A room for one part of the spec: everything else stays as stored."""

    def _settle(self, obj: Tree, old: Tree, spec: Tree) -> None:
        obj["spec"] = spec
        carry(obj, old, "status")
        for name in _FIXED_METADATA:
            carry(obj["metadata"], old["metadata"], name)


class EphemeralContainersStrategy(_PartStrategy):
    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        added = (obj.get("spec") or {}).get("ephemeralContainers")
        spec = {name: value for name, value in old["spec"].items() if name != "ephemeralContainers"}
        if added:
            spec["ephemeralContainers"] = added
        self._settle(obj, old, spec)
        drop_gated(spec, old["spec"])
        self._count(obj, old)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found = changes.common(obj, old, self._allowed(old))
        if MIRROR in (old["metadata"].get("annotations") or ()):
            return [forbidden(ROOT, "static pods do not support ephemeral containers")]
        place, kind = SPEC.child("ephemeralContainers"), self._spec_type.fields["ephemeralContainers"].type.element
        new = {container.get("name"): container for container in obj["spec"].get("ephemeralContainers") or ()}
        for container in old["spec"].get("ephemeralContainers") or ():
            name = container.get("name")
            which = f"existing ephemeral containers {quote(name)}"
            if name not in new:
                found.append(forbidden(place, f"{which} may not be removed\n"))
            elif not internal_form.same(kind, container, new[name]):
                shown = internal_form.difference(kind, container, new[name])
                found.append(forbidden(place, f"{which} may not be changed\n{shown}"))
        return found


class ResizeStrategy(_PartStrategy):
    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        spec, before = obj.setdefault("spec", {}), old["spec"]
        if all(len(spec.get(kind) or ()) == len(before.get(kind) or ()) for kind in ("containers", "initContainers")):
            kept = dict(before)
            for kind in ("containers", "initContainers"):
                if spec.get(kind):
                    kept[kind] = _resized(spec[kind], before[kind])
            carry(kept, spec, "resources")
            self._settle(obj, old, kept)
        drop_gated(obj["spec"], before)
        self._count(obj, old)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return resizes.resize(obj, old, self._allowed(old), self._spec_type)


def _resized(containers: list[Tree], before: list[Tree]) -> list[Tree]:
    """The stored containers with new resources; the new ones as they are when they were renamed or moved, which the
    rules then refuse."""
    kept: list[Tree] = []
    for new, old in zip(containers, before, strict=True):
        if new.get("name") != old.get("name"):
            return containers
        merged = dict(old)
        carry(merged, new, "resources")
        carry(merged, new, "resizePolicy")
        kept.append(merged)
    return kept
