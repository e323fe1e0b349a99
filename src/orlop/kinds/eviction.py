"""Evictions: deletions of pods that respect their disruption budgets.

Made by `pod_storage`; writes the reason into the pod's status and deletes it through the pods' own stores. What budgets
say is in `disruption`. Behaviour and texts: kubernetes `pkg/registry/core/pod/storage/eviction.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.errors import APIError
from orlop.api.options import CreateOptions, DeleteOptions, Preconditions, UpdateOptions
from orlop.api.query_options import delete_from_body
from orlop.api.tree import Tree
from orlop.kinds import disruption
from orlop.kinds.pod import ENDED
from orlop.kinds.pod_conditions import set_condition
from orlop.kinds.pod_target import find
from orlop.registry.delete import check_preconditions
from orlop.registry.interface import Admit
from orlop.registry.store import Store
from orlop.storage.interface import Entry
from orlop.world.clock import Clock

ATTEMPTS: Final = 20
"""How often an eviction starts over because the pod changed meanwhile."""
_BUDGETS: Final = ("policy", "poddisruptionbudgets")
_TWO_BUDGETS: Final = ("This pod has more than one PodDisruptionBudget, which the eviction subresource does not "
                       "support.")
_SUCCESS: Final = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What guards a pod: the budget's name ("" when none does), and whether the pod goes uncounted because it is not
    ready anyway."""

    budget: str = ""
    unready: bool = False


class Evictions:
    """`status` is the store of pods' status; `stores` by (group, plural)."""

    def __init__(self, pods: Store, status: Store, stores: Mapping[tuple[str, str], Store], clock: Clock) -> None:
        self._pods, self._status, self._stores, self._clock = pods, status, stores, clock

    async def create(self, ctx: Context, name: str, obj: Tree, admit: Admit, options: CreateOptions) -> Tree:
        if obj["metadata"].get("name", "") != name:
            raise errors.bad_request("name in URL does not match name in Eviction object")
        given = delete_from_body(obj.get("deleteOptions") or {})
        given = replace(given, dry_run=given.dry_run or options.dry_run)
        verdict = admit(obj, None)
        if verdict is not None:
            await verdict
        if not await self._delete_unprotected(ctx, name, given):
            await self._delete_within_budget(ctx, name, given)
        return dict(_SUCCESS)

    async def _delete_unprotected(self, ctx: Context, name: str, given: DeleteOptions) -> bool:
        """Pods that do not run yet, or no longer, need no budget. False when this one does."""
        pinned = _version(given) is not None
        for attempt in range(ATTEMPTS):
            pod = find(self._pods, ctx, name)
            phase, going = (pod.get("status") or {}).get("phase"), pod["metadata"].get("deletionTimestamp")
            if phase not in (*ENDED, "Pending") and not going:
                return False
            wanted = _pinned(given, pod) if phase == "Pending" and not going and not pinned else given
            try:
                await self._delete(ctx, name, wanted)
            except APIError as error:
                if error.reason != "Conflict" or pinned or attempt == ATTEMPTS - 1:
                    raise
            else:
                return True
        return False

    async def _delete_within_budget(self, ctx: Context, name: str, given: DeleteOptions) -> None:
        pod = find(self._pods, ctx, name)
        verdict = await self._spend(ctx, pod, given.dry_run)
        wanted = _pinned(given, pod) if verdict.unready else given
        try:
            await self._delete(ctx, name, wanted)
        except APIError as error:
            if error.reason == "Conflict" and verdict.unready and _version(given) is None:
                raise disruption.busy(verdict.budget) from None
            raise

    async def _spend(self, ctx: Context, pod: Tree, dry_run: bool) -> _Verdict:
        """Take one disruption from the pod's budget. Raises 429 when there is none left."""
        store, name = self._stores[_BUDGETS], pod["metadata"]["name"]
        budgets = disruption.guarding(store, ctx, pod)
        if len(budgets) > 1:
            raise errors.unknown(_TWO_BUDGETS)
        if not budgets:
            return _Verdict()
        budget, now = budgets[0], self._clock.now()
        if not _is_ready(pod) and disruption.spares_unready(budget):
            return _Verdict(budget["metadata"]["name"], unready=True)
        if dry_run:
            disruption.decrement(budget, name, now)
        else:
            await disruption.spend(store, ctx, budget["metadata"]["name"], name, now)
        return _Verdict(budget["metadata"]["name"])

    async def _delete(self, ctx: Context, name: str, options: DeleteOptions) -> None:
        """Write why into the status, then delete."""
        if not options.dry_run:
            source = _Notice(self._pods, options, self._clock)
            written, _ = await self._status.update(ctx, name, source, _admit_all, _admit_all, UpdateOptions())
            if _version(options) is not None and isinstance(written, Entry):
                options = _pinned(options, written.tree())
        await self._pods.delete(ctx, name, _admit_all, options)


class _Notice:
    """The update that adds the condition to the newest state of a pod."""

    preconditions: Preconditions | None = None

    def __init__(self, pods: Store, options: DeleteOptions, clock: Clock) -> None:
        self._pods, self._options, self._clock = pods, options, clock

    def updated(self, ctx: Context, old: Tree) -> Tree:
        check_preconditions(self._pods.strategy, old["metadata"], self._options)
        new = {**old, "metadata": dict(old["metadata"]), "status": dict(old.get("status") or {})}
        set_condition(new, "DisruptionTarget", "True", self._clock.now(), "EvictionByEvictionAPI",
                      "Eviction API: evicting")
        return new


def _admit_all(new: Tree, old: Tree | None) -> None:
    """The eviction itself was admitted; what it does to the pod is not asked again."""


def _is_ready(pod: Tree) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _version(options: DeleteOptions) -> str | None:
    return options.preconditions.resource_version if options.preconditions is not None else None


def _pinned(options: DeleteOptions, pod: Tree) -> DeleteOptions:
    """The same deletion, of this very state of the pod."""
    uid = options.preconditions.uid if options.preconditions is not None else None
    return replace(options, preconditions=Preconditions(uid, pod["metadata"]["resourceVersion"]))
