"""The sending side of a connection to etcd: what all calls send in one turn of the loop goes out in one piece.

Used by `etcd_http2_connection`. Keeps to the windows that etcd opens (RFC 9113, 5.2): what does not fit waits in the
order of the streams, while small requests that fit go on.
"""

from __future__ import annotations

import asyncio
from struct import Struct
from typing import Final

from orlop.storage.etcd_http2_calls import Call
from orlop.storage.etcd_http2_frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    HEADERS,
    INITIAL_WINDOW,
    LEAST_FRAME,
    PROTOCOL_ERROR,
    Violation,
    frame,
)
from orlop.storage.etcd_http2_limits import MOST_WINDOW, UNSENT_BYTES
from orlop.storage.etcd_http2_messages import PREFIX, Refusal

_HEADERS: Final = Struct(">HBBBL")
_DATA: Final = Struct(">HBBBLBL")
"""The head of a frame and of the one message in it."""


class Sender:
    """`window`: of the connection. `initial`: of a new stream. `largest`: frame that etcd takes."""

    __slots__ = ("_loop", "_out", "_transport", "_waiting", "initial", "largest", "window")

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        self._loop, self._transport = loop, transport
        self._out: list[bytes] = []
        self._waiting: dict[int, Call] = {}
        self.window = self.initial = INITIAL_WINDOW
        self.largest = LEAST_FRAME

    def put(self, data: bytes) -> None:
        """A whole frame."""
        if not self._out:
            self._loop.call_soon(self.flush)
        self._out.append(data)

    def flush(self) -> None:
        if self._out:
            data = b"".join(self._out)
            self._out.clear()
            if not self._transport.is_closing():
                self._transport.write(data)

    def open(self, call: Call, block: bytes) -> None:
        """HEADERS. Streams are to be opened in the order of their numbers."""
        call.window = self.initial
        if len(block) > LEAST_FRAME:
            raise Refusal("INVALID_ARGUMENT", "metadata that fits into no frame")
        self.put(frame(HEADERS, END_HEADERS, call.number, block))

    def request(self, call: Call, block: bytes, body: bytes) -> None:
        """HEADERS, the only message, and the end."""
        size = len(body) + PREFIX.size
        if size > self.window or size > self.initial or size > self.largest or len(block) > LEAST_FRAME:
            self.open(call, block)
            self.message(call, body)
            return
        self.window -= size
        if not self._out:
            self._loop.call_soon(self.flush)
        number, length = call.number, len(block)
        self._out += (
            _HEADERS.pack(length >> 8, length & 0xFF, HEADERS, END_HEADERS, number),
            block,
            _DATA.pack(size >> 8, size & 0xFF, DATA, END_STREAM, number, 0, size - PREFIX.size),
            body,
        )

    def message(self, call: Call, body: bytes) -> None:
        """As much of it as the windows allow; the rest when they open. Raises Refusal."""
        if len(call.unsent) + len(body) > UNSENT_BYTES:
            raise Refusal("RESOURCE_EXHAUSTED", f"more than {UNSENT_BYTES} bytes to be sent")
        call.unsent = memoryview(b"".join((call.unsent, PREFIX.pack(0, len(body)), body)))
        self._waiting[call.number] = call
        self._send_waiting()

    def _send_waiting(self) -> None:
        for call in list(self._waiting.values()):
            while call.unsent:
                size = min(len(call.unsent), self.largest, self.window, call.window)
                if size <= 0:
                    break
                piece, call.unsent = call.unsent[:size], call.unsent[size:]
                self.window -= size
                call.window -= size
                ending = END_STREAM if call.last and not call.unsent else 0
                self.put(frame(DATA, ending, call.number, bytes(piece)))
            if not call.unsent:
                del self._waiting[call.number]

    def forget(self, call: Call) -> bool:
        """Its stream ended. True if not all of it had been sent."""
        return self._waiting.pop(call.number, None) is not None

    def widen(self, call: Call | None, increment: int) -> None:
        """WINDOW_UPDATE of a stream, or (None) of the connection."""
        if not increment:
            raise Violation(PROTOCOL_ERROR, "a window widened by nothing")
        if call is None:
            self.window += increment
            window = self.window
        else:
            call.window += increment
            window = call.window
        if window > MOST_WINDOW:
            raise Violation(FLOW_CONTROL_ERROR, "a window wider than there is")
        if self._waiting:
            self._send_waiting()

    def set_initial(self, size: int, calls: list[Call]) -> None:
        """The window of new streams, and by its change that of the open ones; it may become negative."""
        if size > MOST_WINDOW:
            raise Violation(FLOW_CONTROL_ERROR, "a window wider than there is")
        change, self.initial = size - self.initial, size
        for call in calls:
            call.window += change
        if self._waiting:
            self._send_waiting()

    def set_largest(self, size: int) -> None:
        if not LEAST_FRAME <= size < 1 << 24:
            raise Violation(PROTOCOL_ERROR, f"frames of up to {size} bytes")
        self.largest = size
