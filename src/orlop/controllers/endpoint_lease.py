"""Which servers are there: each keeps a short-lived key, and the `kubernetes` service leads to all of them.

Run by `server.run` in every server (not only the elected one) where several share a storage. Writes
`/registry/masterleases/ADDRESS` with a time to live straight to storage, for no API shows it, and puts the addresses
that are there into `bootstrap`'s Endpoints and EndpointSlice. Behaviour: kubernetes
`pkg/controlplane/reconcilers/lease.go`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import orjson

from orlop.api.errors import APIError
from orlop.storage.errors import KeyNotFound, StorageError
from orlop.storage.interface import Entry, Storage, Write

log = logging.getLogger(__name__)

PREFIX: Final = "/registry/masterleases/"
INTERVAL: Final = 10.0
"""Seconds between two renewals."""
LIFETIME: Final = 15
"""Seconds after which a server that does not renew is gone."""

_KIND: Final = {"kind": "Endpoints", "apiVersion": "v1"}
"""At the end of a body where it belongs to no resource, so that a kube-apiserver can read the stored form."""

Publish = Callable[[Sequence[str]], Awaitable[None]]
"""Makes the `kubernetes` service lead to these addresses."""


class EndpointLease:
    """`address` is where this server can be reached."""

    def __init__(self, storage: Storage, address: str, publish: Publish) -> None:
        self._storage, self._address, self._publish = storage, address, publish
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="endpoint-lease")

    async def stop(self) -> None:
        """Take the address away at once: clients shall not be sent to a server that has ended."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        try:
            await self._storage.delete(PREFIX + self._address)
            await self._reconcile()
        except (KeyNotFound, StorageError, APIError) as error:
            log.warning("the address %s could not be taken away: %s", self._address, error)

    async def _run(self) -> None:
        while True:
            try:
                await self._storage.guaranteed_update(PREFIX + self._address, self._renewed)
                await self._reconcile()
            except (StorageError, APIError) as error:
                log.warning("the address %s could not be renewed: %s", self._address, error)
            await asyncio.sleep(INTERVAL)

    def _renewed(self, current: Entry | None) -> Write:
        """Never equal to what is stored, so that it is written and lives on."""
        generation = 1 if current is None else (current.tree()["metadata"].get("generation") or 0) + 1
        return Write(orjson.dumps({"metadata": {"generation": generation},
                                   "subsets": [{"addresses": [{"ip": self._address}]}], **_KIND}), ttl=LIFETIME)

    async def _reconcile(self) -> None:
        page = await self._storage.list(PREFIX)
        addresses = sorted({entry.key[len(PREFIX):] for entry in page.entries})
        if addresses:
            await self._publish(addresses)
