"""Watches: from the registry's `Watcher` to a stream that starts at the right state, never misses or repeats an
event, and ends cleanly.

Called by `list_` (`?watch=1`) and by the deprecated /watch/ paths. Live events come through `broadcast`.
Behaviour: apiserver `endpoints/handlers/watch.go` and `storage/cacher`.

    open ── initial events ── (bookmark "initial events end") ── live events, bookmarks ── end
              │                                                                          ├ timeoutSeconds, drain: clean
              └ a revision too old, or one that does not come: one ERROR event, clean    ├ client left
                                                                                         └ client too slow: cut
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from typing import Final

from orlop.api import errors, resource_version
from orlop.api.errors import APIError
from orlop.api.http import Answer, Channel, Frame, Request, Stream
from orlop.api.options import ListOptions
from orlop.api.query_options import parse_table
from orlop.codec import negotiation
from orlop.endpoints.broadcast import Broadcast, Broadcasts
from orlop.endpoints.feed import FEED_SECONDS, Feed, Source, Turns
from orlop.endpoints.framing import Framer
from orlop.endpoints.scope import Scope
from orlop.endpoints.watch_socket import over_websocket
from orlop.registry.interface import Watcher
from orlop.registry.store import FUTURE_REVISION_WAIT
from orlop.storage.errors import Closed, RevisionCompacted, RevisionTooLarge
from orlop.storage.interface import Event
from orlop.storage.predicate import Predicate
from orlop.storage.watch_cache import WatchCache
from orlop.websocket.handshake import is_websocket

log = logging.getLogger(__name__)

BACKLOG_BYTES: Final = 4 * 1024 * 1024
"""A watcher that leaves more than this unread is cut off; it will watch again. Live events that wait for the initial
ones count apart, to the same limit."""
LONGEST_TIMEOUT: Final = 365 * 86_400.0
"""Seconds; longer timeoutSeconds are cut to this, which timers can take."""
MIN_TIMEOUT: Final = 1800.0
"""A watch without timeoutSeconds ends after one to two times this many seconds (--min-request-timeout)."""
BOOKMARK_PERIOD: Final = 60.0
STREAM_TYPES: Final = {"json": "application/json", "protobuf": "application/vnd.kubernetes.protobuf;stream=watch"}
LAST_BOOKMARK: Final = 2.0
"""Seconds before its time-out that a watch gets one more bookmark."""


class Watches:
    """All open watches, so that a shutdown can end them cleanly. `min_timeout` is --min-request-timeout."""

    def __init__(self, min_timeout: float = MIN_TIMEOUT) -> None:
        self.min_timeout = min_timeout
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

    def __init__(self, watches: Watches, cache: WatchCache, predicate: Predicate, framer: Framer, options: ListOptions,
                 revision: int, timeout: float, key: Hashable) -> None:
        self._watches, self._cache, self._predicate, self._framer = watches, cache, predicate, framer
        self._options, self._revision, self._timeout, self._key = options, revision, timeout, key
        self._channel: Channel | None = None
        self._broadcast: Broadcast | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._initial: Feed | None = None
        """Writes what comes before live events, until all is written."""
        self._held: list[Frame] = []
        self._held_bytes = 0
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
            return
        try:
            self._begin()
        except Exception:
            self._leave()
            raise

    async def _begin_later(self) -> None:
        """The state asked for does not exist yet."""
        try:
            await self._cache.wait_for(self._revision, FUTURE_REVISION_WAIT)
            if self._channel is not None:
                self._begin()
        except RevisionTooLarge as error:
            self._refuse(resource_version.too_large(error.revision, error.current))
        except Closed:
            self.end()
        except Exception:
            log.exception("a watch failed to begin")
            self._cut()

    def _refuse(self, error: APIError) -> None:
        """One ERROR event, then a clean end."""
        if self._channel is not None:
            self._channel.write(Frame(self._framer.error(error)))
        self.end()

    def _begin(self) -> None:
        channel = self._channel
        assert channel is not None
        try:
            self._initial = Feed(self._initial_events(), channel, self._release, self._cut, FEED_SECONDS)
            self._join()
        except RevisionCompacted as error:
            self._refuse(resource_version.too_old(error.revision, error.oldest + 1))
            return
        except Closed:  # the storage is away: the client is to watch again
            self.end()
            return
        self._later("end", self._timeout, self.end)
        if self._options.allow_watch_bookmarks:
            self._later("bookmark", BOOKMARK_PERIOD, self._bookmark_again)
            if self._timeout > LAST_BOOKMARK:
                self._later("last bookmark", self._timeout - LAST_BOOKMARK, self._bookmark)
        self._initial.start()

    def _later(self, what: str, delay: float, call: Callable[[], None]) -> None:
        self._timers[what] = asyncio.get_running_loop().call_later(delay, call)

    def _initial_events(self) -> Turns:
        """What comes before live events. Looked up now (a large state is frozen now, and looked at as it is written),
        encoded as it is written."""
        options, framer = self._options, self._framer
        wants_state = options.send_initial_events
        if wants_state is None:
            wants_state = self._revision == 0
        if not wants_state:
            past, self._recalled = list(self._recalled), ()
            if 0 < self._revision < self._cache.revision:
                past += self._cache.events_since(self._predicate, self._revision)
            return Source(framer.event, past, most=framer.most)
        slices = self._cache.slices(self._predicate)
        if not options.is_watch_list:
            return Source(framer.added, more=slices, most=framer.most)
        bookmark = partial(framer.bookmark, slices.revision, initial=True)
        return Source(framer.added, more=slices, most=framer.most, closing=bookmark)

    def _release(self) -> None:
        """Initial events are through: live ones may follow."""
        self._initial = None
        held, self._held = self._held, []
        for frame in held:
            self.send(frame)

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
        if channel is None:
            return
        if self._initial is not None:
            self._hold(frame)
            return
        channel.write(frame)
        if channel.backlog > BACKLOG_BYTES:
            self._cut()

    def _hold(self, frame: Frame) -> None:
        self._held.append(frame)
        self._held_bytes += len(frame.payload)
        if self._held_bytes > BACKLOG_BYTES:
            self._cut()

    def broken(self) -> None:
        self.end()

    def _bookmark_again(self) -> None:
        self._later("bookmark", BOOKMARK_PERIOD, self._bookmark_again)
        self._bookmark()

    def _bookmark(self) -> None:
        """Never ahead of what was written: all that is known goes first."""
        if self._broadcast is None or self._initial is not None:
            return
        self._broadcast.flush()
        if self._channel is not None and self._revision <= self._cache.revision:
            self._channel.write(Frame(self._framer.bookmark(self._cache.revision)))

    # --- ending --------------------------------------------------------------------------------------------------

    def end(self) -> None:
        """A clean end, after everything that is known was said (initial events that the client did not take yet
        excepted)."""
        if self._broadcast is not None:
            self._broadcast.flush()
        channel = self._channel
        self._leave()
        if channel is not None:
            channel.close()

    def _cut(self) -> None:
        channel = self._channel
        self._leave()
        if channel is not None:
            channel.abort()

    def _leave(self) -> None:
        self._channel, initial, self._initial = None, self._initial, None
        if initial is not None:
            initial.cancel()
        self._held = []
        self._watches.remove(self)
        if self._waiting is not None and not self._waiting.done() and self._waiting is not asyncio.current_task():
            self._waiting.cancel()
        for timer in self._timers.values():
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
    transform = representation.transform
    if transform == "PartialObjectMetadataList":
        # Upstream finds out with the first event that an object is no list, and ends the stream.
        return Stream(STREAM_TYPES[representation.media], lambda channel: channel.close())
    include = parse_table(request).include_object or "Metadata" if transform == "Table" else ""
    revision = resource_version.parse_watch(options.resource_version)
    timeout = float(options.timeout_seconds or 0) or scope.watches.min_timeout * (1 + random.random())
    cache, predicate = scope.storage.watch_source(ctx, options)
    framer = Framer(scope, transform, include, representation.version, representation.media)
    key = (scope.kind, scope.resource, predicate.key, transform, representation.version, representation.media)
    opened = Watch(scope.watches, cache, predicate, framer, options, revision, min(timeout, LONGEST_TIMEOUT), key)
    stream: Answer = Stream(STREAM_TYPES[representation.media], opened.open)
    if is_websocket(request):
        stream = over_websocket(request, Stream("", opened.open), representation.media)
    first = scope.storage.watch_after(ctx, options)
    if first is not None:
        return _after(first, stream)
    if not revision or revision >= cache.revision or options.send_initial_events:
        return stream
    try:
        cache.events_since(Predicate(name="-"), revision)
    except RevisionCompacted:
        return _recalled(opened, stream)
    except Closed:
        return stream  # which ends at once
    return stream


async def _after(first: Awaitable[None], stream: Answer) -> Answer:
    await first
    return stream


async def _recalled(opened: Watch, stream: Answer) -> Answer:
    """What memory no longer holds is read before the stream opens; a revision that is gone for good is told inside
    the stream."""
    with contextlib.suppress(RevisionCompacted, Closed):
        await opened.recall()
    return stream
