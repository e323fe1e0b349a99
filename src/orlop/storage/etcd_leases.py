"""Leases: how keys expire in etcd. One lease serves many keys, as each costs etcd memory and a heartbeat of its own.

Used by `etcd` for keys with a time to live, and by `etcd_fence`. The rule is upstream's (apiserver
`storage/etcd3/lease_manager.go`): a lease is granted a little longer than asked for, and given to further keys as long
as it outlives them, by no more than that little.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from orlop.storage.etcd_client import Client
from orlop.storage.limits import ETCD_LEASE_KEYS, ETCD_LEASE_REUSE


class _Lease(NamedTuple):
    id: int
    end: float


class Leases:
    """`most`: keys per lease."""

    def __init__(self, client: Client, monotonic: Callable[[], float], most: int = ETCD_LEASE_KEYS) -> None:
        self._client, self._monotonic, self._most = client, monotonic, most
        self._lease = _Lease(0, 0.0)
        self._keys = 0
        self._granting = asyncio.Lock()

    async def lease(self, ttl: int) -> int:
        """The id of a lease that lives `ttl` seconds or a little longer. Raises EtcdError."""
        async with self._granting:
            now = self._monotonic()
            extra = int(min(ttl * 0.05, ETCD_LEASE_REUSE))
            self._keys += 1
            if now + ttl < self._lease.end < now + ttl + extra and self._keys <= self._most:
                return self._lease.id
            request = self._client.messages.LeaseGrantRequest(ttl=ttl + extra)
            answer = await self._client.call("LeaseGrant", request)
            self._lease, self._keys = _Lease(answer.id, now + ttl + extra), 1
            return self._lease.id

    def forget(self) -> None:
        """etcd does not know the lease any more."""
        self._lease = _Lease(0, 0.0)
