"""Much to say to one client, said a turn of the loop at a time, and no faster than the client takes it.

Used by `response` for lists too long for one turn and by `watch` for initial events. A `Source` encodes what it has in
runs; a `Feed` writes them to the channel as long as the client keeps up, and looks again a moment later when it does
not. Nothing is encoded before it can be sent, so that a list never stands in memory twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Generic, Protocol, TypeVar, runtime_checkable

from orlop.api.http import Channel, Frame

log = logging.getLogger(__name__)

LIST_SLICE: Final = 512
"""Items encoded in one turn, when that only means to put bytes together."""
DEAR_SLICE: Final = 64
"""The same, when each has to be decoded and encoded anew."""
SLOW_SLICE: Final = 32
"""The same, when encoding means more than JSON as it comes."""
CHUNK_BYTES: Final = 128 * 1024
"""Items are written in chunks of about this size; a turn ends with the first that is full."""
FEED_BACKLOG: Final = 1024 * 1024
"""Bytes that may be on their way to the client; it is fed no more until it took some."""
SHORTEST_PAUSE: Final = 0.002
LONGEST_PAUSE: Final = 0.1
"""Seconds until another look whether the client took something; longer each time that it took nothing."""
STALL_SECONDS: Final = 60.0
"""A client that takes nothing for so long is cut off."""
FEED_SECONDS: Final = 1800.0
"""A client that has not taken everything by then is cut off, and what it made us keep is let go."""

T = TypeVar("T")


@runtime_checkable
class Finishing(Protocol):
    """A channel that can be told that its stream comes to an end by itself, and is not to be ended before."""

    finishes: bool


class Run(Protocol[T]):
    """Items that are found a turn of the loop at a time (`storage.selection.Slices`)."""

    finished: bool

    def turn(self) -> list[T]: ...
    def close(self) -> None: ...


class Source(Generic[T]):
    """`items`, then what `more` finds, each encoded by `encode`; at most `most` a turn."""

    def __init__(self, encode: Callable[[T], bytes], items: Sequence[T] = (), more: Run[T] | None = None, *,
                 most: int = LIST_SLICE, weigh: Callable[[T], int] | None = None, opening: bytes = b"",
                 separator: bytes = b"", closing: Callable[[], bytes] = bytes) -> None:
        """`weigh` is for items that are dearer than their text is long: it counts beside it. `closing` is asked for
        the last text once all others were encoded: what an encoder says may depend on what it has said."""
        self._weigh = weigh
        self._encode, self._items, self._more, self._most = encode, items, more, most
        self._text, self._separator, self._closing = opening, separator, closing
        self._at, self._first = 0, True
        self.finished = False

    def close(self) -> None:
        """Let go of what is held."""
        self._items, self.finished = (), True
        if self._more is not None:
            self._more.close()

    def turn(self) -> bytes:
        """The next chunk, perhaps empty."""
        more = self._more
        if self._at == len(self._items) and more is not None and not more.finished:
            self._items, self._at = more.turn(), 0
        text, self._text = self._text, b""
        taken = [text] if text else []
        self._take(taken)
        if self._at == len(self._items) and (more is None or more.finished):
            taken.append(self._closing())
            self.close()
        return b"".join(taken)

    def _take(self, taken: list[bytes]) -> None:
        encode, separator, size = self._encode, self._separator, 0
        last = min(len(self._items), self._at + self._most)
        while self._at < last and size < CHUNK_BYTES:
            item = encode(self._items[self._at])
            size += len(item)
            if self._weigh is not None:
                size += self._weigh(self._items[self._at])
            self._at += 1
            if separator:
                if not self._first:
                    taken.append(separator)
                self._first = False
            taken.append(item)


class Turns(Protocol):
    """What a `Feed` writes. An empty chunk means that there is more to do before more can be written."""

    finished: bool

    def turn(self) -> bytes: ...
    def close(self) -> None: ...


class Feed:
    """Writes `source` to `channel`, then calls `done`; when that cannot be, `failed`, which is to cut the stream.
    `patience`: seconds for which the client may take nothing."""

    def __init__(self, source: Turns, channel: Channel, done: Callable[[], None], failed: Callable[[], None],
                 patience: float = STALL_SECONDS) -> None:
        self._patience = patience
        self._source, self._channel, self._done, self._failed = source, channel, done, failed
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Handle | None = None
        self._pause = SHORTEST_PAUSE
        self._taken_at = self._begun_at = self._loop.time()
        self._backlog = 0

    def start(self) -> None:
        """Take the first turn at once."""
        self._turn()

    def cancel(self) -> None:
        """Write no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._source.close()

    def _turn(self) -> None:
        self._next = None
        if self._channel.backlog >= FEED_BACKLOG:
            self._wait()
            return
        self._pause, self._taken_at, self._backlog = SHORTEST_PAUSE, self._loop.time(), 0
        try:
            chunk = self._source.turn()
        except Exception:
            log.exception("an answer could not be written to its end")
            self._fail()
            return
        finished = self._source.finished
        if not finished:
            self._next = self._loop.call_soon(self._turn)
        if chunk:
            self._channel.write(Frame(chunk))
        if finished:
            self._done()

    def _wait(self) -> None:
        """The client has enough to take."""
        now, backlog = self._loop.time(), self._channel.backlog
        if self._backlog and backlog < self._backlog:
            self._taken_at, self._pause = now, SHORTEST_PAUSE
        self._backlog = backlog
        if now - self._taken_at > self._patience or now - self._begun_at > FEED_SECONDS:
            self._fail()
            return
        self._next = self._loop.call_later(self._pause, self._turn)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _fail(self) -> None:
        self.cancel()
        self._failed()


def fed(channel: Channel, source: Turns) -> None:
    """The opening call of a stream that writes `source` and ends."""
    if isinstance(channel, Finishing):
        channel.finishes = True
    feed = Feed(source, channel, channel.close, channel.abort)
    channel.on_lost = feed.cancel
    feed.start()
