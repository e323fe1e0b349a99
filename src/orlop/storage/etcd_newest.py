"""How new etcd is: one read that goes through the majority, for all who ask at a time.

Used by `etcd` (`newest`, health) and `etcd_feed`. Whoever asks shares a read that starts after they asked.
"""

from __future__ import annotations

from orlop.storage.etcd_barrier import Barrier
from orlop.storage.etcd_client import Client
from orlop.storage.etcd_values import Values
from orlop.storage.interface import Revision
from orlop.storage.limits import ETCD_PATIENCE, ETCD_PROBE


class Newest:
    def __init__(self, client: Client, values: Values) -> None:
        self._client = client
        # An absent key: the answer is its header alone.
        self._request = client.messages.RangeRequest(key=values.internal + b"none", keys_only=True, limit=1)
        self._barrier = Barrier(self.read)

    async def ask(self) -> Revision:
        """Raises EtcdError."""
        return await self._barrier.pass_through()

    async def read(self, patience: float = ETCD_PATIENCE) -> Revision:
        """A read of one's own."""
        answer = await self._client.call("Range", self._request, patience=patience, attempt=ETCD_PROBE)
        revision: Revision = answer.header.revision
        return revision
