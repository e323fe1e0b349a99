"""StatefulSets.

Made by `workload_makers`. Behaviour: kubernetes `pkg/registry/apps/statefulset`, `pkg/apis/apps/validation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api import names
from orlop.api.context import Context
from orlop.api.field import forbidden, invalid, required
from orlop.api.tree import Tree
from orlop.api.validation import validate_annotations, validate_labels
from orlop.kinds.checks import SPEC, Errors, dns_label, not_negative
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import StatusStrategy
from orlop.kinds.persistent_volume_claim import claim_spec, claim_spec_warnings
from orlop.kinds.pod_rules import pod_annotations
from orlop.kinds.pod_rules import template as templates
from orlop.kinds.pod_rules.allowances import TEMPLATE as NO_FAULTS
from orlop.kinds.pod_rules.terms import Allowances
from orlop.kinds.rooms import RestOptions, Rooms
from orlop.kinds.scale import label_selector
from orlop.kinds.selector_form import shown_selector
from orlop.kinds.workloads.base import WorkloadStrategy, rooms_of
from orlop.kinds.workloads.rollouts import counts, growing, retention, stateful_set_strategy, within
from orlop.kinds.workloads.selecting import (
    SELECTOR,
    TEMPLATE,
    is_empty,
    lasting_pods,
    matching,
    readable,
    selector_rules,
)

_POLICIES: Final = ("OrderedReady", "Parallel")
_CHANGEABLE: Final = ("replicas", "template", "updateStrategy", "minReadySeconds", "ordinals", "revisionHistoryLimit",
                      "persistentVolumeClaimRetentionPolicy")
_NO_OTHERS: Final = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden")
_HISTORY_ADVICE: Final = ("spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 "
                         "is recommended")
_COUNTS: Final = ("replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas",
                  "observedGeneration", "collisionCount")
_PARTS: Final = ("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")


def _management(policy: str | None) -> Errors:
    place = SPEC.child("podManagementPolicy")
    if not policy:
        return [required(place)]
    if policy in _POLICIES:
        return []
    return [invalid(place, policy, "must be 'OrderedReady' or 'Parallel'")]


def _claims(spec: Tree) -> Errors:
    found: Errors = []
    for position, claim in enumerate(spec.get("volumeClaimTemplates") or ()):
        place = SPEC.child("volumeClaimTemplates").index(position).child("spec")
        found += claim_spec(claim.get("spec") or {}, place)
    return found


def with_claims(spec: Tree) -> Tree:
    """The template as its pods will be: with a volume for each claim template."""
    template: Tree = spec.get("template") or {}
    claims = [(claim.get("metadata") or {}).get("name") or "" for claim in spec.get("volumeClaimTemplates") or ()]
    if not claims:
        return template
    inner: Tree = template.get("spec") or {}
    own = [volume for volume in inner.get("volumes") or () if volume.get("name") not in claims]
    made = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in dict.fromkeys(claims)]
    return {**template, "spec": {**inner, "volumes": made + own}}


def _template(spec: Tree, allow: Allowances, *, inside: bool) -> Errors:
    selector = readable(spec.get("selector"))
    if selector is None:
        return [invalid(SELECTOR, shown_selector(spec.get("selector")), "")]
    template = spec.get("template") or {}
    given = spec.get("selector")
    found = [] if given is not None and is_empty(given) else matching(TEMPLATE, template, selector)
    if inside:
        found += templates.template(TEMPLATE, with_claims(spec), allow)
    metadata = template.get("metadata") or {}
    found += validate_labels(metadata.get("labels") or {}, TEMPLATE.child("labels"))
    notes, place = metadata.get("annotations") or {}, TEMPLATE.child("annotations")
    found += validate_annotations(notes, place)  # once more, as upstream does
    return found + pod_annotations.rules(place, notes, template.get("spec") or {}, bad_cost=allow.deletion_cost)


def stateful_set_rules(spec: Tree, allow: Allowances, *, is_new: bool, inside: bool = True) -> Errors:
    """`inside`: the template is looked into."""
    found = _management(spec.get("podManagementPolicy"))
    found += stateful_set_strategy(spec.get("updateStrategy") or {})
    found += retention(spec.get("persistentVolumeClaimRetentionPolicy"))
    if is_new:
        found += _claims(spec)
    for name in ("replicas", "minReadySeconds"):
        found += not_negative(SPEC.child(name), spec.get(name))
    found += not_negative(SPEC.child("ordinals.start"), (spec.get("ordinals") or {}).get("start"))
    if is_new and spec.get("serviceName"):
        found += dns_label(SPEC.child("serviceName"), spec["serviceName"])
    found += selector_rules(spec.get("selector"), "statefulset")
    found += _template(spec, allow, inside=inside)
    return found + lasting_pods(TEMPLATE, spec.get("template") or {}, "StatefulSet")


def _rolling(obj: Tree) -> Tree:
    found: Tree = ((obj.get("spec") or {}).get("updateStrategy") or {}).get("rollingUpdate") or {}
    return found


def _drop_unavailable(obj: Tree, old: Tree) -> None:
    """The gate of maxUnavailable is off in 1.36: only what has it may keep it."""
    if _rolling(old).get("maxUnavailable") is None:
        _rolling(obj).pop("maxUnavailable", None)


def _remarks(spec: Tree, *inside: str) -> list[str]:
    """`inside`: what upstream adds to the place of a claim's template."""
    found: list[str] = []
    for position, claim in enumerate(spec.get("volumeClaimTemplates") or ()):
        place = SPEC.child("volumeClaimTemplates").index(position)
        found += claim_spec_warnings(place.child(*inside) if inside else place, claim.get("spec") or {})
    if (spec.get("revisionHistoryLimit") or 0) < 0:
        found.append(_HISTORY_ADVICE)
    return found


class StatefulSetStrategy(WorkloadStrategy):
    repeats_metadata_rules = ("change",)

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        super().prepare_for_create(ctx, obj)
        _drop_unavailable(obj, {})

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        _drop_unavailable(obj, old)
        super().prepare_for_update(ctx, obj, old)

    def check_name(self, name: str, prefix: bool) -> Sequence[str]:
        return names.name_is_dns_label(name, prefix)

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        return [*super().warnings_on_create(ctx, obj), *_remarks(obj.get("spec") or {})]

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        return [*super().warnings_on_update(ctx, obj, old), *_remarks(obj.get("spec") or {}, "Spec")]

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return stateful_set_rules(obj.get("spec") or {}, NO_FAULTS, is_new=True)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        spec, before = obj.get("spec") or {}, old.get("spec") or {}
        allow = self.allowances(old)
        inside = not templates.template(TEMPLATE, with_claims(before), allow)
        found = stateful_set_rules(spec, allow, is_new=False, inside=inside)
        fixed, former = ({name: value for name, value in tree.items() if name not in _CHANGEABLE}
                         for tree in (spec, before))
        if self.differs(fixed, former, "spec"):
            found.append(forbidden(SPEC, _NO_OTHERS))
        return found


class StatefulSetStatusStrategy(StatusStrategy):
    repeats_metadata_rules = ("change",)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        status = obj.get("status") or {}
        found = counts(status, _COUNTS) + within(status, _PARTS, "replicas", "status.replicas")
        found += within(status, ("availableReplicas",), "readyReplicas", "status.readyReplicas")
        return found + growing(status, old.get("status") or {})


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return rooms_of(resource, options, StatefulSetStrategy, StatefulSetStatusStrategy, label_selector)
