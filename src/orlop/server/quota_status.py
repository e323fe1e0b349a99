"""Changes of a ResourceQuota's status from inside the server.

Made by `admission_plugins` for `ResourceQuota`. Each change sees the newest state, also one that is not yet committed,
and is durable when it returns: storage's conditional updates do that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from orlop.admission.resource_quota import Change
from orlop.api.context import SYSTEM_USER, Context, RequestInfo
from orlop.api.options import Preconditions, UpdateOptions
from orlop.api.tree import Tree
from orlop.apply.tracking import FieldManager
from orlop.kinds.generic import MainStrategy, copied
from orlop.kinds.resource_quota import ResourceQuotaStatusStrategy
from orlop.registry import times
from orlop.registry.store import Store

MANAGER: Final = "kube-apiserver"
Fields: TypeAlias = Callable[[], FieldManager]
"""Who tracks the owners of fields of the status room."""


class _Changed:
    """An update source."""

    preconditions: Preconditions | None = None

    def __init__(self, change: Change, fields: Fields | None, now: Callable[[], float]) -> None:
        self._change, self._fields, self._now = change, fields, now

    def updated(self, ctx: Context, old: Tree) -> Tree:
        new: Tree = copied(old)
        self._change(new)
        if self._fields is not None and old["metadata"].get("managedFields"):
            managed = self._fields().update(old, new, MANAGER, times.text(self._now()))
            if managed is not None:
                new["metadata"]["managedFields"] = managed
        return new


def _admit(new: Tree, old: Tree | None) -> None:
    """Nothing is asked about what the server does itself."""


class QuotaStatus:
    """Without `fields` nobody comes to own what is changed."""

    def __init__(self, quotas: Store, fields: Fields | None = None) -> None:
        strategy = quotas.strategy
        assert isinstance(strategy, MainStrategy)
        self._store = quotas.with_strategy(ResourceQuotaStatusStrategy(strategy.form))
        self._fields, self.now = fields, quotas.now

    async def change(self, namespace: str, name: str, change: Change) -> None:
        """Raises what `change` raises, 404 when there is no such quota."""
        info = RequestInfo("update", "", "api", "", "v1", namespace, "resourcequotas", "status", name)
        ctx = Context(SYSTEM_USER, info, namespace, MANAGER)
        source = _Changed(change, self._fields, self.now)
        await self._store.update(ctx, name, source, _admit, _admit, UpdateOptions())
