"""The lower half of a connection: its transport, its state, its deadline, and how it ends.

Under `protocol.Connection`; used through it by the channel, the raw connection and the listener's sweep.
Knows no requests. The states are drawn in `protocol`.
"""

from __future__ import annotations

import asyncio
import fcntl
import math
import struct
import termios

from orlop.server.pieces import Writable
from orlop.server.shared import Shared

IDLE, READING, ANSWERING, SENDING, STREAMING, DRAINING, UPGRADED, CLOSING, LOST = range(9)

NEVER = math.inf


class Link(asyncio.Protocol):
    """`deadline` is when the sweep calls `expire`; `paused` says that the transport wants no more for now."""

    __slots__ = ("_discarded", "_ended", "_transport", "deadline", "paused", "shared", "state")

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.state = IDLE
        self.deadline = NEVER
        self.paused = False
        self._ended = False
        self._discarded = 0
        self._transport: asyncio.Transport

    def send(self, data: Writable) -> None:
        if self.state != LOST:
            self.shared.counters.bytes_out += len(data)
            self._transport.write(data)

    def unsent(self) -> int:
        """Bytes in the transport's buffer (with TLS, what is already encrypted below it comes on top)."""
        return self._transport.get_write_buffer_size() if self.state != LOST else 0

    def pause_reading(self) -> None:
        if self.state != LOST:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self.state != LOST:
            self._transport.resume_reading()

    def set_deadline(self, seconds: float) -> None:
        self.deadline = self.shared.now + seconds

    def close(self, seconds: float) -> None:
        """Flush and close; the sweep cuts what takes longer."""
        if self.state < CLOSING:
            self.state = CLOSING
            self.set_deadline(seconds)
            self._transport.close()

    def farewell(self) -> None:
        """The listener drains and this was the last answer: close, and cut as soon as the client has it. Clients that
        keep their connections in a pool do not notice the farewell until they are used again."""
        self.close(self.shared.limits.stall_seconds)
        self.shared.loop.call_later(self.shared.limits.farewell_seconds, self._cut_when_delivered)

    def _cut_when_delivered(self) -> None:
        if self.state == LOST:
            return
        if self.unsent() == 0 and not _undelivered(self._transport):
            self.abort()
        else:
            self.shared.loop.call_later(self.shared.limits.farewell_seconds, self._cut_when_delivered)

    def abort(self) -> None:
        if self.state != LOST:
            self._transport.abort()

    def linger(self) -> None:
        """End our side; what still comes is thrown away, or else the kernel would take back what we said."""
        seconds = self.shared.limits.linger_seconds
        if self._ended or not self._transport.can_write_eof():
            self.close(seconds)  # TLS says farewell and reads on by itself
            return
        self.state = CLOSING
        self.set_deadline(seconds)
        self._transport.write_eof()

    def discard(self, data: bytes) -> None:
        self._discarded += len(data)
        if self._discarded > self.shared.limits.discard:
            self.abort()


def _undelivered(transport: asyncio.Transport) -> bool:
    """Whether the kernel holds bytes that the client has not acknowledged; so it is taken to be where nobody knows."""
    try:
        answer = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
    except (OSError, AttributeError):
        return True
    return bool(struct.unpack("i", answer)[0])
