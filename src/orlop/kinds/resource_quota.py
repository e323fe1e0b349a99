"""ResourceQuotas: what may be limited, and to which objects a limit applies (scopes).

Made by `makers`; that quotas are kept is admission's business. Behaviour: kubernetes `pkg/registry/core/resourcequota`,
`pkg/apis/core/validation` ValidateResourceQuota, `pkg/apis/core/helper`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from orlop.api import quantity
from orlop.api.context import Context
from orlop.api.field import GoText, Path, invalid, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.api.validation import IMMUTABLE
from orlop.kinds import resource_names
from orlop.kinds.checks import SPEC, STATUS, Errors, printed
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy, StatusStrategy
from orlop.kinds.rooms import RestOptions, Rooms, stores

_POD_COUNT: Final = frozenset({"pods"})
_POD: Final = _POD_COUNT | {"cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"}
_CLAIM: Final = frozenset({"persistentvolumeclaims", "requests.storage"})
_SCOPES: Final = {
    "Terminating": _POD, "NotTerminating": _POD, "BestEffort": _POD_COUNT, "NotBestEffort": _POD,
    "PriorityClass": _POD, "CrossNamespacePodAffinity": _POD, "VolumeAttributesClass": _CLAIM,
}
"""The scopes, each with the resources it can be applied to."""
_EXISTS_ONLY: Final = ("BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity")
_OPPOSITES: Final = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
_ONLY_EXISTS_TEXT: Final = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity")
_NEEDS_VALUES: Final = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
_TAKES_NO_VALUES: Final = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"


def _amounts(path: Path, amounts: dict[str, str] | None) -> Errors:
    found: Errors = []
    for name, text in (amounts or {}).items():
        place = path.key(name)
        found += resource_names.quota_name(place, name)
        found += resource_names.amount(place, name, text)
    return found


def _misapplied(scope: str, hard: list[str]) -> int:
    """How many of the limited resources a scope cannot select."""
    fitting = _SCOPES.get(scope)
    if fitting is None:
        return 0
    return sum(resource_names.is_quota(name) and name not in fitting for name in hard)


def _conflicts(path: Path, shown: Any, scopes: set[str]) -> Errors:
    return [invalid(path, shown, "conflicting scopes") for pair in _OPPOSITES if scopes.issuperset(pair)]


def _scopes(spec: Tree, hard: list[str]) -> Errors:
    scopes: list[str] = spec.get("scopes") or []
    if not scopes:
        return []
    path = SPEC.child("scopes")
    found: Errors = []
    for scope in scopes:
        if scope not in _SCOPES:
            found.append(invalid(path, scopes, "unsupported scope"))
        found += [invalid(path, scopes, "unsupported scope applied to resource")] * _misapplied(scope, hard)
    return found + _conflicts(path, scopes, set(scopes))


def _scope_selector(spec: Tree, hard: list[str]) -> Errors:
    selector = spec.get("scopeSelector")
    if selector is None:
        return []
    path = SPEC.child("scopeSelector.matchExpressions")
    found: Errors = []
    seen: set[str] = set()
    for expression in selector.get("matchExpressions") or ():
        scope = expression.get("scopeName") or ""
        if scope not in _SCOPES:
            found.append(invalid(path.child("scopeName"), scope, "unsupported scope"))
        misfit = invalid(path, _go_selector(selector), "unsupported scope applied to resource")
        found += [misfit] * _misapplied(scope, hard)
        found += _operator(path, expression, scope)
        seen.add(scope)
    return found + _conflicts(path, printed(spec.get("scopes")), seen) if seen else found


def _go_selector(selector: Tree) -> GoText:
    return json_value({"MatchExpressions": [
        {"ScopeName": e.get("scopeName") or "", "Operator": e.get("operator") or "", "Values": e.get("values")}
        for e in selector.get("matchExpressions") or ()]})


def _operator(path: Path, expression: Tree, scope: str) -> Errors:
    operator, values = expression.get("operator") or "", expression.get("values")
    found: Errors = []
    if scope in _EXISTS_ONLY and operator != "Exists":
        found.append(invalid(path.child("operator"), operator, _ONLY_EXISTS_TEXT))
    if operator in ("In", "NotIn"):
        if not values:
            found.append(required(path.child("values"), _NEEDS_VALUES))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            found.append(invalid(path.child("values"), values, _TAKES_NO_VALUES))
    else:
        found.append(invalid(path.child("operator"), operator, "not a valid selector operator"))
    return found


def _more_asked_than_allowed(hard: Mapping[str, str]) -> list[str]:
    """Requests whose bound is above that of the limits, which must be above them."""
    found: list[str] = []
    for name in ("cpu", "memory", "storage", "ephemeral-storage"):
        asked, limit = f"requests.{name}", f"limits.{name}"
        if asked not in hard and name in ("cpu", "memory"):
            asked = name
        if asked in hard and limit in hard and quantity.parse(hard[asked]).compare(quantity.parse(hard[limit])) > 0:
            found.append(f"ResourceQuota {asked} ({hard[asked]}) should be less than {limit} ({hard[limit]})")
    return found


class ResourceQuotaStrategy(MainStrategy):
    returns_deleted_object = True
    repeats_metadata_rules = ("change",)

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        spec = obj.get("spec") or {}
        hard = sorted(spec.get("hard") or ())
        return _amounts(SPEC.child("hard"), spec.get("hard")) + _scopes(spec, hard) + _scope_selector(spec, hard)

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        return _more_asked_than_allowed((obj.get("spec") or {}).get("hard") or {})

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found = self.validate(ctx, obj)
        new, before = ((tree.get("spec") or {}).get("scopes") or [] for tree in (obj, old))
        if set(new) != set(before):
            found.append(invalid(SPEC.child("scopes"), printed(new or None), IMMUTABLE))
        return found


class ResourceQuotaStatusStrategy(StatusStrategy):
    repeats_metadata_rules = ("change",)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        status = obj.get("status") or {}
        return _amounts(STATUS.child("hard"), status.get("hard")) + _amounts(STATUS.child("used"), status.get("used"))


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, ResourceQuotaStrategy, ResourceQuotaStatusStrategy)
