"""PodDisruptionBudgets.

Made by `makers`; evictions count against them. Behaviour: kubernetes `pkg/registry/policy/poddisruptionbudget`,
`pkg/apis/policy/validation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from orlop.api import names
from orlop.api.context import Context
from orlop.api.field import Path, invalid, not_supported
from orlop.api.gotext import json_value
from orlop.api.label_selector_validation import has_invalid_value, validate_label_selector
from orlop.api.tree import Tree
from orlop.kinds.checks import NOT_NEGATIVE, SPEC, STATUS, Errors, not_negative, said
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import CountingStrategy, StatusStrategy
from orlop.kinds.rooms import RestOptions, Rooms, stores
from orlop.kinds.selector_form import shown_tree
from orlop.kinds.status_conditions import conditions

_POLICIES: Final = ("AlwaysAllow", "IfHealthyBudget")
_COUNTS: Final = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")


def count_or_percent(path: Path, value: Any) -> Errors:
    """A number that is not negative, or a percentage of at most a hundred."""
    if isinstance(value, str):
        if complaints := names.percent(value):
            return said(path, value, complaints)
        if int(value[:-1]) > 100:
            return [invalid(path, value, "must not be greater than 100%")]
        return []
    return [invalid(path, value, NOT_NEGATIVE)] if value < 0 else []


def budget_spec(spec: Tree, invalid_values: bool) -> Errors:
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    found: Errors = []
    if least is not None and most is not None:
        shown = {"MinAvailable": least, "Selector": shown_tree(spec.get("selector")), "MaxUnavailable": most,
                 "UnhealthyPodEvictionPolicy": spec.get("unhealthyPodEvictionPolicy")}
        found.append(invalid(SPEC, json_value(shown), "minAvailable and maxUnavailable cannot be both set"))
    if least is not None:
        found += count_or_percent(SPEC.child("minAvailable"), least)
    if most is not None:
        found += count_or_percent(SPEC.child("maxUnavailable"), most)
    found += validate_label_selector(spec.get("selector"), SPEC.child("selector"), invalid_values=invalid_values)
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in _POLICIES:
        found.append(not_supported(SPEC.child("unhealthyPodEvictionPolicy"), policy, _POLICIES))
    return found


class BudgetStrategy(CountingStrategy):
    """Upstream checks no metadata of these: any name that fits into a path will do."""

    allow_unconditional_update = False
    checks_core_finalizers = False
    repeats_metadata_rules = ()

    def check_name(self, name: str, prefix: bool) -> Sequence[str]:
        return names.name_is_path_segment(name, prefix)

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return budget_spec(obj.get("spec") or {}, invalid_values=False)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        lenient = has_invalid_value((old.get("spec") or {}).get("selector"))
        return budget_spec(obj.get("spec") or {}, lenient)


class BudgetStatusStrategy(StatusStrategy):
    allow_unconditional_update = False
    repeats_metadata_rules = ()

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        status = obj.get("status") or {}
        found = conditions(STATUS.child("conditions"), status.get("conditions") or ())
        for name in _COUNTS:
            found += not_negative(STATUS.child(name), status.get(name))
        return found


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, BudgetStrategy, BudgetStatusStrategy)
