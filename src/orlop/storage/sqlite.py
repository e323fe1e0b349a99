"""The SQLite backend: writes are computed on the event loop, committed many at a time by one thread, then
published.

Opened by `server`, called through `watch_cache`. Accepted writes wait in `pending`, go to disk through
`sqlite_pipeline` and come out as events for `dispatch`; reads go to `sqlite_reader`. The contract is in
`interface`, the tables are in `sqlite_schema`.

    create, update, delete ──► pending ──► writer thread: BEGIN … COMMIT, one fsync
      ▲ computed upon the      (newest       │
      │ newest state there      state)       ▼ on the loop
      └── futures resolved ◄── events dispatched ◄── the revision moves on

The loop hands the writer one batch at a time. So a failed commit is known before anything that was computed
upon it is on its way, and all of that is thrown away at once. (Should the disk report failure of a sync after
the data reached it, and the machine die before the next commit, the failed writes turn up after all: they
were never acknowledged.)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from orlop.storage import sqlite_health
from orlop.storage.dispatch import Dispatch
from orlop.storage.errors import (
    Closed,
    CommitFailed,
    KeyExists,
    KeyNotFound,
    RevisionCompacted,
    RevisionTooLarge,
    StorageError,
)
from orlop.storage.expiry import ExpiryQueue
from orlop.storage.interface import (
    ADDED,
    DELETED,
    MODIFIED,
    UNKNOWN,
    Attributes,
    Entry,
    Event,
    Known,
    Page,
    Revision,
    Sink,
    Subscription,
    Unknown,
    Update,
    Write,
    restamp,
    stamp,
)
from orlop.storage.keyspace import after
from orlop.storage.limits import COMPACTION_SECONDS
from orlop.storage.pending import Accepted, Pending
from orlop.storage.restoration import Entries, State, events, plan
from orlop.storage.sqlite_backup import Backups
from orlop.storage.sqlite_checkpoint import Checkpointer
from orlop.storage.sqlite_compaction import Kept, Sweeper
from orlop.storage.sqlite_expiry import expire
from orlop.storage.sqlite_file import DataDirectory, open_reader, open_writer
from orlop.storage.sqlite_limits import LOG_BYTES, LOG_ROWS
from orlop.storage.sqlite_pipeline import Pipeline
from orlop.storage.sqlite_reader import Reader
from orlop.storage.sqlite_trust import Trust
from orlop.storage.sqlite_writer import CommitBatch, Worker
from orlop.storage.transformer import Transformer
from orlop.world.clock import Clock, SystemClock

_log: Final = logging.getLogger(__name__)


class SqliteStorage:
    """`Storage` in a directory. `transformer` lies between bodies and what is stored of them. History is kept for
    `compaction_interval` seconds at least (0: for ever), as long as it is within `log_rows` and `log_bytes`.
    `max_pages` bounds the database (for tests of a full disk)."""

    exclusive = True

    def __init__(
        self,
        directory: Path,
        clock: Clock | None = None,
        *,
        transformer: Transformer | None = None,
        compaction_interval: float = COMPACTION_SECONDS,
        log_rows: int = LOG_ROWS,
        log_bytes: int = LOG_BYTES,
        max_pages: int = 0,
    ) -> None:
        self._directory, self._transformer = DataDirectory(directory), transformer
        self._clock: Clock = clock or SystemClock()
        self._open, self._max_pages = False, max_pages
        self._revision: Revision = 1
        self._kept = Kept(compaction_interval, log_rows, log_bytes)

    async def start(self) -> None:
        self._directory.acquire()
        try:
            self._begin(asyncio.get_running_loop())
        except BaseException:
            self._directory.release()
            raise
        self._open = True

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        path = self._directory.database
        with ExitStack() as on_failure:
            connection = open_writer(path, self._max_pages)
            on_failure.callback(connection.close)
            sqlite_health.examine(connection, path)
            self._reader = Reader(open_reader(path), self._transformer)
            on_failure.callback(self._reader.close)
            start = self._reader.starting_point()
            self._expiry = ExpiryQueue(self._reader.expiring())
            on_failure.pop_all()
        self._revision = start.newest
        self._dispatch = Dispatch(self._revision)
        self._trust = Trust(path)
        self._backups = Backups(path, self._trust)
        self._writer = Worker("orlop-writer", connection, loop, self._trust, mends=True)
        self._pending = Pending(self._revision)
        self._pipeline = Pipeline(self._writer, loop, self._pending, self._publish, self._batch)
        self._checkpointer = Checkpointer(path, loop, self._trust, self._pipeline.begin_chore)
        self._sweeper = Sweeper(self._pipeline, start, self._kept, self._checkpointer.wrote)

    async def close(self) -> None:
        if not self._open:
            return
        self._open = False
        await self._sweeper.stop()
        await self._backups.stop()
        await self._pipeline.drain()
        await self._checkpointer.stop()
        await self._leave()
        self._dispatch.end(Closed())
        self._reader.close()
        self._writer.stop()
        self._directory.release()

    async def _leave(self) -> None:
        """Note the orderly end. Where the disk does not take it, the next start looks more closely, no more."""
        try:
            await self._pipeline.chore(sqlite_health.leave)
        except StorageError as error:
            _log.warning("the database could not be closed in order: %s", error)

    def _require_open(self) -> None:
        if not self._open:
            raise Closed

    @property
    def revision(self) -> Revision:
        return self._revision

    @property
    def compacted(self) -> Revision:
        return self._sweeper.target

    async def newest(self) -> Revision:
        self._require_open()
        return self._revision

    def figures(self) -> Mapping[str, float]:
        """For /metrics."""
        database = self._directory.database
        return {
            "apiserver_storage_size_bytes": _size(database),
            "orlop_storage_log_bytes": _size(database.with_name(database.name + "-wal")),
            "orlop_storage_pending_writes": float(self._pending.outstanding),
        }

    def ready(self) -> str:
        if not self._open:
            return "the storage is closed"
        return self._pipeline.ready() or ("a sync failed, and is not mended yet" if self._trust.lost else "")

    # --- writes: computed at once upon the newest accepted state

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
        newest, source = self._newest(key, known)
        if newest is not None:
            await self._settled(source, self._pending.epoch)
            raise KeyExists(key)
        return await self._store(key, Write(body, attributes, ttl), None, origin)

    async def guaranteed_update(
        self, key: str, update: Update, *, known: Known = UNKNOWN, origin: bytes = b""
    ) -> Entry:
        while True:
            newest, source = self._newest(key, known)
            epoch = self._pending.epoch
            waited = False
            try:
                wanted = update(newest)
                if not (wanted is None or isinstance(wanted, Write)):
                    waited, known = True, UNKNOWN  # commits may come between
                    wanted = await wanted
            except Exception:
                await self._settled(source, epoch)
                raise
            if waited and not self._unchanged(key, newest, epoch):
                continue
            if newest is None:
                if wanted is None:
                    await self._settled(source, epoch)
                    raise KeyNotFound(key)
            elif wanted is None or self._is_there(wanted, newest, source):
                await self._settled(source, epoch)
                return newest
            return await self._store(key, wanted, newest, origin)

    async def delete(
        self, key: str, check: Callable[[Entry], None] | None = None, *, known: Known = UNKNOWN, origin: bytes = b""
    ) -> Entry:
        newest, source = self._newest(key, known)
        try:
            if newest is None:
                raise KeyNotFound(key)
            if check is not None:
                check(newest)
        except Exception:
            await self._settled(source, self._pending.epoch)
            raise
        revision = self._pending.next_revision
        last = Entry(key, revision, restamp(newest.body, revision), newest.attributes)
        await self._pipeline.accept(Event(DELETED, last, newest, origin), None).future
        return last

    async def _store(self, key: str, write: Write, previous: Entry | None, origin: bytes) -> Entry:
        revision = self._pending.next_revision
        entry = Entry(key, revision, stamp(write.body, revision), write.attributes)
        event = Event(ADDED if previous is None else MODIFIED, entry, previous, origin)
        expires = self._clock.now() + write.ttl if write.ttl else None
        await self._pipeline.accept(event, expires).future
        return entry

    async def state(self, known: Entries) -> State:
        self._require_open()
        return self._reader.state(self._revision, not self._pending.outstanding, known)

    async def restore(self, state: State, known: Entries, origin: bytes = b"") -> Revision:
        now = await self.state(known)
        entries, expires = dict(now.entries), dict(now.expires)
        self._pending.overlay(entries, expires)
        steps = plan(state, entries, expires)
        if steps:
            batch = events(steps, self._pending.next_revision - 1, origin)
            made = self._pipeline.accept_together(batch, [step.expires for step in steps])
            await asyncio.gather(*(write.future for write in made))
            return made[-1].revision
        source = self._pending.last()
        await self._settled(source, self._pending.epoch)
        return self._revision if source is None else source.revision

    def _newest(self, key: str, known: Known) -> tuple[Entry | None, Accepted | None]:
        """The newest state of a key, and the write on its way that leaves it, if it is not committed yet."""
        self._require_open()
        source = self._pending.newest(key)
        if source is not None:
            return source.state, source
        if isinstance(known, Unknown):
            return self._reader.newest(key), None
        return known, None

    def _is_there(self, wanted: Write, newest: Entry, source: Accepted | None) -> bool:
        """Whether a write would change nothing, neither the body nor the form in which it is stored."""
        if stamp(wanted.body, newest.revision) != newest.body:
            return False
        return self._transformer is None or source is not None or not self._reader.stale(newest)

    def _unchanged(self, key: str, seen: Entry | None, epoch: int) -> bool:
        newest, _ = self._newest(key, UNKNOWN)
        if epoch != self._pending.epoch:
            return False
        return (0 if newest is None else newest.revision) == (0 if seen is None else seen.revision)

    async def _settled(self, source: Accepted | None, epoch: int) -> None:
        """Return when the write that an answer rests on is committed. Raises CommitFailed when it will not be."""
        if source is None:
            return
        if epoch != self._pending.epoch:
            raise CommitFailed("a write that this one was computed upon failed")
        if source.revision > self._revision:
            await self._pipeline.follow(source)

    def _batch(self, writes: Sequence[Accepted]) -> CommitBatch:
        return CommitBatch(writes, self._directory.acknowledged, self._transformer)

    def _publish(self, batch: Sequence[Accepted]) -> None:
        self._revision = batch[-1].revision
        self._dispatch.publish([write.event for write in batch], self._revision)
        for write in batch:
            if write.expires is not None:
                self._expiry.push(write.expires, write.revision, write.key)
        self._sweeper.ballast.add(batch)
        self._checkpointer.written(batch)

    # --- reads: of what is published, though the database may be ahead

    async def get(self, key: str, *, revision: Revision = 0) -> Entry | None:
        self._require_open()
        if revision and revision != self._revision:
            self._require_revision(revision)
            return self._reader.at(key, revision)
        source = self._pending.newest(key)
        return self._reader.newest(key) if source is None else source.base

    async def list(self, prefix: str, *, revision: Revision = 0, start: str = "", limit: int = 0) -> Page:
        self._require_open()
        low, high, shown = max(prefix, start), after(prefix), revision or self._revision
        if shown == self._revision and not self._pending.outstanding:
            return self._reader.page(low, high, shown, limit)
        self._require_revision(shown)
        return self._reader.page_at(low, high, shown, limit)

    def _require_revision(self, revision: Revision) -> None:
        if revision > self._revision:
            raise RevisionTooLarge(revision, self._revision)
        self._require_kept(revision)

    def _require_kept(self, revision: Revision) -> None:
        if revision < self._sweeper.target:
            raise RevisionCompacted(revision, self._sweeper.target)

    async def history(self, prefix: str, since: Revision, most: int) -> Sequence[Event]:
        self._require_open()
        self._require_kept(since)
        return self._reader.history(prefix, since, self._revision, most) if most else []

    async def watch(self, prefix: str, revision: Revision, sink: Sink) -> Subscription:
        self._require_open()
        self._require_kept(revision)
        past: Sequence[Event] = ()
        if revision < self._revision:
            past = self._reader.history(prefix, revision, self._revision, self._revision)
        registration = self._dispatch.add(prefix, sink, max(revision, self._revision))
        self._dispatch.catch_up(registration, past)
        return registration

    async def count(self, prefix: str) -> int:
        self._require_open()
        if self._pending.outstanding:
            return self._reader.count_at(prefix, after(prefix), self._revision)
        return self._reader.count(prefix, after(prefix))

    # --- housekeeping

    async def compact(self, revision: Revision) -> None:
        self._require_open()
        if revision > self._revision:
            raise RevisionTooLarge(revision, self._revision)
        self._sweeper.aim(revision)
        await self._sweeper.sweep()

    async def backup(self, target: Path) -> Revision:
        """Copy the database as it is now to the file `target`, while everything goes on; returns the revision that the
        copy shows. Raises ReadFailed, CannotOpen and OSError; Closed when the storage is closed meanwhile."""
        self._require_open()
        return await self._backups.make(target)

    async def tick(self) -> None:
        """What fails here is reported by `ready` and tried again by a later tick."""
        self._require_open()
        try:
            if self._pipeline.unwell or self._trust.lost:
                await self._pipeline.try_again()
            await expire(self._expiry, self._clock.now(), self.delete)
            self._sweeper.tick(self._clock.monotonic(), self._revision)
        except StorageError as error:
            _log.warning("housekeeping was cut short: %s", error)

    def check_invariants(self) -> None:
        self._pipeline.check_invariants()
        self._dispatch.check_invariants()
        assert self._dispatch.revision == self._revision
        assert self._pending.next_revision == self._revision + self._pending.outstanding + 1
        self._sweeper.check_invariants(self._revision)


def _size(file: Path) -> float:
    try:
        return float(file.stat().st_size)
    except FileNotFoundError:
        return 0.0
