"""Compaction: every so often one of all replicas forgets what was history one interval before.

Driven by `etcd`'s tick. The protocol is upstream's, so that replicas and real kube-apiservers on one etcd share it
(apiserver `storage/etcd3/compact.go`): the key `compact_rev_key` is a clock. Who finds its version as they left it
moves it on and compacts up to where etcd was at their last turn; who does not, learns it and waits for the next turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from orlop.storage.etcd_client import Client
from orlop.storage.etcd_error import EtcdError, WatchGone
from orlop.storage.etcd_messages import EQUAL, VERSION
from orlop.storage.etcd_stream import COMPACTION_KEY, Stream
from orlop.storage.interface import Revision
from orlop.storage.limits import ETCD_ATTEMPT, ETCD_PROBE

_log: Final = logging.getLogger(__name__)


class Compactor:
    """`interval` in seconds, 0 for never. `compacted`: up to where anybody compacted, as far as is known."""

    def __init__(self, client: Client, interval: float, on_compacted: Callable[[Revision], None]) -> None:
        self._client, self._interval, self._on_compacted = client, interval, on_compacted
        self._since: float | None = None
        self._turn: int = 0
        self._revision: Revision = 0

    async def learn(self) -> None:
        """Find out up to where it is compacted. Raises EtcdError."""
        request = self._client.messages.RangeRequest
        answer = await self._client.call("Range", request(key=COMPACTION_KEY))
        said = 1
        for kv in answer.kvs:
            said = max(said, self._heard(kv))
        try:
            await self._client.call("Range", request(key=COMPACTION_KEY, keys_only=True, revision=said))
        except EtcdError as error:
            if not error.compacted:
                raise
            self._on_compacted(await self._ask())

    async def _ask(self) -> Revision:
        """Somebody compacted without saying so. etcd tells up to where only who wants to watch from before."""
        stream = Stream(self._client, self._client.endpoint)
        try:
            await stream.open((COMPACTION_KEY, b""), 1)
            async with asyncio.timeout(ETCD_ATTEMPT):
                while True:
                    await stream.next()
        except WatchGone as gone:
            return gone.oldest
        except TimeoutError:
            raise EtcdError("DEADLINE_EXCEEDED", "etcd does not say up to where it is compacted") from None
        finally:
            stream.close()

    async def tick(self, now: float) -> None:
        """`now` is monotonic. Never raises: what fails is tried again after an interval."""
        if not self._interval:
            return
        if self._since is None:
            self._since = now
        elif now - self._since >= self._interval:
            self._since = now
            try:
                await self._take_turn()
            except EtcdError as error:
                _log.warning("etcd was not compacted: %s", error)

    async def _take_turn(self) -> None:
        target = self._revision
        answer = await self._client.call("Txn", self._request(target), repeatable=False, patience=ETCD_PROBE)
        self._revision = answer.header.revision
        if answer.succeeded:
            self._turn += 1
            self._revision -= 1  # the turn itself is nothing that anybody looks back to
            if target:
                await self.compact(target)
        else:
            for kv in answer.responses[0].range.kvs:
                self._turn = kv.version
                self._heard(kv)

    def _request(self, target: Revision) -> bytes:
        messages = self._client.messages
        mine = messages.Compare(result=EQUAL, target=VERSION, key=COMPACTION_KEY, version=self._turn)
        put = messages.PutRequest(key=COMPACTION_KEY, value=b"%d" % target)
        look = messages.RangeRequest(key=COMPACTION_KEY)
        changes, looks = [messages.RequestOp(put=put)], [messages.RequestOp(range=look)]
        encoded: bytes = messages.TxnRequest(compare=[mine], success=changes, failure=looks).SerializeToString()
        return encoded

    def _heard(self, kv: Any) -> Revision:
        revision = int(kv.value) if kv.value.isdigit() else 0
        self._on_compacted(revision)
        return revision

    async def compact(self, revision: Revision) -> None:
        """Raises EtcdError, but for what is compacted already."""
        try:
            await self._client.call("Compact", self._client.messages.CompactRequest(revision=revision))
        except EtcdError as error:
            if not error.compacted:
                raise
        self._on_compacted(revision)
