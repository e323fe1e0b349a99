"""Events from before what the feed remembers: read from etcd's own history by a watch that ends.

Used by `etcd` for `history` and for watches that begin long ago. A watch does not say that it has caught up; so the
range watched is all that is under our prefix, and the last event known to be there is its end.
"""

from __future__ import annotations

from collections import deque

from orlop.storage.errors import RevisionCompacted
from orlop.storage.etcd_client import Client
from orlop.storage.etcd_decoder import Decoder, Unreadable
from orlop.storage.etcd_error import EtcdError, WatchGone
from orlop.storage.etcd_stream import Stream
from orlop.storage.etcd_values import Values
from orlop.storage.interface import Event, Revision
from orlop.storage.limits import ETCD_PAST


class Past:
    def __init__(self, client: Client, values: Values, decoder: Decoder) -> None:
        self._client, self._values, self._decoder = client, values, decoder

    async def events(self, prefix: str, since: Revision, last: Revision, most: int) -> list[Event]:
        """The newest `most` events under `prefix` above `since` up to `last`, the revision of an event under our
        prefix. Raises EtcdError, RevisionCompacted, ReadFailed."""
        if since >= last or not most:
            return []
        error = EtcdError("UNAVAILABLE", "no attempt")
        for _ in range(ETCD_PAST):
            endpoint = self._client.endpoint
            stream = Stream(self._client, endpoint)
            try:
                await stream.open(self._values.range, since + 1)
                return await self._read(stream, prefix, last, most)
            except WatchGone as gone:
                raise RevisionCompacted(since, gone.oldest) from None
            except EtcdError as caught:
                error = caught
                self._client.shun(endpoint)
            finally:
                stream.close()
        raise error

    async def _read(self, stream: Stream, prefix: str, last: Revision, most: int) -> list[Event]:
        found: deque[Event] = deque(maxlen=min(most, 1 << 31))
        while True:
            raw = (await stream.next()).raw
            for event in self._decoder.decode([one for one in raw if one.kv.mod_revision <= last]):
                if isinstance(event, Unreadable):
                    if event.key.startswith(prefix):
                        raise event.error
                elif event.entry.key.startswith(prefix):
                    found.append(event)
            if raw and raw[-1].kv.mod_revision >= last:
                return list(found)
