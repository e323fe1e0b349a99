"""One HTTP/2 connection to a member of etcd: many calls at a time, each with its own fate.

Made by `etcd_http2_channel`, which opens another one when this is `retired`. Frames come from `etcd_http2_frames`,
requests leave through `etcd_http2_sending`, answers go to the `etcd_http2_calls` that wait for them. RFC 9113; gRPC's
PROTOCOL-HTTP2.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, cast

from orlop.storage.etcd_error import EtcdError, NotSent
from orlop.storage.etcd_http2_alarm import Alarm
from orlop.storage.etcd_http2_calls import Call, Duplex, Unary
from orlop.storage.etcd_http2_frames import (
    ACK,
    CANCEL,
    CONTINUATION,
    ENABLE_PUSH,
    END_HEADERS,
    END_STREAM,
    HEADER_TABLE_SIZE,
    INITIAL_WINDOW,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    NO_ERROR,
    PADDED,
    PING,
    PREFACE,
    PRIORITISED,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    SETTINGS,
    FrameReader,
    Violation,
    error_name,
    frame,
    goaway,
    read_goaway,
    read_number,
    read_settings,
    reset,
    settings,
    unpadded,
    window_update,
)
from orlop.storage.etcd_http2_headers import Head, HeadReader, code_of_http
from orlop.storage.etcd_http2_keepalive import Keepalive
from orlop.storage.etcd_http2_limits import (
    CONNECTION_STEP,
    FRAME_BYTES,
    HEADER_BYTES,
    LAST_STREAM,
    MOST_WINDOW,
    STREAM_WINDOW,
)
from orlop.storage.etcd_http2_messages import Refusal
from orlop.storage.etcd_http2_sending import Sender

_HELLO: Final = (
    PREFACE
    + settings({HEADER_TABLE_SIZE: 0, ENABLE_PUSH: 0, INITIAL_WINDOW_SIZE: STREAM_WINDOW, MAX_FRAME_SIZE: FRAME_BYTES})
    + window_update(0, MOST_WINDOW - INITIAL_WINDOW)
)
_SETTINGS_TAKEN: Final = frame(SETTINGS, ACK, 0)
_PING: Final = frame(PING, 0, 0, b"orlop...")
_OF_RESET: Final = {0x7: "UNAVAILABLE", 0x8: "CANCELLED", 0xB: "UNAVAILABLE", 0xC: "PERMISSION_DENIED"}


class Connection(asyncio.Protocol):
    """`ready`: done when the other side's settings came; NotSent when they never will. `most`: streams that it takes
    at a time, 0 when it takes no more."""

    def __init__(self, where: str, heads: HeadReader) -> None:
        self._loop = asyncio.get_running_loop()
        self._where, self._heads = where, heads
        self._reader = FrameReader(FRAME_BYTES)
        self._calls: dict[int, Call] = {}
        self._next, self._received = 1, 0
        self._block: tuple[int, int, list[bytes]] | None = None
        self._alarm = Alarm(self._loop, self._calls, self._on_late)
        self._room: deque[asyncio.Future[None]] = deque()
        self._handlers = (
            self._on_data, self._on_headers, self._ignore, self._on_reset, self._on_settings, self._on_promise,
            self._on_ping, self._on_goaway, self._on_window_update, self._on_continuation,
        )  # fmt: skip
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self.ready.add_done_callback(_looked_at)
        self.most, self._allowed = 0, MOST_WINDOW
        self.retired = False

    # --- life

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not its subclasses
        self._sender = Sender(self._loop, self._transport)
        self._keepalive = Keepalive(self._loop, lambda: bool(self._calls), self._send_ping, self._on_silence)
        self._transport.write(_HELLO)

    def connection_lost(self, error: Exception | None) -> None:
        self._give_up("UNAVAILABLE", f"the connection was lost: {error or 'etcd closed it'}")

    def _send_ping(self) -> None:
        self._sender.put(_PING)

    def _on_silence(self) -> None:
        self._give_up("UNAVAILABLE", "the connection is dead: a PING was not answered")

    def close(self) -> None:
        """All calls fail (CLOSED, which is `EtcdError`'s word for it)."""
        self._sender.put(goaway(NO_ERROR))
        self._give_up("CLOSED", "the client was closed", gently=True)

    def _give_up(self, code: str, words: str, *, gently: bool = False) -> None:
        if gently:
            self._sender.flush()
        self._retire()
        self._keepalive.stop()
        self._alarm.stop()
        if not self.ready.done():
            self.ready.set_exception(NotSent("UNAVAILABLE", words, self._where))
        for call in list(self._calls.values()):
            self._end(call, self._failed(call, code, words))
        if gently:
            self._transport.close()
        else:
            self._transport.abort()

    def _retire(self) -> None:
        self.retired, self.most = True, 0
        while self._room:
            self._wake_one()

    def _failed(self, call: Call, code: str, words: str) -> EtcdError:
        kind = NotSent if call.last and call.unsent else EtcdError
        return kind(code, words, self._where)

    # --- calls

    @property
    def full(self) -> bool:
        return len(self._calls) >= self.most

    async def room(self) -> None:
        """Wait until a stream ends, or the connection is retired."""
        future = self._loop.create_future()
        self._room.append(future)
        try:
            await future
        except asyncio.CancelledError:
            if not future.cancelled():  # the room came in the same moment: pass it on
                self._wake_one()
            raise

    def _wake_one(self) -> None:
        while self._room:
            future = self._room.popleft()
            if not future.done():
                future.set_result(None)
                return

    def request(self, block: bytes, body: bytes, deadline: float) -> Unary:
        """Only when it is not `full`. Raises EtcdError."""
        call = Unary(self._number(), deadline, self._loop.create_future())
        try:
            self._sender.request(call, block, body)
        except Refusal as refusal:
            raise NotSent(refusal.code, refusal.words, self._where) from None
        self._calls[call.number] = call
        if deadline < self._alarm.at:
            self._alarm.set(deadline)
        if self._keepalive.quiet:
            self._keepalive.probe()
        return call

    def open(self, block: bytes) -> Duplex:
        """Only when it is not `full`. Raises EtcdError."""
        call = Duplex(self._number(), self, self._where)
        try:
            self._sender.open(call, block)
        except Refusal as refusal:
            raise NotSent(refusal.code, refusal.words, self._where) from None
        self._calls[call.number] = call
        return call

    def _number(self) -> int:
        number = self._next
        self._next += 2
        if number >= LAST_STREAM:
            self._retire()
        return number

    def send(self, call: Call, message: bytes) -> None:
        try:
            self._sender.message(call, message)
        except Refusal as refusal:
            raise EtcdError(refusal.code, refusal.words, self._where) from None

    def give_back(self, call: Call, size: int) -> None:
        if size:
            self._sender.put(window_update(call.number, size))

    def cancel(self, call: Call) -> None:
        """Nobody waits for it any more; etcd is told to stop."""
        if call.number in self._calls:
            self._sender.put(reset(call.number, CANCEL))
            self._end(call, EtcdError("CANCELLED", "the call was cancelled", self._where))

    def _end(self, call: Call, error: EtcdError | None, *, answered: bool = False) -> None:
        """`answered`: etcd's side of the stream ended; ours has to, too."""
        del self._calls[call.number]
        unsent = self._sender.forget(call)
        if answered and (unsent or not call.last):
            self._sender.put(reset(call.number, CANCEL))
        call.end(error)
        if self._room:
            self._wake_one()
        if self.retired and not self._calls:
            self._transport.close()

    def _on_late(self, call: Call) -> None:
        self._sender.put(reset(call.number, CANCEL))
        self._end(call, self._failed(call, "DEADLINE_EXCEEDED", "no answer in time"))
        self._keepalive.probe()

    # --- frames

    def data_received(self, data: bytes) -> None:
        self._keepalive.heard = True
        try:
            for kind, flags, number, payload in self._reader.feed(data):
                if self._block is not None and kind != CONTINUATION:
                    raise Violation(PROTOCOL_ERROR, "headers that do not go on")
                if kind < len(self._handlers):
                    self._handlers[kind](flags, number, payload)
        except Violation as violation:
            self._sender.put(goaway(violation.code, str(violation)))
            self._give_up("UNAVAILABLE", f"not the HTTP/2 that was expected: {violation}", gently=True)

    def _ignore(self, flags: int, number: int, payload: bytes) -> None:
        """PRIORITY says nothing to a client."""

    def _call(self, number: int) -> Call | None:
        """None: it has ended for us. Raises Violation for a stream that never was."""
        call = self._calls.get(number)
        if call is None and (not number & 1 or number >= self._next):
            raise Violation(PROTOCOL_ERROR, f"a frame of stream {number}, which never was")
        return call

    def _on_data(self, flags: int, number: int, payload: bytes) -> None:
        size = len(payload)
        self._received += size
        if self._received >= CONNECTION_STEP:
            self._sender.put(window_update(0, self._received))
            self._received = 0
        call = self._call(number)
        if flags & PADDED:
            payload = unpadded(flags & PADDED, payload)
        if call is None:
            return
        try:
            if not call.begun:
                raise Refusal("INTERNAL", "data before headers")
            back = call.take(payload, size)
        except Refusal as refusal:
            self._refuse(call, refusal)
            return
        if flags & END_STREAM:
            self._end(call, EtcdError("INTERNAL", "an answer without a status", self._where), answered=True)
        elif back:
            self._sender.put(window_update(number, back))

    def _refuse(self, call: Call, refusal: Refusal) -> None:
        self._sender.put(reset(call.number, CANCEL))
        self._end(call, EtcdError(refusal.code, refusal.words, self._where))

    def _on_headers(self, flags: int, number: int, payload: bytes) -> None:
        if flags & (PADDED | PRIORITISED):
            payload = unpadded(flags, payload)
        if flags & END_HEADERS:
            self._on_block(flags, number, payload)
        else:
            self._block = (flags, number, [payload])

    def _on_continuation(self, flags: int, number: int, payload: bytes) -> None:
        if self._block is None or self._block[1] != number:
            raise Violation(PROTOCOL_ERROR, "headers that go on and never began")
        pieces = self._block[2]
        pieces.append(payload)
        if sum(map(len, pieces)) > HEADER_BYTES or len(pieces) > HEADER_BYTES:
            raise Violation(PROTOCOL_ERROR, f"more than {HEADER_BYTES} bytes of headers")
        if flags & END_HEADERS:
            first = self._block[0]
            self._block = None
            self._on_block(first, number, b"".join(pieces))

    def _on_block(self, flags: int, number: int, block: bytes) -> None:
        head = self._heads.read(block)
        call = self._call(number)
        if call is None:
            return
        if flags & END_STREAM:
            self._end(call, self._outcome(head), answered=True)
        elif 100 <= head.http < 200:
            return
        elif call.begun:
            self._refuse(call, Refusal("INTERNAL", "headers in the middle of an answer"))
        elif head.wrong:
            self._refuse(call, Refusal(code_of_http(head.http), head.wrong))
        else:
            call.begun = True

    def _outcome(self, head: Head) -> EtcdError | None:
        if head.code == "OK":
            return None
        if head.code:
            return EtcdError(head.code, head.words, self._where)
        return EtcdError(code_of_http(head.http), head.wrong or "an answer without a status", self._where)

    def _on_reset(self, flags: int, number: int, payload: bytes) -> None:
        code = read_number(payload)
        call = self._call(number)
        if call is None:
            return
        words = f"etcd reset the stream: {error_name(code)}"
        kind = NotSent if code == REFUSED_STREAM else EtcdError
        self._end(call, kind(_OF_RESET.get(code, "INTERNAL"), words, self._where))

    def _on_settings(self, flags: int, number: int, payload: bytes) -> None:
        if number:
            raise Violation(PROTOCOL_ERROR, "settings of a stream")
        if flags & ACK:
            return
        for setting, value in read_settings(payload):
            if setting == INITIAL_WINDOW_SIZE:
                self._sender.set_initial(value, list(self._calls.values()))
            elif setting == MAX_FRAME_SIZE:
                self._sender.set_largest(value)
            elif setting == MAX_CONCURRENT_STREAMS:
                self._allowed = value
        self._sender.put(_SETTINGS_TAKEN)
        if not self.retired:
            self.most = self._allowed
            for _ in range(min(self.most, len(self._room))):
                self._wake_one()
        if not self.ready.done():
            self.ready.set_result(None)

    def _on_promise(self, flags: int, number: int, payload: bytes) -> None:
        raise Violation(PROTOCOL_ERROR, "a promise, which we forbade")

    def _on_ping(self, flags: int, number: int, payload: bytes) -> None:
        if len(payload) != 8:
            raise Violation(PROTOCOL_ERROR, "a PING that is none")
        if not flags & ACK:
            self._sender.put(frame(PING, ACK, 0, payload))

    def _on_goaway(self, flags: int, number: int, payload: bytes) -> None:
        """Streams up to the last one go on; the others were not looked at."""
        last, code, words = read_goaway(payload)
        self._retire()
        text = f"etcd closes the connection: {code} {words}".rstrip()
        if not self.ready.done():
            self.ready.set_exception(NotSent("UNAVAILABLE", text, self._where))
        for call in [call for call in self._calls.values() if call.number > last]:
            self._end(call, NotSent("UNAVAILABLE", text, self._where))
        if not self._calls:
            self._transport.close()

    def _on_window_update(self, flags: int, number: int, payload: bytes) -> None:
        increment = read_number(payload) & 0x7FFFFFFF
        if not number:
            self._sender.widen(None, increment)
            return
        call = self._call(number)
        if call is not None:
            self._sender.widen(call, increment)


def _looked_at(future: asyncio.Future[None]) -> None:
    """Who waits for it may have given up before it failed."""
    if not future.cancelled():
        future.exception()
