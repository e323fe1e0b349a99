"""One watch stream to one member of etcd: whole revisions out of fragments.

Opened by `etcd_feed` (the lasting watch) and `etcd_past` (a look back). A response may be cut anywhere, also within a
revision; what is handed out never is. etcd sorts events by revision, so a revision is whole when a later one begins or
the last fragment has come; no more than that is held back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from orlop.storage.etcd_client import Client
from orlop.storage.etcd_endpoint import Endpoint
from orlop.storage.etcd_error import EtcdError, WatchGone
from orlop.storage.interface import Revision
from orlop.storage.limits import ETCD_ATTEMPT

_OBJECTS, _COMPACTIONS = 1, 2
COMPACTION_KEY = b"compact_rev_key"


class Batch(NamedTuple):
    """`raw`: events of whole revisions. `progress`: not 0, all events up to it were handed out. `compaction`: a
    replica says that it compacts up to this."""

    raw: Sequence[Any] = ()
    progress: Revision = 0
    compaction: Revision = 0


class Stream:
    """`opened` at one member, watching a range from `start` on."""

    def __init__(self, client: Client, endpoint: Endpoint) -> None:
        self._client, self.endpoint = client, endpoint
        self._messages = client.messages
        self._call = client.stream(endpoint)
        self._held: list[Any] = []

    async def open(self, span: tuple[bytes, bytes], start: Revision, *, compactions: bool = False) -> None:
        """Raises EtcdError, WatchGone."""
        create = self._messages.WatchCreate
        begin, end = span
        objects = create(
            key=begin, range_end=end, start_revision=start, progress_notify=True, prev_kv=True, fragment=True,
            watch_id=_OBJECTS,
        )
        try:
            async with asyncio.timeout(ETCD_ATTEMPT):
                await self._call.write(self._messages.WatchRequest(create=objects))
                self._check(await self._call.read())
                if compactions:
                    request = create(key=COMPACTION_KEY, watch_id=_COMPACTIONS)
                    await self._call.write(self._messages.WatchRequest(create=request))
        except TimeoutError:
            self.close()
            raise EtcdError("DEADLINE_EXCEEDED", "the watch was not opened in time", self.endpoint.name) from None

    async def next(self) -> Batch:
        """Raises EtcdError, WatchGone."""
        response = await self._call.read()
        if response.watch_id == _COMPACTIONS:
            return Batch(compaction=_revision_in(response))
        self._check(response)
        if not response.events and not response.fragment and not self._held:
            return Batch() if response.created else Batch(progress=response.header.revision)
        return Batch(self._whole(response))

    def _whole(self, response: Any) -> Sequence[Any]:
        if not response.fragment and not self._held:
            events: Sequence[Any] = response.events
            return events
        held = self._held
        held.extend(response.events)
        if not response.fragment:
            self._held = []
            return held
        last, cut = held[-1].kv.mod_revision, len(held)
        while cut and held[cut - 1].kv.mod_revision == last:
            cut -= 1
        self._held = held[cut:]
        return held[:cut]

    def _check(self, response: Any) -> None:
        if response.canceled:
            if response.compact_revision:
                raise WatchGone(response.compact_revision)
            words = response.cancel_reason or "the watch was cancelled"
            raise EtcdError("UNAVAILABLE", words, self.endpoint.name)

    async def ask_progress(self) -> None:
        """A batch with `progress` will come, once nothing is on its way. Raises EtcdError."""
        await self._call.write(self._messages.WatchRequest(progress=self._messages.WatchProgress()))

    async def version(self) -> tuple[int, ...]:
        return await self._client.version(self.endpoint)

    def close(self) -> None:
        self._call.cancel()


def _revision_in(response: Any) -> Revision:
    if not response.events:
        return 0
    value = response.events[-1].kv.value
    return int(value) if value.isdigit() else 0
