"""DaemonSets.

Made by `workload_makers`. How often a template changed is counted in an annotation, the last trace of a field that
apps/v1 does not have. Behaviour: kubernetes `pkg/registry/apps/daemonset`, `pkg/apis/apps/validation`,
`pkg/apis/apps/v1/conversion.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.api import gotext
from orlop.api.context import Context
from orlop.api.errors import bad_request
from orlop.api.field import invalid
from orlop.api.label_selector_validation import has_invalid_value, validate_label_selector
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors, not_negative
from orlop.kinds.declaration import Resource
from orlop.kinds.defaults.apps import GENERATION
from orlop.kinds.generic import StatusStrategy
from orlop.kinds.pod_rules import template as templates
from orlop.kinds.pod_rules.allowances import TEMPLATE as NO_FAULTS
from orlop.kinds.pod_rules.terms import Allowances
from orlop.kinds.rooms import RestOptions, Rooms
from orlop.kinds.selector_form import shown_selector
from orlop.kinds.workloads.base import WorkloadStrategy, rooms_of
from orlop.kinds.workloads.rollouts import counts, daemon_set_strategy, growing
from orlop.kinds.workloads.selecting import (
    SELECTOR,
    TEMPLATE,
    fixed_selector,
    is_empty,
    lasting_pods,
    matching,
    readable,
)

_COUNTS: Final = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady",
                  "observedGeneration", "updatedNumberScheduled", "numberAvailable", "numberUnavailable",
                  "collisionCount")


def daemon_set_rules(spec: Tree, allow: Allowances, *, lenient: bool = False) -> Errors:
    """`lenient`: the selector may have values that no label can have."""
    given, template = spec.get("selector"), spec.get("template") or {}
    found = validate_label_selector(given, SELECTOR, invalid_values=lenient)
    selector = readable(given)
    if selector is not None:
        found += matching(TEMPLATE, template, selector)
    if given is not None and is_empty(given):
        found.append(invalid(SELECTOR, shown_selector(given), "empty selector is invalid for daemonset"))
    found += templates.template(TEMPLATE, template, allow)
    found += lasting_pods(TEMPLATE, template, "DaemonSet")
    found += not_negative(SPEC.child("minReadySeconds"), spec.get("minReadySeconds"))
    found += daemon_set_strategy(spec.get("updateStrategy") or {})
    return found + not_negative(SPEC.child("revisionHistoryLimit"), spec.get("revisionHistoryLimit"))


def _generation(obj: Tree) -> int:
    text = (obj["metadata"].get("annotations") or {}).get(GENERATION)
    try:
        return gotext.parse_int64(text) if text is not None else 0
    except gotext.NumberError as problem:
        raise bad_request(str(problem)) from None


def _note(obj: Tree, generation: int) -> None:
    metadata = obj["metadata"]
    metadata["annotations"] = {**(metadata.get("annotations") or {}), GENERATION: str(generation)}


class DaemonSetStrategy(WorkloadStrategy):
    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        super().prepare_for_create(ctx, obj)
        _note(obj, max(1, _generation(obj)))

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        super().prepare_for_update(ctx, obj, old)
        changed = self.differs(self.template(obj), self.template(old), "spec", "template")
        _note(obj, _generation(old) + changed)

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return daemon_set_rules(obj.get("spec") or {}, NO_FAULTS)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        spec, before = obj.get("spec") or {}, old.get("spec") or {}
        found = daemon_set_rules(spec, self.allowances(old), lenient=has_invalid_value(before.get("selector")))
        return fixed_selector(spec, before) + found


class DaemonSetStatusStrategy(StatusStrategy):
    repeats_metadata_rules = ("change",)

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        super().prepare_for_update(ctx, obj, old)
        _note(obj, _generation(old))

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        status = obj.get("status") or {}
        return counts(status, _COUNTS) + growing(status, old.get("status") or {})


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return rooms_of(resource, options, DaemonSetStrategy, DaemonSetStatusStrategy)
