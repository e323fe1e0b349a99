"""Watches: from the registry's `Watcher` to a stream that starts at the right state, never misses or repeats an
event, and ends cleanly.

Called by `list_` (`?watch=1`) and by the deprecated /watch/ paths. Live events come through `broadcast`.
Behaviour: apiserver `endpoints/handlers/watch.go` and `storage/cacher`.

    open ── initial events ── (bookmark "initial events end") ── live events and bookmarks ── end
                                                                                              ├ timeoutSeconds, drain: clean end
    a revision too old: one ERROR event, clean end                                            ├ client left
                                                                                              └ client too slow: cut
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Hashable, Sequence
from typing import Final

from orlop.api import errors, resource_version
from orlop.api.errors import APIError
from orlop.api.http import Answer, Channel, Frame, Request, Stream
from orlop.api.options import ListOptions
from orlop.api.query_options import parse_table
from orlop.codec import negotiation
from orlop.endpoints.broadcast import Broadcast, Broadcasts
from orlop.endpoints.framing import Framer, error_frame
from orlop.endpoints.scope import Scope
from orlop.registry.interface import Watcher
from orlop.registry.store import FUTURE_REVISION_WAIT
from orlop.storage.errors import RevisionCompacted, RevisionTooLarge
from orlop.storage.interface import Event
from orlop.storage.predicate import Predicate
from orlop.storage.watch_cache import WatchCache

BACKLOG_BYTES: Final = 4 * 1024 * 1024
"""A watcher that leaves more than this unread (beyond its initial events) is cut off; it will watch again."""
INITIAL_CHUNK_BYTES: Final = 128 * 1024
"""Initial events are written in chunks of about this size."""
MIN_TIMEOUT: Final = 1800.0
"""A watch without timeoutSeconds ends after one to two times this many seconds (--min-request-timeout)."""
BOOKMARK_PERIOD: Final = 60.0
STREAM_TYPE: Final = "application/json"
LAST_BOOKMARK: Final = 2.0
"""Seconds before its time-out that a watch gets one more bookmark."""


class Watches:
    """All open watches, so that a shutdown can end them cleanly."""

    def __init__(self) -> None:
        self.broadcasts = Broadcasts()
        self._open: dict[Watch, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, watch: Watch) -> None:
        self._open[watch] = None

    def remove(self, watch: Watch) -> None:
        self._open.pop(watch, None)

    def drain(self) -> None:
        """End every watch, having told it all there is."""
        for watch in list(self._open):
            watch.end()


class Watch:
    """One watcher from its headers to its end. `open` is the Stream's opening call."""

    def __init__(self, watches: Watches, scope: Scope, cache: WatchCache, predicate: Predicate, framer: Framer,
                 options: ListOptions, revision: int, timeout: float, key: Hashable) -> None:
        self._watches, self._cache, self._predicate, self._framer = watches, cache, predicate, framer
        self._options, self._revision, self._timeout, self._key = options, revision, timeout, key
        self._scope = scope
        self._channel: Channel | None = None
        self._broadcast: Broadcast | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._allowance = BACKLOG_BYTES
        self._recalled: Sequence[Event] = ()
        self._waiting: asyncio.Future[None] | None = None

    async def recall(self) -> None:
        """Events older than memory holds, from the storage's log."""
        self._recalled = await self._cache.recall_events(self._predicate, self._revision)
        self._revision = self._cache.revision

    # --- opening -------------------------------------------------------------------------------------------------

    def open(self, channel: Channel) -> None:
        self._channel = channel
        channel.on_lost = self._leave
        self._watches.add(self)
        if self._options.send_initial_events and self._revision > self._cache.revision:
            self._waiting = asyncio.ensure_future(self._begin_later())
        else:
            self._begin()

    async def _begin_later(self) -> None:
        """The state asked for does not exist yet."""
        try:
            await self._cache.wait_for(self._revision, FUTURE_REVISION_WAIT)
        except RevisionTooLarge as error:
            self._refuse(resource_version.too_large(error.revision, error.current))
            return
        if self._channel is not None:
            self._begin()

    def _refuse(self, error: APIError) -> None:
        """One ERROR event, then a clean end."""
        self._write_all([error_frame(error)])
        self.end()

    def _begin(self) -> None:
        try:
            self._write_initial()
        except RevisionCompacted as error:
            text = f"too old resource version: {error.revision} ({error.oldest})"
            self._refuse(errors.expired(text))
            return
        self._join()
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(self._timeout, self.end))
        if self._options.allow_watch_bookmarks:
            self._timers.append(loop.call_later(BOOKMARK_PERIOD, self._bookmark, True))
            if self._timeout > LAST_BOOKMARK:
                self._timers.append(loop.call_later(self._timeout - LAST_BOOKMARK, self._bookmark, False))

    def _write_initial(self) -> None:
        options, framer = self._options, self._framer
        wants_state = options.send_initial_events
        if wants_state is None:
            wants_state = self._revision == 0
        if wants_state:
            page = self._cache.select(self._predicate)
            frames = [framer.frame("ADDED", entry) for entry in page.entries]
            if options.is_watch_list:
                frames.append(framer.bookmark(page.revision, initial=True))
        else:
            frames = [framer.event(event) for event in self._recalled]
            self._recalled = ()
            if 0 < self._revision < self._cache.revision:
                frames += [framer.event(event) for event in self._cache.events_since(self._predicate, self._revision)]
        self._write_all(frames)

    def _write_all(self, frames: Sequence[bytes]) -> None:
        assert self._channel is not None
        chunk: list[bytes] = []
        size = 0
        for frame in frames:
            chunk.append(frame)
            size += len(frame)
            if size >= INITIAL_CHUNK_BYTES:
                self._channel.write(Frame(b"".join(chunk)))
                self._allowance += size
                chunk, size = [], 0
        if chunk:
            self._channel.write(Frame(b"".join(chunk)))
            self._allowance += size

    def _join(self) -> None:
        private = None
        future = self._revision > self._cache.revision
        if future or not self._framer.shareable:
            private = Broadcast(self._cache, self._predicate, self._framer, self._revision if future else 0)
        self._broadcast = self._watches.broadcasts.join(self._key, self, private, self._cache, self._predicate,
                                                        self._framer)

    # --- while it lasts ------------------------------------------------------------------------------------------

    def send(self, frame: Frame) -> None:
        channel = self._channel
        assert channel is not None
        channel.write(frame)
        backlog = channel.backlog
        if backlog > self._allowance:
            channel.abort()
            self._leave()
        elif self._allowance > BACKLOG_BYTES and backlog < BACKLOG_BYTES:
            self._allowance = BACKLOG_BYTES

    def broken(self) -> None:
        self.end()

    def _bookmark(self, again: bool) -> None:
        if self._broadcast is None or self._channel is None:
            return
        self._broadcast.flush()
        if self._channel is None:
            return
        if self._revision <= self._cache.revision:
            self._channel.write(Frame(self._framer.bookmark(self._cache.revision)))
        if again:
            loop = asyncio.get_running_loop()
            self._timers.append(loop.call_later(BOOKMARK_PERIOD, self._bookmark, True))

    # --- ending --------------------------------------------------------------------------------------------------

    def end(self) -> None:
        """A clean end, after everything that is known was said."""
        if self._broadcast is not None:
            self._broadcast.flush()
        channel = self._channel
        self._leave()
        if channel is not None:
            channel.close()

    def _leave(self) -> None:
        self._channel = None
        self._watches.remove(self)
        if self._waiting is not None and not self._waiting.done() and self._waiting is not asyncio.current_task():
            self._waiting.cancel()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._broadcast is not None:
            self._watches.broadcasts.leave(self._key, self._broadcast, self)
            self._broadcast = None




def watch(scope: Scope, request: Request, options: ListOptions) -> Answer | Awaitable[Answer]:
    """The stream that answers a watch request."""
    ctx = request.context
    if not isinstance(scope.storage, Watcher):
        raise errors.method_not_supported(scope.resource.group_resource, "watch")
    representation = negotiation.negotiate(request.headers.get("accept", ""), streaming=True)
    if representation.media != "json":
        raise errors.not_acceptable((STREAM_TYPE,))
    transform = representation.transform
    if transform == "PartialObjectMetadataList":
        transform = "PartialObjectMetadata"
    include = parse_table(request).include_object or "Metadata" if transform == "Table" else ""
    revision = resource_version.parse_watch(options.resource_version)
    timeout = float(options.timeout_seconds or 0) or MIN_TIMEOUT * (1 + random.random())
    cache, predicate = scope.storage.watch_source(ctx, options)
    framer = Framer(scope, transform, include)
    key = (scope.kind, scope.resource, predicate.key, transform)
    opened = Watch(scope.watches, scope, cache, predicate, framer, options, revision, timeout, key)
    stream = Stream(STREAM_TYPE, opened.open)
    if not revision or revision >= cache.revision or options.send_initial_events:
        return stream
    try:
        cache.events_since(Predicate(name="-"), revision)
    except RevisionCompacted:
        return _recalled(opened, stream)
    return stream


async def _recalled(opened: Watch, stream: Stream) -> Answer:
    """What memory no longer holds is read before the stream opens; a revision that is gone for good is told inside
    the stream."""
    with contextlib.suppress(RevisionCompacted):
        await opened.recall()
    return stream
