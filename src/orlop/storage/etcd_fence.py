"""Finding out what became of a write whose answer was lost.

Used by `etcd_writer`. A write that got no answer may still be on its way and be applied at any later time; reading
the key proves nothing. So every transaction of ours asks that a certain key, the fence, does not exist. When an answer
is lost the fence is put up: from then on that write can never be applied, and whether it was is known as soon as our
own watch has delivered the fence, because it delivered the write before, if there was one.
"""

from __future__ import annotations

import secrets
from typing import Any

from orlop.storage.etcd_barrier import Barrier
from orlop.storage.etcd_client import Client
from orlop.storage.etcd_leases import Leases
from orlop.storage.etcd_messages import CREATE, EQUAL
from orlop.storage.etcd_values import Values
from orlop.storage.interface import Revision
from orlop.storage.limits import ETCD_FENCE_SECONDS


class Fence:
    """`open`: the comparison for transactions to carry: this fence is not up."""

    def __init__(self, client: Client, values: Values, leases: Leases) -> None:
        self._client, self._leases = client, leases
        self._root = b"%bfence/%b-" % (values.internal, secrets.token_hex(6).encode())
        self._count = 0
        self._key = b""
        self._barrier = Barrier(self._build)
        self.open: Any = None
        self._move()

    def _move(self) -> None:
        self._count += 1
        self._key = b"%b%d" % (self._root, self._count)
        compare = self._client.messages.Compare
        self.open = compare(result=EQUAL, target=CREATE, key=self._key, create_revision=0)

    async def put_up(self) -> Revision:
        """Where the fence is, before which everything was sent that carries the present comparison; later
        transactions carry another. Those who need one at a time share it. Raises EtcdError."""
        return await self._barrier.pass_through()

    async def _build(self) -> Revision:
        key = self._key
        self._move()
        lease = await self._leases.lease(ETCD_FENCE_SECONDS)
        request = self._client.messages.PutRequest(key=key, value=b"", lease=lease)
        answer = await self._client.call("Put", request)
        revision: Revision = answer.header.revision
        return revision
