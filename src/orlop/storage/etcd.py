"""The etcd backend: one sequence of writes for many replicas, and other API servers beside them.

Opened by `server`, called through `watch_cache`. Here the parts meet: `etcd_client` calls, `etcd_changes` writes,
`etcd_reads` reads, `etcd_feed` follows, `etcd_past` looks back, `etcd_compactor` forgets. The layout is upstream's
(apiserver `storage/etcd3`), so that a kube-apiserver with JSON storage can share the data. Keys expire by etcd's
leases, not by `tick`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from orlop.storage.errors import CannotOpen, Closed, CommitFailed, ReadFailed, RevisionCompacted, RevisionTooLarge
from orlop.storage.etcd_changes import Changes
from orlop.storage.etcd_client import Client
from orlop.storage.etcd_compactor import Compactor
from orlop.storage.etcd_decoder import Decoder
from orlop.storage.etcd_error import EtcdError
from orlop.storage.etcd_feed import Feed
from orlop.storage.etcd_fence import Fence
from orlop.storage.etcd_flights import Flights
from orlop.storage.etcd_late_watch import LateWatch
from orlop.storage.etcd_leases import Leases
from orlop.storage.etcd_newest import Newest
from orlop.storage.etcd_options import EtcdOptions
from orlop.storage.etcd_past import Past
from orlop.storage.etcd_reads import Reads
from orlop.storage.etcd_values import Values
from orlop.storage.etcd_writer import Writer
from orlop.storage.interface import (
    UNKNOWN,
    Attributes,
    Entry,
    Event,
    Known,
    Page,
    Revision,
    Sink,
    Subscription,
    Update,
    Write,
)
from orlop.storage.limits import ETCD_CLOSE, ETCD_PROBE, ETCD_WATCH_BROKEN
from orlop.storage.transformer import Transformer
from orlop.world.clock import Clock, SystemClock

T = TypeVar("T")


class EtcdStorage:
    """`Storage` in etcd."""

    exclusive = False

    def __init__(
        self, options: EtcdOptions, transformer: Transformer | None = None, clock: Clock | None = None
    ) -> None:
        """Raises CannotOpen when no server is named, or when protobuf is not installed."""
        self._clock: Clock = clock or SystemClock()
        self._compacted: Revision = 0
        self._client = client = Client(options)
        values = Values(options.prefix, transformer)
        flights = Flights(options.origins)
        decoder = Decoder(values, flights)
        self._newest = Newest(client, values)
        self._feed = Feed(client, values, decoder, self._newest, self._on_compacted, self._on_restored)
        self._leases = Leases(client, time.monotonic)
        fence = Fence(client, values, self._leases)
        self._writer = writer = Writer(client, values, self._feed, flights, self._leases, fence)
        self._changes = Changes(client, values, self._feed, writer)
        self._reads = Reads(client, values)
        self._past = Past(client, values, decoder)
        self._compactor = Compactor(client, options.compaction, self._on_compacted)
        self._look_back = options.look_back
        self._probing: asyncio.Task[None] | None = None
        self._open = False
        self._writing = 0
        self._written = asyncio.Event()

    # --- life

    async def start(self) -> None:
        try:
            await self._client.start()
            revision = await self._newest.read()
            await self._compactor.learn()
            self._feed.start(revision, max(self._compacted, revision - self._look_back, 1))
            if not await self._feed.reach(revision):
                raise EtcdError("UNAVAILABLE", self._feed.failure or "its watch does not answer")
        except EtcdError as error:
            await self._shut()
            raise CannotOpen(self._client.where, str(error)) from error
        self._open = True

    async def close(self) -> None:
        if not self._open:
            return
        self._open = False
        if self._writing:
            self._written.clear()
            await asyncio.wait((asyncio.ensure_future(self._written.wait()),), timeout=ETCD_CLOSE)
        await self._shut()

    async def _shut(self) -> None:
        await self._feed.stop()
        if self._probing is not None:
            self._probing.cancel()
        await self._client.close()

    def _require_open(self) -> None:
        if not self._open:
            raise Closed

    @property
    def revision(self) -> Revision:
        """Up to where the watch has delivered."""
        return self._feed.dispatch.revision

    @property
    def compacted(self) -> Revision:
        return self._compacted

    def _on_compacted(self, revision: Revision) -> None:
        self._compacted = max(self._compacted, revision)

    def _on_restored(self, revision: Revision) -> None:
        """The sequence went back: what was compacted is another history."""
        self._compacted = revision

    def figures(self) -> Mapping[str, float]:
        """For /metrics."""
        return {"orlop_storage_restarts_total": float(self._feed.restarts)}

    def ready(self) -> str:
        if not self._open:
            return "the storage is closed"
        if self._client.failure:
            return f"etcd does not answer: {self._client.failure}"
        feed = self._feed
        if feed.failure and time.monotonic() - feed.broken_since > ETCD_WATCH_BROKEN:
            return f"the watch on etcd is broken: {feed.failure}"
        return f"etcd takes no writes: {self._writer.refusal}" if self._writer.refusal else ""

    async def newest(self) -> Revision:
        self._require_open()
        return await self._read(self._newest.ask())

    # --- writing

    async def create(
        self,
        key: str,
        body: bytes,
        attributes: Attributes | None = None,
        *,
        ttl: int = 0,
        known: Known = UNKNOWN,
        origin: bytes = b"",
    ) -> Entry:
        self._require_open()
        return await self._write(self._changes.create(key, Write(body, attributes, ttl), origin))

    async def guaranteed_update(
        self, key: str, update: Update, *, known: Known = UNKNOWN, origin: bytes = b""
    ) -> Entry:
        self._require_open()
        return await self._write(self._changes.update(key, update, known, origin))

    async def delete(
        self, key: str, check: Callable[[Entry], None] | None = None, *, known: Known = UNKNOWN, origin: bytes = b""
    ) -> Entry:
        self._require_open()
        return await self._write(self._changes.delete(key, check, known, origin))

    async def _write(self, change: Awaitable[Entry]) -> Entry:
        self._writing += 1
        try:
            return await change
        except EtcdError as error:
            if error.closed:
                raise Closed from None
            raise CommitFailed(str(error)) from error
        finally:
            self._writing -= 1
            if not self._writing:
                self._written.set()

    # --- reading

    async def get(self, key: str, *, revision: Revision = 0) -> Entry | None:
        self._require_open()
        self._require_kept(revision)
        return await self._read(self._reads.get(key, revision), revision)

    async def list(self, prefix: str, *, revision: Revision = 0, start: str = "", limit: int = 0) -> Page:
        self._require_open()
        self._require_kept(revision)
        page = await self._read(self._reads.list(prefix, revision, start, limit), revision)
        if revision == 0 and not await self._feed.reach(page.revision):
            raise ReadFailed(f"etcd's watch lags behind: {self._feed.failure or self.revision}")
        return page

    async def count(self, prefix: str) -> int:
        self._require_open()
        return await self._read(self._reads.count(prefix))

    def _require_kept(self, revision: Revision) -> None:
        if 0 < revision < self._compacted:
            raise RevisionCompacted(revision, self._compacted)

    async def _read(self, reading: Awaitable[T], revision: Revision = 0) -> T:
        try:
            return await reading
        except EtcdError as error:
            if error.compacted:
                self._on_compacted(revision + 1)
                raise RevisionCompacted(revision, self._compacted) from None
            if error.future:
                raise RevisionTooLarge(revision, self.revision) from None
            if error.closed:
                raise Closed from None
            raise ReadFailed(str(error)) from error

    # --- what happened and what will

    async def history(self, prefix: str, since: Revision, most: int) -> Sequence[Event]:
        self._require_open()
        if since < self._compacted:
            raise RevisionCompacted(since, self._compacted)
        try:
            events = self._feed.window.since(since, prefix)
        except RevisionCompacted:
            return await self._older(prefix, since, most)
        return events[-most:] if most else []

    async def _older(self, prefix: str, since: Revision, most: int) -> Sequence[Event]:
        feed = self._feed
        if not feed.last_event:
            await self._read(feed.reach(await self._read(feed.progress.mark())))
        try:
            return await self._read(self._past.events(prefix, since, feed.last_event, most))
        except RevisionCompacted as error:
            self._on_compacted(error.oldest)
            raise

    async def watch(self, prefix: str, revision: Revision, sink: Sink) -> Subscription:
        self._require_open()
        if revision < self._compacted:
            raise RevisionCompacted(revision, self._compacted)
        dispatch, seen = self._feed.dispatch, self.revision
        try:
            past = self._feed.window.since(min(revision, seen), prefix)
        except RevisionCompacted:
            return await self._watch_from_long_ago(prefix, revision, sink)
        registration = dispatch.add(prefix, sink, max(revision, seen))
        dispatch.catch_up(registration, past)
        return registration

    async def _watch_from_long_ago(self, prefix: str, revision: Revision, sink: Sink) -> Subscription:
        dispatch, late = self._feed.dispatch, LateWatch(sink)
        registration = dispatch.add(prefix, late, self.revision)
        past: Sequence[Event] = ()
        try:
            older = await self._older(prefix, revision, 1 << 31)
            past = [event for event in older if event.revision <= registration.after]
        except BaseException:
            dispatch.remove(registration)
            raise
        late.release(dispatch, registration, past)
        return registration

    async def compact(self, revision: Revision) -> None:
        self._require_open()
        await self._read(self._compactor.compact(revision), revision)

    async def tick(self) -> None:
        """Ask etcd whether it serves, without waiting for the answer; compact when it is time to."""
        self._require_open()
        if self._probing is None or self._probing.done():
            self._probing = asyncio.ensure_future(self._probe())
        await self._compactor.tick(self._clock.monotonic())

    async def _probe(self) -> None:
        try:
            self._feed.progress.expect(await self._newest.read(ETCD_PROBE))
        except EtcdError as error:
            self._client.failure = str(error)

    def check_invariants(self) -> None:
        self._feed.check_invariants()
        self._changes.check_invariants()
