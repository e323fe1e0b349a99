"""The quota controller: counts what each ResourceQuota limits and says so in its status.

Started by `server.run` where it is asked for (it is kube-controller-manager's): without it a quota limits nothing until
somebody gives it a status. Counts anew when a quota's limits change, when something that it limits goes or shrinks, and
some time after every charge of `ResourceQuota`, so that what was charged for a write that failed comes back. A count is
made in the very turn of the loop in which its result is written, and adds what is charged and not yet stored, lest it
be given away twice. Where other servers charge too, it waits for a pause. Follows only kinds that some quota limits.
Behaviour: kubernetes `pkg/controller/resourcequota`, where a full count comes every five minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from orlop.admission.quota_evaluators import Evaluator, in_scope
from orlop.admission.quota_reservations import LIFETIME, Place
from orlop.admission.resource_quota import QuotaParts
from orlop.api.amounts import ZERO, Amounts, add, masked, read, same, written
from orlop.api.errors import APIError
from orlop.api.gvk import GroupResource
from orlop.api.tree import Tree
from orlop.controllers.work_queue import WorkQueue
from orlop.controllers.writer import Writer
from orlop.registry.store import Store
from orlop.storage.interface import DELETED, Entry, Event
from orlop.storage.predicate import EVERYTHING, Predicate
from orlop.storage.subscriptions import Subscriber

SLICE: Final = 200
"""Objects that are measured for the first time in one turn of the loop."""
RECOUNT_AFTER: Final = LIFETIME + 1.0
"""Seconds after a change of a quota's status until it is counted again, when charges have landed or lapsed."""
PAUSE: Final = 2.0
"""Seconds without a change of a quota that make a count safe where several servers charge."""
CATCH_UP_WAIT: Final = 10.0
"""Seconds that a count waits for what other servers wrote."""
_QUOTAS: Final = GroupResource("", "resourcequotas")
_MEMO: Final = "quota usage"


class ResourceQuotaController:
    """`status` is the status store of quotas, `parts` what the admission plugin uses."""

    def __init__(self, writer: Writer, status: Store, parts: QuotaParts) -> None:
        self._writer, self._status, self._parts = writer, status, parts
        self._quotas = writer.stores[_QUOTAS]
        self._queue = WorkQueue("resource-quota", self._reconcile, workers=2)
        self._subscribers: list[Subscriber] = []
        self._followed: set[GroupResource] = set()
        self._limits: dict[str, dict[str, tuple[str, ...]]] = {}
        """The resources that quotas limit, by namespace and name."""
        self._changed: dict[str, float] = {}
        """When a quota changed last, by the loop's time."""

    def start(self) -> None:
        for entry in self._quotas.cache.select(EVERYTHING).entries:
            self._note(entry)
        self._subscribers.append(self._quotas.cache.subscribe(EVERYTHING, self._on_quotas, lasting=True))
        self._queue.start()

    async def stop(self) -> None:
        for subscriber in self._subscribers:
            subscriber.cancel()
        await self._queue.stop()

    # --- what changes --------------------------------------------------------------------------------------------

    def _place(self, store: Store, entry: Entry) -> tuple[str, str]:
        namespace, _, name = entry.key[len(store.prefix):].partition("/")
        return namespace, name

    def _on_quotas(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.type != DELETED:
                self._note(event.entry)
                continue
            namespace, name = self._place(self._quotas, event.entry)
            known = self._limits.get(namespace, {})
            known.pop(name, None)
            self._changed.pop(f"{namespace}/{name}", None)
            if not known:
                self._limits.pop(namespace, None)

    def _note(self, entry: Entry) -> None:
        namespace, name = self._place(self._quotas, entry)
        quota = entry.tree()
        hard = (quota.get("spec") or {}).get("hard") or {}
        self._limits.setdefault(namespace, {})[name] = tuple(hard)
        self._changed[f"{namespace}/{name}"] = asyncio.get_running_loop().time()
        for evaluator in self._parts.evaluators.using(hard):
            self._follow(evaluator)
        if _is_behind(quota):
            self._queue.add(f"{namespace}/{name}")
        else:
            self._queue.add_later(f"{namespace}/{name}", RECOUNT_AFTER)

    def _follow(self, evaluator: Evaluator) -> None:
        store = self._writer.stores.get(evaluator.resource)
        if store is None or evaluator.resource in self._followed or not store.strategy.namespaced:
            return
        self._followed.add(evaluator.resource)
        self._subscribers.append(
            store.cache.subscribe(EVERYTHING, partial(self._on_objects, evaluator, store), lasting=True))

    def _on_objects(self, evaluator: Evaluator, store: Store, events: Sequence[Event]) -> None:
        for event in events:
            namespace, name = self._place(store, event.entry)
            limits = self._limits.get(namespace)
            if limits is None:
                continue
            charged = self._parts.reservations.seen((evaluator.resource, namespace, name), event.type == DELETED)
            delay = self._recount_after(evaluator, event, charged)
            for name, hard in limits.items() if delay is not None else ():
                if evaluator.names(hard):
                    self._queue.add_later(f"{namespace}/{name}", delay or 0.0)

    def _recount_after(self, evaluator: Evaluator, event: Event, charged: bool) -> float | None:
        """How soon a write calls for a count, None when it does not."""
        if event.previous is None:
            # Whoever is subject to admission has been charged; built-in controllers are not. What others charged is
            # not known here.
            return None if charged or not self._quotas.cache.exclusive else 0.0
        before = self._usage(evaluator, event.previous)
        if event.type == DELETED or not same(before, self._usage(evaluator, event.entry)):
            return 0.0
        return None if _MEMO in (event.entry.memo or ()) else RECOUNT_AFTER  # it may stop counting by then

    # --- counting ------------------------------------------------------------------------------------------------

    async def _reconcile(self, key: str) -> bool:
        namespace, _, name = key.partition("/")
        await self._quotas.cache.catch_up(CATCH_UP_WAIT)
        entry = self._quotas.cache.peek(self._quotas.prefix + key)
        if entry is None:
            return False
        quota = entry.tree()
        if not self._is_quiet(key, quota):
            return False
        hard = (quota.get("spec") or {}).get("hard") or {}
        for evaluator in self._parts.evaluators.using(hard):
            await self._measure(evaluator, namespace)
        try:
            await self._writer.change(self._status, "", "resourcequotas", namespace, name,
                                      partial(self._count, namespace, name))
        except APIError as error:
            if error.code not in (404, 409):
                raise
            return error.code == 409
        return False

    def _is_quiet(self, key: str, quota: Tree) -> bool:
        """Where other servers charge too, and for what is not stored yet, a count waits for a pause in the charges. One
        comes at the latest when nothing is left to charge."""
        if self._quotas.cache.exclusive or _is_behind(quota):
            return True
        pause = asyncio.get_running_loop().time() - self._changed.get(key, 0.0)
        if pause < PAUSE:
            self._queue.add_later(key, PAUSE - pause)
        return pause >= PAUSE

    async def _measure(self, evaluator: Evaluator, namespace: str) -> None:
        """Look at what was never looked at, a slice a turn, so that the count itself is short."""
        for position, entry in enumerate(self._entries(evaluator, namespace)):
            self._usage(evaluator, entry)
            if position % SLICE == SLICE - 1:
                await asyncio.sleep(0)

    def _entries(self, evaluator: Evaluator, namespace: str) -> Sequence[Entry]:
        store = self._writer.stores.get(evaluator.resource)
        if store is None or not store.strategy.namespaced:
            return ()
        return store.cache.select(Predicate(namespace=namespace)).entries

    def _count(self, namespace: str, name: str, quota: Tree) -> bool:
        """Set the newest status; in one turn of the loop from the look at what there is to the write."""
        spec, before = quota.get("spec") or {}, quota.get("status") or {}
        hard = spec.get("hard") or {}
        used = {key: amount for key, amount in read(before.get("used")).items() if key in hard}
        total = self._counted(namespace, spec)
        add(total, masked(self._parts.reservations.outstanding(f"{namespace}/{name}", self._version), total))
        used.update(masked(total, hard))
        unchanged = before.get("hard") == hard and before.get("used") is not None and same(used, read(before["used"]))
        if not unchanged:
            quota["status"] = {"hard": dict(hard), "used": written(used)}
        return not unchanged

    def _counted(self, namespace: str, spec: Tree) -> Amounts:
        hard = spec.get("hard") or {}
        total: Amounts = {}
        for evaluator in self._parts.evaluators.using(hard):
            sums: Amounts = dict.fromkeys(evaluator.names(hard), ZERO)
            for usage in self._usages(evaluator, namespace, spec):
                add(sums, usage)
            add(total, sums)
        return total

    def _usages(self, evaluator: Evaluator, namespace: str, spec: Tree) -> Iterator[Amounts]:
        scoped = bool(spec.get("scopes") or spec.get("scopeSelector"))
        for entry in self._entries(evaluator, namespace):
            if not scoped or in_scope(spec, evaluator, entry.tree()):
                yield self._usage(evaluator, entry)

    def _usage(self, evaluator: Evaluator, entry: Entry) -> Amounts:
        """Measured once, where the answer lasts."""
        if entry.memo is None:
            entry.memo = {}
        known: Amounts | None = entry.memo.get(_MEMO)
        if known is None:
            tree = entry.tree()
            known = evaluator.usage(tree)
            if evaluator.lasting(tree):
                entry.memo[_MEMO] = known
        return known

    def _version(self, place: Place) -> str:
        resource, namespace, name = place
        store = self._writer.stores.get(resource)
        entry = None if store is None else store.cache.peek(f"{store.prefix}{namespace}/{name}")
        return "" if entry is None else str(entry.revision)


def _is_behind(quota: Tree) -> bool:
    """Whether the status lacks something that the spec asks for."""
    hard, status = (quota.get("spec") or {}).get("hard") or {}, quota.get("status") or {}
    used = status.get("used") or {}
    return status.get("hard") != hard or any(name not in used for name in hard)
