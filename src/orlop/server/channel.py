"""The way back to one streaming client: HTTP/1.1 chunks with a backlog that the writer can see.

Opened by the connection for a `Stream`, written by the watch layer (and logs). Frames written in one turn
of the loop go out as one write; behind a slow client the shared frames wait here as they are, neither
joined nor encrypted. The backlog's meaning belongs to the writer; this module only has the last resort
(`Limits.stream_backlog`). RFC 9112, 7.1.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from orlop.api.http import Frame
from orlop.server.heads import field_lines
from orlop.server.pieces import Writable, joined

if TYPE_CHECKING:
    from orlop.server.answering import Answering

log = logging.getLogger(__name__)

LAST_CHUNK = b"0\r\n\r\n"


class StreamChannel:
    """A Channel over a connection. A client of HTTP/1.0 gets the payloads bare and the connection closed
    after."""

    __slots__ = (
        "_chunked", "_connection", "_ending", "_open", "_pending", "_queued", "_scheduled",
        "_sending", "_waited", "finishes", "on_drained", "on_lost", "sent",
    )  # fmt: skip

    def __init__(self, connection: Answering, chunked: bool) -> None:
        self._connection, self._chunked = connection, chunked
        self.on_lost: Callable[[], None] | None = None
        self.on_drained: Callable[[], None] | None = None
        self._waited = False
        self.finishes = False
        """The stream comes to an end by itself, as a long list does: it is not to be ended before."""
        self.sent = 0
        self._pending: list[bytes] = []
        self._queued = 0
        self._sending: Iterator[Writable] | None = None
        self._open, self._ending, self._scheduled = True, False, False

    @property
    def backlog(self) -> int:
        """Bytes that wait here or in the transport."""
        return self._queued + self._connection.unsent()

    @property
    def congested(self) -> bool:
        """The client takes less than it is sent; whoever is told so hears from `on_drained`."""
        connection = self._connection
        self._waited = connection.paused or self._queued > connection.shared.limits.join
        return self._waited

    def write(self, frame: Frame) -> None:
        if not self._open or not frame.payload:
            return  # an empty chunk would end the stream
        piece = frame.chunk if self._chunked else frame.payload
        self._pending.append(piece)
        self._queued += len(piece)
        if not self._scheduled:
            self._scheduled = True
            self._connection.shared.flush_soon(self)
        if self._queued > self._connection.shared.limits.stream_backlog:
            self._connection.abort()

    def close(self, trailers: Sequence[tuple[str, str]] = ()) -> None:
        """End the stream cleanly once everything written is out; the connection serves its next request
        then."""
        if not self._open:
            return
        self._open, self._ending, self.on_lost = False, True, None
        if self._chunked:
            last = b"0\r\n%b\r\n" % field_lines(tuple(trailers)) if trailers else LAST_CHUNK
            self._pending.append(last)
            self._queued += len(last)
        self._connection.set_deadline(self._connection.shared.limits.stall_seconds)
        self.flush()

    def abort(self) -> None:
        """Cut the connection; what was not sent is lost."""
        if self._open:
            self._open, self.on_lost = False, None
            self._connection.abort()

    def end(self) -> None:
        """The server ends the stream, cleanly for the client; its writer learns it as a loss. One that finishes by
        itself goes on: cut off cleanly, it would look complete."""
        if self.finishes and self._open:
            return
        on_lost = self.on_lost
        self.close()
        tell(on_lost)

    def lost(self) -> None:
        """The connection is gone."""
        on_lost, self.on_lost = self.on_lost, None
        self._open = self._ending = False
        self._pending, self._sending, self._queued = [], None, 0
        tell(on_lost)

    def flush(self) -> None:
        """Hand to the transport what it takes; the rest goes when it has drained."""
        self._scheduled = False
        connection = self._connection
        join = connection.shared.limits.join
        while not connection.paused:
            if self._sending is None:
                if not self._pending:
                    break
                if self._queued <= join:
                    pending, self._pending = self._pending, []
                    self._queued = 0
                    self._hand(pending[0] if len(pending) == 1 else b"".join(pending))
                    continue
                self._sending = joined(self._pending, join)
                self._pending = []
            piece = next(self._sending, None)
            if piece is None:
                self._sending = None
            else:
                self._queued -= len(piece)
                self._hand(piece)
        if self._ending and not self._queued:
            self._ending = False
            connection.stream_ended()
        elif self._waited and not connection.paused and self.on_drained is not None:
            self._waited = False
            tell(self.on_drained)

    def _hand(self, data: Writable) -> None:
        self.sent += len(data)
        self._connection.send(data)


def tell(on_lost: Callable[[], None] | None) -> None:
    if on_lost is not None:
        try:
            on_lost()
        except Exception:
            log.exception("a stream's writer failed when told that its client left")
