"""The one watch of etcd that feeds every cache: what happened, in order, without gap or double.

Run by `etcd`; reads from `etcd_stream` through `etcd_decoder`, hands events to `dispatch` and keeps the newest in a
window for who begins to watch in the past. When a stream breaks, the next one, of another member, goes on behind the
last revision seen; when that is compacted, every watch is ended and starts anew. Plays the part of apiserver
`storage/etcd3/watcher.go`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final

from orlop.storage.dispatch import Dispatch
from orlop.storage.errors import Closed, RevisionCompacted
from orlop.storage.etcd_arrivals import Arrivals
from orlop.storage.etcd_client import Client
from orlop.storage.etcd_decoder import Decoder, Unreadable
from orlop.storage.etcd_endpoint import Endpoint
from orlop.storage.etcd_error import EtcdError, WatchGone
from orlop.storage.etcd_newest import Newest
from orlop.storage.etcd_progress import Progress
from orlop.storage.etcd_stream import Batch, Stream
from orlop.storage.etcd_values import Values
from orlop.storage.event_window import EventWindow
from orlop.storage.interface import Event, Revision
from orlop.storage.limits import (
    ETCD_DELIVERY,
    ETCD_RETRY_FIRST,
    ETCD_RETRY_MOST,
    ETCD_WINDOW_BYTES,
    ETCD_WINDOW_EVENTS,
)

_log: Final = logging.getLogger(__name__)


class Feed:
    """`position`: everything up to it was seen, since `epoch` began. `last_event`: the newest revision seen under the
    prefix. `failure`: why there is no stream at the moment, since `broken_since` (monotonic)."""

    def __init__(
        self,
        client: Client,
        values: Values,
        decoder: Decoder,
        newest: Newest,
        on_compacted: Callable[[Revision], None],
        on_restored: Callable[[Revision], None],
    ) -> None:
        self._client, self._values, self._decoder, self._newest = client, values, decoder, newest
        self._on_compacted, self._on_restored = on_compacted, on_restored
        client.on_shun = self._leave
        self.position: Revision = 0
        self.last_event: Revision = 0
        self.epoch = 0
        self.failure, self.broken_since = "", 0.0
        self.restarts = 0
        self.dispatch = Dispatch(0, self._ask)
        self.window = EventWindow(0, ETCD_WINDOW_EVENTS, ETCD_WINDOW_BYTES)
        self._arrivals = Arrivals(ETCD_DELIVERY)
        self._stream: Stream | None = None
        self._resetting = False
        self._task: asyncio.Task[None] | None = None
        self.progress = Progress(client, values, newest, self)

    # --- life

    def start(self, revision: Revision, since: Revision) -> None:
        """Follow from `since` on; `revision` is the newest, and what watchers hear of is newer."""
        self._begin_at(revision, since)
        self._task = asyncio.ensure_future(self._run())

    def _begin_at(self, revision: Revision, since: Revision) -> None:
        self.epoch += 1
        self.dispatch.revision, self.position, self.progress.exists = revision, since, revision
        self.window = EventWindow(since, ETCD_WINDOW_EVENTS, ETCD_WINDOW_BYTES)

    async def stop(self) -> None:
        self._resetting = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.progress.stop()
        self.dispatch.end(Closed())
        self._arrivals.end(Closed)

    # --- following

    async def _run(self) -> None:
        pause = ETCD_RETRY_FIRST
        while True:
            before = self.position
            try:
                await self._follow()
            except WatchGone as gone:
                await self._start_anew(gone.oldest)
            except EtcdError as error:
                self._lost(error)
                if error.stale_token or "permission denied" in error.words:
                    await self._log_in()
            except asyncio.CancelledError:
                if not self._resetting:
                    raise
                self._resetting = False
                self._lost(EtcdError("UNAVAILABLE", "etcd's watch lags behind"))
            except Exception as error:  # a fault of ours; without this task every cache would stand still unnoticed
                _log.exception("following etcd failed")
                self._lost(EtcdError("INTERNAL", repr(error)))
            pause = ETCD_RETRY_FIRST if self.position > before else min(2 * pause, ETCD_RETRY_MOST)
            await asyncio.sleep(pause)

    def _lost(self, error: EtcdError) -> None:
        self.restarts += 1
        if not self.failure:
            self.broken_since = time.monotonic()
            _log.warning("the watch on etcd broke, trying again: %s", error)
        self.failure = str(error)

    async def _log_in(self) -> None:
        try:
            await self._client.log_in()
        except EtcdError as error:
            self._lost(error)

    async def _follow(self) -> None:
        """Raises when the stream breaks; never returns."""
        if self.failure:
            newest = await self._newest.ask()
            if newest < self.position:
                await self._went_back(newest)
        endpoint = self._client.endpoint
        stream = self._stream = Stream(self._client, endpoint)
        self._resetting = False
        try:
            await stream.open(self._values.range, self.position + 1, compactions=True)
            self.failure = ""
            self.progress.moved()
            while True:
                self._take(await stream.next())
        except (EtcdError, asyncio.CancelledError) as error:
            self._stream = None
            if self._resetting or isinstance(error, EtcdError):
                self._client.shun(endpoint)
            raise
        finally:
            self._stream = None
            stream.close()

    async def _start_anew(self, oldest: Revision) -> None:
        """What lies between the last event and now is gone."""
        shown = self.dispatch.revision
        if self.position < shown and oldest <= shown:  # still in the past, that nobody was promised
            self._on_compacted(oldest)
            self._begin_at(shown, oldest)
            self._advanced()
            return
        try:
            newest = await self._newest.ask()
        except EtcdError as error:
            self._lost(error)
            return
        last = self.position
        self._on_compacted(oldest)
        _log.warning("etcd compacted what the watch had not seen: all watches start anew")
        self._begin_at(max(newest, oldest), max(newest, oldest))
        self.dispatch.end(RevisionCompacted(last, oldest))
        self._advanced()

    async def _went_back(self, newest: Revision) -> None:
        _log.error("etcd is at revision %d, and was at %d: it was restored from a backup?", newest, self.position)
        last = self.position
        self._begin_at(newest, newest)
        self.last_event = 0
        self._on_restored(newest)
        self.dispatch.end(RevisionCompacted(last, newest))

    def _take(self, batch: Batch) -> None:
        if batch.compaction:
            self._on_compacted(batch.compaction)
        if batch.raw:
            self._deliver([event for event in batch.raw if event.kv.mod_revision > self.position])
        elif batch.progress > self.position:
            self.position = batch.progress
            if batch.progress > self.dispatch.revision:
                self.dispatch.advance(batch.progress)
            self._advanced()

    def _deliver(self, raw: list[Any]) -> None:
        if not raw:
            return
        events = []
        for event in self._decoder.decode(raw):
            if isinstance(event, Unreadable):
                self.window.drop_through(event.revision)
                self.dispatch.fail(event.key, event.error)
            else:
                self.window.append(event)
                events.append(event)
        self.position = self.last_event = raw[-1].kv.mod_revision
        shown = self.dispatch.revision
        if self.position > shown:
            self._publish([event for event in events if event.revision > shown])
        self._advanced()

    def _publish(self, events: list[Event]) -> None:
        if events:
            self.dispatch.publish(events, self.position)
        else:
            self.dispatch.advance(self.position)

    def _advanced(self) -> None:
        self._arrivals.reached(self.position)
        self.progress.moved()

    # --- waiting for it

    async def seen(self, revision: Revision) -> bool:
        """Wait until what was written under the prefix at `revision` has been delivered; False when that takes too
        long."""
        return revision <= self.position or await self._arrivals.wait(revision)

    async def reach(self, revision: Revision) -> bool:
        """As `seen`, for any revision that exists."""
        if revision <= self.position:
            return True
        self.progress.expect(revision)
        return await self._arrivals.wait(revision)

    def _ask(self, revision: Revision) -> None:
        self.progress.ask(revision)

    def _leave(self, endpoint: Endpoint) -> None:
        """A member failed to answer a call: do not wait for its events either."""
        if self.stream is not None and self.stream.endpoint is endpoint:
            self.reset()

    @property
    def stream(self) -> Stream | None:
        return None if self.failure else self._stream

    def reset(self) -> None:
        """Go on with another stream."""
        if self._stream is not None:
            self._resetting = True
            self._stream.close()

    def check_invariants(self) -> None:
        self.dispatch.check_invariants()
        self.window.check_invariants()
        assert self.position <= self.dispatch.revision
        assert self.last_event <= self.position
