"""LimitRanges: bounds and defaults for the resources of pods, containers and claims.

Made by `makers`. Behaviour: kubernetes `pkg/registry/core/limitrange`, `pkg/apis/core/validation` ValidateLimitRange.
"""

from __future__ import annotations

from typing import Final

from orlop.api import names, quantity
from orlop.api.context import Context
from orlop.api.field import Path, duplicate, forbidden, invalid, required
from orlop.api.tree import Tree
from orlop.kinds import resource_names
from orlop.kinds.checks import SPEC, Errors, said
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import Form, MainStrategy, settle
from orlop.kinds.rooms import RestOptions, Rooms, form, store
from orlop.world.entropy import Entropy

_LIMITS: Final = SPEC.child("limits")
_TYPES: Final = ("Pod", "Container", "PersistentVolumeClaim")
_MAX_MILLI: Final = (1 << 63) // 1000
Amounts = dict[str, str]


class LimitRangeStrategy(MainStrategy):
    allow_create_on_update = True
    repeats_metadata_rules = ("whole",)

    def __init__(self, form: Form, entropy: Entropy) -> None:
        super().__init__(form)
        self._entropy = entropy

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        if not obj["metadata"].get("name"):
            obj["metadata"]["name"] = self._entropy.uid()
        settle(obj.get("spec") or {}, "limits")

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        settle(obj.get("spec") or {}, "limits")
        super().prepare_for_update(ctx, obj, old)

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        found: Errors = []
        types: set[str] = set()
        for index, limit in enumerate((obj.get("spec") or {}).get("limits") or ()):
            path = _LIMITS.index(index)
            kind = limit.get("type") or ""
            found += _type_name(path.child("type"), kind)
            if kind in types:
                found.append(duplicate(path.child("type"), kind))
            types.add(kind)
            found += _Item(path, kind, limit).check()
        return found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return self.validate(ctx, obj)


def _type_name(path: Path, kind: str) -> Errors:
    if complaints := names.qualified_name(kind):
        return said(path, kind, complaints)
    if "/" not in kind and kind not in _TYPES:
        return [invalid(path, kind, "must be a standard limit type or fully qualified")]
    return []


class _Item:
    """One limit, of one type."""

    def __init__(self, path: Path, kind: str, limit: Tree) -> None:
        self.path, self.kind, self.limit = path, kind, limit
        self.found: Errors = []
        self.keys: dict[str, None] = {}

    def check(self) -> Errors:
        limit, path = self.limit, self.path
        most, least = self._named("max"), self._named("min")
        default: Amounts = {}
        default_request: Amounts = {}
        if self.kind == "Pod":
            for name in ("default", "defaultRequest"):
                if limit.get(name):
                    self.found.append(forbidden(path.child(name), "may not be specified when `type` is 'Pod'"))
        else:
            default, default_request = self._named("default"), self._named("defaultRequest")
        if self.kind == "PersistentVolumeClaim" and "storage" not in most and "storage" not in least:
            self.found.append(required(path.child("limits"), (
                "either minimum or maximum storage value is required, but neither was provided")))
        ratios = self._named("maxLimitRequestRatio")
        for key in self.keys:
            self._order(key, least, most, default, default_request)
            if key in ratios:
                self._ratio(key, ratios[key], least.get(key), most.get(key))
            self._overcommit(key, default.get(key), default_request.get(key))
        return self.found

    def _named(self, member: str) -> Amounts:
        amounts: Amounts = self.limit.get(member) or {}
        check = resource_names.container_name if self.kind in ("Pod", "Container") else resource_names.any_name
        for key in amounts:
            self.found += check(self.path.child(member).key(key), key)
            self.keys[key] = None
        return amounts

    def _refuse(self, member: str, key: str, shown: str, text: str) -> None:
        self.found.append(invalid(self.path.child(member).key(key), shown, text))

    def _order(self, key: str, least: Amounts, most: Amounts, default: Amounts, request: Amounts) -> None:
        """The bounds must leave room for each other and for the defaults."""
        low, high, limit, asked = least.get(key), most.get(key), default.get(key), request.get(key)
        if _above(low, high):
            self._refuse("min", key, low or "", f"min value {low} is greater than max value {high}")
        if _above(low, asked):
            self._refuse("defaultRequest", key, asked or "",
                         f"min value {low} is greater than default request value {asked}")
        if _above(asked, high):
            self._refuse("defaultRequest", key, asked or "",
                         f"default request value {asked} is greater than max value {high}")
        if _above(asked, limit):
            self._refuse("defaultRequest", key, asked or "",
                         f"default request value {asked} is greater than default limit value {limit}")
        if _above(low, limit):
            self._refuse("default", key, low or "", f"min value {low} is greater than default value {limit}")
        if _above(limit, high):
            self._refuse("default", key, high or "", f"default value {limit} is greater than max value {high}")

    def _ratio(self, key: str, ratio: str, least: str | None, most: str | None) -> None:
        member = "maxLimitRequestRatio"
        if _above("1", ratio):
            self._refuse(member, key, ratio, f"ratio {ratio} is less than 1")
        if least is None or most is None:
            return
        wanted, low, high = (quantity.parse(text) for text in (ratio, least, most))
        value, bottom, top = float(wanted.value()), low.value(), high.value()
        if max(wanted.value(), bottom, top) < _MAX_MILLI:
            value, bottom, top = wanted.milli_value() / 1000, low.milli_value(), high.milli_value()
        bound = top / bottom if bottom else float("inf")
        if value > bound:
            self._refuse(member, key, ratio, f"ratio {ratio} is greater than max/min = {bound:f}")

    def _overcommit(self, key: str, limit: str | None, asked: str | None) -> None:
        if limit is None or asked is None or resource_names.overcommits(key):
            return
        if quantity.parse(limit) != quantity.parse(asked):
            self._refuse("defaultRequest", key, asked,
                         f"default value {limit} must equal to defaultRequest value {asked} in {key}")


def _above(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and quantity.parse(one).compare(quantity.parse(other)) > 0


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    strategy = LimitRangeStrategy(form(resource, options), options.outside.entropy)
    return {"": store(resource, options, strategy)}
