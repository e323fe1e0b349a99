"""One write held against one quota: does the quota apply, what would the write take, and is that left? Pure.

Used by `ResourceQuota`. Behaviour: CheckRequest of apiserver `pkg/admission/plugin/resourcequota/controller.go`.
"""

from __future__ import annotations

from orlop.admission.interface import Attributes
from orlop.admission.quota_evaluators import Evaluator, in_scope
from orlop.api.amounts import Amounts, add, increase, masked, read, shown, without_zeros
from orlop.api.tree import Tree


class Judgement:
    """A write, measured once. Raises 403 where it is not allowed."""

    def __init__(self, attributes: Attributes, evaluator: Evaluator) -> None:
        assert attributes.obj is not None
        self._attributes, self._evaluator, self._obj = attributes, evaluator, attributes.obj
        self._usage: Amounts | None = None
        self._growth: Amounts | None = None

    def applies(self, quota: Tree) -> bool:
        """Whether the quota limits something that this object uses. The object must say how much then, and the quota's
        usage must be known."""
        hard = (quota.get("status") or {}).get("hard") or {}
        evaluator = self._evaluator
        names = sorted(evaluator.names(hard))
        if not names or not in_scope(quota.get("spec") or {}, evaluator, self._obj):
            return False
        title = quota["metadata"]["name"]
        if lacking := evaluator.missing(names, self._obj):
            raise self._attributes.forbidden(f"failed quota: {title}: must specify {lacking}")
        used = quota["status"].get("used") or {}
        if any(name not in used for name in names):
            raise self._attributes.forbidden(f"status unknown for quota: {title}, resources: {','.join(names)}")
        return True

    def charge(self, quota: Tree) -> Amounts:
        """What the write takes of a quota that applies; empty when nothing."""
        grown = without_zeros(self._taken(quota))
        return masked(grown, quota["status"].get("hard") or {})

    def _taken(self, quota: Tree) -> Amounts:
        usage = self._measured()
        old = self._attributes.old
        if old is None or not in_scope(quota.get("spec") or {}, self._evaluator, old):
            return usage
        if self._growth is None:
            self._growth = increase(usage, self._evaluator.usage(old))
        return self._growth

    def _measured(self) -> Amounts:
        if self._usage is None:
            self._usage = self._evaluator.usage(self._obj)
            if negative := sorted(name for name, amount in self._usage.items() if amount.sign < 0):
                raise self._attributes.forbidden(
                    f"quota usage is negative for resource(s): {','.join(negative)}")
        return self._usage

    def check(self, quota: Tree, charge: Amounts) -> Amounts:
        """The usage with the charge added. What a status reports is not refused."""
        status = quota.get("status") or {}
        hard, used = read(status.get("hard")), read(status.get("used"))
        total = dict(used)
        add(total, charge)
        exceeded = [name for name in charge if name in hard and total[name].compare(hard[name]) > 0]
        if exceeded and self._attributes.subresource != "status":
            raise self._attributes.forbidden(
                f"exceeded quota: {quota['metadata']['name']}, requested: {shown(masked(charge, exceeded))}, "
                f"used: {shown(masked(used, exceeded))}, limited: {shown(masked(hard, exceeded))}")
        return total
