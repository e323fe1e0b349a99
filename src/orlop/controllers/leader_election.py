"""Leader election on a Lease: of several servers over one storage, one runs the built-in controllers.

Started by `server.run` where others may write to the storage; it enters `lead` when this server is elected and leaves
it when the server ends, or when it could not renew in time. Behaviour and timing: client-go
`tools/leaderelection/leaderelection.go`, so that `kubectl get lease` shows what one expects, and another program
electing on the same Lease is understood.

    follow ── the Lease is free, or its holder has been silent for its duration ──► lead
       ▲                                                                             │ renewed every RETRY
       └───────────── not renewed for RENEW_DEADLINE, or taken by another ◄──────────┘
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from orlop.api import times
from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.controllers.writer import Writer
from orlop.registry.store import Store
from orlop.world.clock import Clock

log = logging.getLogger(__name__)

NAMESPACE: Final = "kube-system"
LEASE_SECONDS: Final = 15
"""Others wait this long for a silent leader."""
RENEW_DEADLINE: Final = 10.0
"""Seconds without a renewal after which the leader steps back: before others may take over."""
RETRY: Final = 2.0
"""Seconds between two attempts to renew or to acquire; followers wait up to JITTER times longer."""
JITTER: Final = 1.2

_LEASE: Final = GroupVersionKind("coordination.k8s.io", "v1", "Lease")


class _Held(Exception):
    """Another has the Lease."""


class _Absent(Exception):
    """There is no Lease. (An update of a Lease may create it; we want to know.)"""


@dataclass(slots=True)
class _Observed:
    """The Lease as last seen, and when (monotonic): a holder is silent while its record does not change."""

    record: Tree
    at: float


class LeaderElection:
    """`lead` gives what runs while this server leads. `chance` gives a number from 0 up to 1."""

    def __init__(self, writer: Writer, name: str, identity: str, clock: Clock,
                 lead: Callable[[], AbstractAsyncContextManager[None]], chance: Callable[[], float]) -> None:
        self._writer, self._name, self.identity, self._clock = writer, name, identity, clock
        self._lead, self._chance = lead, chance
        self._observed: _Observed | None = None
        self.leading = False

    async def run(self) -> None:
        """Until cancelled: then what was led has ended, and the Lease is let go so that another takes over at once."""
        while True:
            await self._acquire()
            log.info("%s leads %s", self.identity, self._name)
            try:
                async with self._lead():
                    self.leading = True
                    await self._keep()
            finally:
                self.leading = False
                log.info("%s no longer leads %s", self.identity, self._name)
                await self._release()

    async def _acquire(self) -> None:
        while not await self._attempt():
            await asyncio.sleep(RETRY * (1 + JITTER * self._chance()))

    async def _keep(self) -> None:
        """Returns when the leadership is lost."""
        renewed = self._clock.monotonic()
        while self._clock.monotonic() - renewed < RENEW_DEADLINE:
            await asyncio.sleep(RETRY)
            try:
                async with asyncio.timeout(max(renewed + RENEW_DEADLINE - self._clock.monotonic(), RETRY)):
                    if await self._attempt():
                        renewed = self._clock.monotonic()
            except TimeoutError:
                return
            if self._taken():
                return

    def _taken(self) -> bool:
        return self._observed is not None and self._observed.record.get("holderIdentity") not in (None, self.identity)

    async def _attempt(self) -> bool:
        """Acquire or renew. False: another has it, or the storage does not answer."""
        try:
            await self._writer.change(self._store, _LEASE.group, "leases", NAMESPACE, self._name, self._take)
        except _Held:
            return False
        except _Absent:
            return await self._create()
        except APIError as error:
            log.warning("the lease %s could not be taken: %s", self._name, error.message)
            return False
        self._observed = _Observed({"holderIdentity": self.identity}, self._clock.monotonic())
        return True

    async def _create(self) -> bool:
        spec = self._record(acquired=self._now(), transitions=0)
        try:
            await self._writer.create(_LEASE, "leases",
                                      {"metadata": {"name": self._name, "namespace": NAMESPACE}, "spec": spec})
        except APIError as error:
            if error.reason != "AlreadyExists":
                log.warning("the lease %s cannot be made: %s", self._name, error.message)
            return False
        return True

    @property
    def _store(self) -> Store:
        return self._writer.stores[(_LEASE.group, "leases")]

    def _take(self, lease: Tree) -> bool:
        """Called with the newest Lease. Raises _Held and _Absent."""
        if not lease["metadata"].get("uid"):
            raise _Absent
        record = lease.get("spec") or {}
        holder = record.get("holderIdentity") or ""
        if self._observed is None or self._observed.record != record:
            self._observed = _Observed(record, self._clock.monotonic())
        if holder not in ("", self.identity):
            duration = record.get("leaseDurationSeconds") or LEASE_SECONDS
            if self._clock.monotonic() < self._observed.at + duration:
                raise _Held
        transitions = record.get("leaseTransitions") or 0
        if holder == self.identity:
            lease["spec"] = self._record(record.get("acquireTime") or self._now(), transitions)
        else:
            lease["spec"] = self._record(self._now(), transitions + 1)
        return True

    def _record(self, acquired: str, transitions: int) -> Tree:
        return {"holderIdentity": self.identity, "leaseDurationSeconds": LEASE_SECONDS, "acquireTime": acquired,
                "renewTime": self._now(), "leaseTransitions": transitions}

    def _now(self) -> str:
        return times.micro_text(times.from_timestamp(self._clock.now()))

    async def _release(self) -> None:
        """Nobody has to wait for our silence. Should it fail, they wait."""

        def free(lease: Tree) -> bool:
            record = lease.get("spec") or {}
            if record.get("holderIdentity") != self.identity:
                raise _Held
            lease["spec"] = record | {"holderIdentity": "", "leaseDurationSeconds": 1, "acquireTime": self._now(),
                                      "renewTime": self._now()}
            return True

        try:
            async with asyncio.timeout(RETRY):
                await self._writer.change(self._store, _LEASE.group, "leases", NAMESPACE, self._name, free)
        except (_Held, TimeoutError):
            return
        except APIError as error:
            log.warning("the lease %s could not be let go: %s", self._name, error.message)
