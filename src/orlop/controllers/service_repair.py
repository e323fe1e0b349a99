"""Addresses and ports of services against the services: what is missing is noted, what nobody has is given back.

Run once by `server.run` before services are served (a storage of an older server has no IPAddresses), and every few
minutes after; every replica does it. An address that somebody deletes under a service is put back at once. A crash
between an address and its service leaves an orphan, which goes when it is older than any request can be; a port that
no service has goes after it was seen so three times. Behaviour: kubernetes
`pkg/registry/core/service/{ipallocator,portallocator}/controller`, whose events are left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from typing import Final

from orlop.api.errors import APIError
from orlop.api.tree import Tree
from orlop.controllers.work_queue import WorkQueue
from orlop.controllers.writer import Writer
from orlop.kinds.address_book import (
    ADDRESSES,
    FAMILY_LABEL,
    GROUP,
    MANAGER,
    MANAGER_LABEL,
    Owner,
    StoredRegister,
    owner_of,
)
from orlop.kinds.allocators import PortSet, PortSpan
from orlop.kinds.port_book import StoredPorts, held_ports
from orlop.kinds.service_allocation import held_addresses
from orlop.registry import times
from orlop.storage.errors import StorageError
from orlop.storage.interface import DELETED, Event, Storage
from orlop.storage.predicate import EVERYTHING

log = logging.getLogger(__name__)

INTERVAL: Final = 180.0
"""Seconds between two rounds."""
GRACE: Final = 60.0
"""Seconds that an address may be there without its service, which is still being written."""
ROUNDS: Final = 3
"""How often a port must be found without a service before it is given back."""
PATIENCE: Final = 3.0
"""Seconds that a look at the services waits for what others wrote."""
_SERVICES: Final = ("", "services")


class ServiceRepairController:
    """`node_ports`: the configured span. `now`: seconds since 1970."""

    def __init__(self, writer: Writer, storage: Storage, node_ports: str, now: Callable[[], float]) -> None:
        self._writer, self._now = writer, now
        self._ports = StoredPorts(storage, PortSpan(node_ports), self._services)
        self._leaks: dict[int, int] = {}
        """Ports without a service, and how many rounds they still have; bounded by the span."""
        self._register = StoredRegister(writer.stores[(GROUP, ADDRESSES)])
        self._queue = WorkQueue("service-repair", self._put_back, workers=1)

    def start(self) -> None:
        """`repair` has run once already."""
        cache = self._writer.stores[(GROUP, ADDRESSES)].cache
        self._subscriber = cache.subscribe(EVERYTHING, self._on_addresses, lasting=True)
        self._queue.start()
        self._task = asyncio.create_task(self._run(), name="service-repair")

    async def stop(self) -> None:
        self._subscriber.cancel()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._queue.stop()

    def _on_addresses(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.type == DELETED and (owner := owner_of(event.entry.tree())) is not None:
                self._queue.add("/".join((*owner, event.entry.key.rpartition("/")[2])))

    async def _put_back(self, key: str) -> bool:
        """An address is gone; usually its service went before it."""
        namespace, name, text = key.split("/")
        await self._writer.stores[_SERVICES].cache.catch_up(PATIENCE)
        owner = Owner(namespace, name)
        if self._has(owner, text) and self._writer.peek(GROUP, ADDRESSES, "", text) is None:
            await self._note(text, [owner])
        return False

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.repair()
            except (APIError, StorageError) as problem:
                log.warning("addresses and ports of services could not be repaired, next try in %d s: %s", INTERVAL,
                            problem)

    async def repair(self) -> None:
        """One round. Raises APIError and StorageError."""
        owners: dict[str, list[Owner]] = {}
        for service in self._services():
            metadata = service["metadata"]
            for _, text in held_addresses(service.get("spec") or {}):
                with contextlib.suppress(ValueError):  # no address: nothing to note
                    owners.setdefault(str(ip_address(text)), []).append(Owner(metadata["namespace"], metadata["name"]))
        for text, claimants in owners.items():
            await self._note(text, claimants)
        cache = self._writer.stores[(GROUP, ADDRESSES)].cache
        for entry in list(cache.select(EVERYTHING).entries):
            await self._check(entry.tree(), owners)
        await self._repair_ports()

    def _services(self) -> Iterator[Tree]:
        return (entry.tree() for entry in self._writer.stores[_SERVICES].cache.select(EVERYTHING).entries)

    # --- addresses -----------------------------------------------------------------------------------------------

    async def _note(self, text: str, claimants: list[Owner]) -> None:
        """An address that services have belongs to one of them."""
        entry = self._writer.peek(GROUP, ADDRESSES, "", text)
        if len(claimants) > 1:
            log.error("cluster IP %s is that of several services, please recreate all but one: %s", text,
                      ", ".join("/".join(each) for each in claimants))
        if entry is not None:
            tree = entry.tree()
            owner = owner_of(tree)
            if owner in claimants and _is_labelled(tree):
                return
            claimants = [owner] if owner is not None and owner in claimants else claimants
            log.warning("IPAddress %s does not say whose it is; made again", text)
            await self._remove(text)
        else:
            log.warning("cluster IP %s of service %s is not allocated; repairing", text, "/".join(claimants[0]))
        await self._register.enter(text, claimants[0])  # or another replica was faster, which repairs too

    async def _check(self, address: Tree, owners: dict[str, list[Owner]]) -> None:
        """An address that was made for a service which does not have it."""
        metadata = address["metadata"]
        if (metadata.get("labels") or {}).get(MANAGER_LABEL) != MANAGER or metadata["name"] in owners:
            return
        owner = owner_of(address)
        young = self._now() - times.seconds(metadata["creationTimestamp"]) <= GRACE
        if owner is not None and young:
            return  # its service may be on its way
        if owner is not None and self._has(owner, metadata["name"]):
            return  # since this round began
        log.warning("IPAddress %s appears to have leaked: cleaning up", metadata["name"])
        await self._remove(metadata["name"])

    def _has(self, owner: Owner, text: str) -> bool:
        entry = self._writer.peek("", "services", owner.namespace, owner.name)
        return entry is not None and text in ((entry.tree().get("spec") or {}).get("clusterIPs") or ())

    async def _remove(self, name: str) -> None:
        try:
            await self._writer.delete(GROUP, ADDRESSES, "", name)
        except APIError as problem:
            if problem.code != 404:
                raise

    # --- ports ---------------------------------------------------------------------------------------------------

    async def _repair_ports(self) -> None:
        leaks: dict[int, int] = {}

        def edit(taken: PortSet) -> None:
            leaks.clear()
            held = {port for service in self._services() for port in held_ports(service)}
            for port in held:
                taken.add(port)
            for port in taken:
                if port in held:
                    continue
                left = self._leaks.get(port, ROUNDS) - 1
                if left > 0:
                    leaks[port] = left
                else:
                    log.warning("the node port %d appears to have leaked: cleaning up", port)
                    taken.free(port)

        await self._ports.change(edit)
        self._leaks = dict(leaks)


def _is_labelled(address: Tree) -> bool:
    labels: Tree = address["metadata"].get("labels") or {}
    family = f"IPv{ip_address(address['metadata']['name']).version}"
    return labels.get(FAMILY_LABEL) == family and labels.get(MANAGER_LABEL) == MANAGER
