"""ServiceCIDRs that users make: says that they are ready, and keeps one that is deleted while services need it.

Follows ServiceCIDRs and IPAddresses. A range being deleted gives out no addresses at once (`kinds.address_book`); its
finalizer goes when no address lies in it alone, some seconds later, so that every replica has heard of the deletion.
Part of kube-controller-manager, not of kube-apiserver: off unless asked for. Behaviour: kubernetes
`pkg/controller/servicecidrs`, whose events are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from orlop.api.errors import APIError
from orlop.api.tree import Tree
from orlop.controllers.work_queue import WorkQueue
from orlop.controllers.writer import Writer
from orlop.kinds.address_book import ADDRESSES, GROUP, MANAGER, MANAGER_LABEL, RANGES, ranges_of
from orlop.kinds.allocators import AddressRange
from orlop.registry import times
from orlop.registry.store import Store
from orlop.storage.interface import Event
from orlop.storage.predicate import EVERYTHING

FINALIZER: Final = "networking.k8s.io/service-cidr-finalizer"
GRACE: Final = 10.0
"""Seconds from the deletion to the end, for the news to reach all allocators."""
_READY: Final = "Kubernetes Service CIDR is ready"
_IN_USE: Final = ("There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new "
                  "ServiceCIDR")


class ServiceCIDRController:
    """`status` is the status store of ServiceCIDRs. `now`: seconds since 1970."""

    def __init__(self, writer: Writer, status: Store, now: Callable[[], float]) -> None:
        self._writer, self._status, self._now = writer, status, now
        self._ranges, self._addresses = writer.stores[(GROUP, RANGES)], writer.stores[(GROUP, ADDRESSES)]
        self._queue = WorkQueue("service-cidrs", self._reconcile, workers=1)

    def start(self) -> None:
        self._subscribers = [self._ranges.cache.subscribe(EVERYTHING, self._on_ranges, lasting=True),
                             self._addresses.cache.subscribe(EVERYTHING, self._on_addresses, lasting=True)]
        self._add_all()
        self._queue.start()

    async def stop(self) -> None:
        for subscriber in self._subscribers:
            subscriber.cancel()
        await self._queue.stop()

    def _add_all(self) -> None:
        for entry in self._ranges.cache.select(EVERYTHING).entries:
            self._queue.add(entry.key.rpartition("/")[2])

    def _on_ranges(self, events: Sequence[Event]) -> None:
        """Ranges that overlap depend on each other, and there are few: all are looked at."""
        for event in events:
            self._queue.add(event.entry.key.rpartition("/")[2])
        self._add_all()

    def _on_addresses(self, events: Sequence[Event]) -> None:
        """Only a deletion waits for addresses."""
        for entry in self._ranges.cache.select(EVERYTHING).entries:
            if b'"deletionTimestamp":"' in entry.body:
                self._queue.add(entry.key.rpartition("/")[2])

    async def _reconcile(self, name: str) -> bool:
        entry = self._ranges.cache.peek(self._ranges.prefix + name)
        if entry is None:
            return False
        tree = entry.tree()
        try:
            if tree["metadata"].get("deletionTimestamp"):
                await self._let_go(name, tree)
            else:
                await self._welcome(name, tree)
        except APIError as problem:
            if problem.code != 404:
                raise
        return False

    async def _welcome(self, name: str, tree: Tree) -> None:
        if FINALIZER not in (tree["metadata"].get("finalizers") or ()):
            await self._change(self._ranges, name, _protect)
        await self._report(name, "True", "", _READY)

    async def _let_go(self, name: str, tree: Tree) -> None:
        if FINALIZER not in (tree["metadata"].get("finalizers") or ()):
            return
        if self._is_needed(name, tree):
            await self._report(name, "False", "Terminating", _IN_USE)
            return
        left = GRACE - (self._now() - times.seconds(tree["metadata"]["deletionTimestamp"]))
        if left > 0:
            self._queue.add_later(name, left)
            return
        await self._change(self._ranges, name, _unprotect)

    async def _change(self, store: Store, name: str, change: Callable[[Tree], bool]) -> None:
        await self._writer.change(store, GROUP, RANGES, "", name, change)

    async def _report(self, name: str, status: str, reason: str, message: str) -> None:
        stamp = times.text(self._now())

        def report(tree: Tree) -> bool:
            conditions: list[Tree] = tree.setdefault("status", {}).get("conditions") or []
            before = next((each for each in conditions if each.get("type") == "Ready"), {})
            since = before.get("lastTransitionTime") if before.get("status") == status else stamp
            ready = {"type": "Ready", "status": status, "lastTransitionTime": since or stamp, "reason": reason,
                     "message": message}
            tree["status"]["conditions"] = [*(each for each in conditions if each.get("type") != "Ready"), ready]
            return True

        await self._change(self._status, name, report)

    # --- who needs it --------------------------------------------------------------------------------------------

    def _is_needed(self, name: str, tree: Tree) -> bool:
        """Whether some address lies in no other range."""
        others = [ip_network(text, strict=False) for entry in self._ranges.cache.select(EVERYTHING).entries
                  if entry.key.rpartition("/")[2] != name for text in ranges_of(entry.tree())]
        own = [ip_network(text, strict=False) for text in ranges_of(tree)]
        if all(any(_within(each, other) for other in others) for each in own):
            return False
        mine, theirs = [AddressRange(str(each)) for each in own], [AddressRange(str(each)) for each in others]
        for entry in self._addresses.cache.select(EVERYTHING).entries:
            text = entry.key.rpartition("/")[2]
            if self._addresses.cache.attributes(entry).labels.get(MANAGER_LABEL) == MANAGER \
                    and any(text in each for each in mine) and not any(text in each for each in theirs):
                return True
        return False


def _within(inner: IPv4Network | IPv6Network, outer: IPv4Network | IPv6Network) -> bool:
    return inner.version == outer.version and inner.prefixlen >= outer.prefixlen and inner.overlaps(outer)


def _protect(tree: Tree) -> bool:
    tree["metadata"]["finalizers"] = [*(tree["metadata"].get("finalizers") or ()), FINALIZER]
    return True


def _unprotect(tree: Tree) -> bool:
    tree["metadata"]["finalizers"] = [each for each in tree["metadata"].get("finalizers") or () if each != FINALIZER]
    return True
