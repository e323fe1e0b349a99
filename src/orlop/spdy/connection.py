"""One SPDY/3.1 connection without input and output: bytes in, events out, bytes to send.

Used by `session` in both roles; `events` says what it tells. Behaves as moby/spdystream, which both kubelets and
clients of Kubernetes use: there is no flow control (WINDOW_UPDATE and SETTINGS are read and mean nothing, none is ever
sent), so whoever cannot take more stops reading the connection below; a GOAWAY ends the connection at once; pings are
answered; stream ids only grow. SPDY draft 3.1; spdystream `connection.go`, `spdy/read.go`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Final

from orlop.spdy import frames
from orlop.spdy.errors import ProtocolError, StreamClosed
from orlop.spdy.events import Data, Event, GoneAway, MoreHeaders, Opened, Ponged, Replied, Reset
from orlop.spdy.headers import Compressor, Decompressor

LONGEST_CONTROL: Final = 2 << 20
"""A longer control frame fails the connection: headers of streams are short."""
MOST_STREAMS: Final = 4096
"""Streams open at once; further ones of the peer are refused with RST_STREAM."""


class Role(Enum):
    """Who opens which streams: the client the odd ones, the server the even ones."""

    CLIENT = 1
    SERVER = 2


class _Open:
    """A stream: who may still send."""

    __slots__ = ("receiving", "replied", "sending")

    def __init__(self, replied: bool) -> None:
        self.replied, self.sending, self.receiving = replied, True, True


class Connection:
    """`receive` raises ProtocolError; what is to be sent after any call waits in `to_send`."""

    __slots__ = ("_buffer", "_compressor", "_decompressor", "_next", "_next_ping", "_out", "_over", "_parity",
                 "_peer_next", "_readers", "_remaining", "_streams", "_tail")

    def __init__(self, role: Role) -> None:
        client = role is Role.CLIENT
        self._next, self._peer_next = (1, 2) if client else (2, 1)
        self._next_ping = self._parity = self._next
        self._compressor, self._decompressor = Compressor(), Decompressor()
        self._streams: dict[int, _Open] = {}
        self._buffer = b""
        self._remaining = 0  # of a data frame whose beginning is passed on already
        self._tail = (0, False)  # its stream, and whether its end ends the stream
        self._out: list[bytes] = []
        self._over = False
        self._readers: dict[int, Callable[[int, bytes], Event | None]] = {
            frames.SYN_STREAM: self._syn_stream, frames.SYN_REPLY: self._syn_reply, frames.RST_STREAM: self._rst,
            frames.PING: self._ping, frames.GOAWAY: self._goaway, frames.HEADERS: self._headers,
            frames.SETTINGS: _ignored, frames.WINDOW_UPDATE: _ignored}

    def __len__(self) -> int:
        """Streams that at least one side may still send on."""
        return len(self._streams)

    def __iter__(self) -> Iterator[int]:
        return iter(list(self._streams))

    # --- sending ---

    def to_send(self) -> bytes:
        """What is to be sent, taken away."""
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)

    def open(self, headers: Mapping[str, str], fin: bool = False) -> int:
        """The id of a new stream. Raises StreamClosed when the connection is over or has had all its ids."""
        stream = self._next
        if self._over or stream > frames.LAST_ID:
            raise StreamClosed("no stream can be opened")
        self._next += 2
        state = self._streams[stream] = _Open(replied=False)
        state.sending = not fin
        self._out.append(frames.syn_stream(stream, self._compressor.pack(headers), frames.FLAG_FIN * fin))
        return stream

    def reply(self, stream: int, headers: Mapping[str, str] | None = None, fin: bool = False) -> None:
        """Take a stream that the peer opened."""
        state = self._sender(stream)
        if not state.replied:
            state.replied = True
            self._out.append(frames.syn_reply(stream, self._compressor.pack(headers or {}), frames.FLAG_FIN * fin))
            if fin:
                self._end_sending(stream, state)

    def send(self, stream: int, data: bytes, fin: bool = False) -> None:
        """Raises StreamClosed."""
        state = self._sender(stream)
        out = self._out
        while len(data) > frames.LONGEST_FRAME:
            out += (frames.data_head(stream, frames.LONGEST_FRAME, 0), data[:frames.LONGEST_FRAME])
            data = data[frames.LONGEST_FRAME:]
        out.append(frames.data_head(stream, len(data), frames.FLAG_FIN * fin))
        if data:
            out.append(data)
        if fin:
            self._end_sending(stream, state)

    def send_headers(self, stream: int, headers: Mapping[str, str], fin: bool = False) -> None:
        """Raises StreamClosed."""
        state = self._sender(stream)
        self._out.append(frames.headers(stream, self._compressor.pack(headers), frames.FLAG_FIN * fin))
        if fin:
            self._end_sending(stream, state)

    def reset(self, stream: int, status: int = frames.CANCEL) -> None:
        """End a stream in both directions; nothing for one that has ended."""
        if self._streams.pop(stream, None) is not None:
            self._out.append(frames.rst_stream(stream, status))

    def ping(self) -> int:
        """Its id, which `Ponged` brings back."""
        id = self._next_ping
        self._next_ping = id + 2 if id + 2 <= frames.LAST_ID else self._parity
        self._out.append(frames.ping(id))
        return id

    def go_away(self) -> None:
        """Say that the connection ends; the caller closes it."""
        if not self._over:
            self._over = True
            self._out.append(frames.goaway(max(self._peer_next - 2, 0)))

    def _sender(self, stream: int) -> _Open:
        state = self._streams.get(stream)
        if state is None or not state.sending or self._over:
            raise StreamClosed(f"stream {stream} is closed")
        return state

    def _end_sending(self, stream: int, state: _Open) -> None:
        state.sending = False
        if not state.receiving:
            del self._streams[stream]

    # --- receiving ---

    def receive(self, data: bytes) -> list[Event]:
        """Raises ProtocolError. After GOAWAY nothing is read any more."""
        events: list[Event] = []
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        at, end = 0, len(data)
        while at < end and not self._over:
            if self._remaining:
                at += self._piece(data, at, events)
                continue
            if end - at < frames.HEAD.size:
                break
            first, second = frames.HEAD.unpack_from(data, at)
            flags, size = second >> 24, second & frames.LONGEST_FRAME
            if not first & 0x80000000:
                at += frames.HEAD.size
                self._begin(first, flags, size, events)
                continue
            if size > LONGEST_CONTROL:
                raise ProtocolError("invalid control frame")
            start = at + frames.HEAD.size
            if end - start < size:
                break
            at = start + size
            event = self._control(first & 0xFFFF, flags, data[start:at])
            if event is not None:
                events.append(event)
        if at < end and not self._over:
            self._buffer = data[at:]
        return events

    def _begin(self, stream: int, flags: int, size: int, events: list[Event]) -> None:
        """The head of a data frame."""
        if stream == 0:
            raise ProtocolError("stream id zero is disallowed")
        self._remaining, self._tail = size, (stream, bool(flags & frames.FLAG_FIN))
        if not size:
            self._pass(stream, b"", self._tail[1], events)

    def _piece(self, data: bytes, at: int, events: list[Event]) -> int:
        """Pass on what there is of a data frame; its size."""
        size = min(self._remaining, len(data) - at)
        self._remaining -= size
        stream, fin = self._tail
        whole = at == 0 and size == len(data)
        self._pass(stream, data if whole else data[at:at + size], fin and not self._remaining, events)
        return size

    def _pass(self, stream: int, data: bytes, fin: bool, events: list[Event]) -> None:
        state = self._streams.get(stream)
        if state is None or not state.receiving:
            return  # it has gone already
        if fin:
            self._end_receiving(stream, state)
        if data or fin:
            events.append(Data(stream, data, fin))

    def _end_receiving(self, stream: int, state: _Open) -> None:
        state.receiving = False
        if not state.sending:
            self._streams.pop(stream, None)

    def _control(self, kind: int, flags: int, payload: bytes) -> Event | None:
        reader = self._readers.get(kind)
        if reader is None:
            raise ProtocolError("unknown frame type")
        try:
            return reader(flags, payload)
        except struct.error:
            raise ProtocolError("invalid control frame") from None

    def _syn_stream(self, flags: int, payload: bytes) -> Event | None:
        stream = frames.SYN.unpack_from(payload)[0] & frames.LAST_ID
        headers = self._decompressor.unpack(payload[frames.SYN.size:])
        if stream == 0:
            raise ProtocolError("stream id zero is disallowed")
        if stream < self._peer_next:
            self._out.append(frames.rst_stream(stream, frames.PROTOCOL_ERROR))
            return None
        self._peer_next = stream + 2
        if len(self._streams) >= MOST_STREAMS:
            self._out.append(frames.rst_stream(stream, frames.REFUSED_STREAM))
            return None
        state = self._streams[stream] = _Open(replied=False)
        fin, alone = bool(flags & frames.FLAG_FIN), bool(flags & frames.FLAG_UNIDIRECTIONAL)
        state.receiving, state.sending = not fin, not alone
        return Opened(stream, headers, fin, alone)

    def _syn_reply(self, flags: int, payload: bytes) -> Event | None:
        stream, headers, fin = self._with_headers(flags, payload)
        state = self._streams.get(stream)
        if state is None or state.replied:
            return None
        state.replied = True
        if fin:
            self._end_receiving(stream, state)
        return Replied(stream, headers, fin)

    def _headers(self, flags: int, payload: bytes) -> Event | None:
        stream, headers, fin = self._with_headers(flags, payload)
        state = self._streams.get(stream)
        if state is None:
            return None
        if fin:
            self._end_receiving(stream, state)
        return MoreHeaders(stream, headers, fin)

    def _with_headers(self, flags: int, payload: bytes) -> tuple[int, dict[str, str], bool]:
        stream = frames.U32.unpack_from(payload)[0] & frames.LAST_ID
        headers = self._decompressor.unpack(payload[frames.U32.size:])
        if stream == 0:
            raise ProtocolError("stream id zero is disallowed")
        return stream, headers, bool(flags & frames.FLAG_FIN)

    def _rst(self, flags: int, payload: bytes) -> Event | None:
        stream, status = frames.PAIR.unpack_from(payload)
        if not status or not stream:
            raise ProtocolError("invalid control frame")
        return Reset(stream, status) if self._streams.pop(stream, None) is not None else None

    def _ping(self, flags: int, payload: bytes) -> Event | None:
        id = frames.U32.unpack_from(payload)[0]
        if not id or flags:
            raise ProtocolError("invalid control frame")
        if id & 1 == self._parity & 1:
            return Ponged(id)
        self._out.append(frames.ping(id))
        return None

    def _goaway(self, flags: int, payload: bytes) -> Event | None:
        last, status = frames.PAIR.unpack_from(payload)
        if flags:
            raise ProtocolError("invalid control frame")
        self._over = True
        return GoneAway(last & frames.LAST_ID, status)


def _ignored(flags: int, payload: bytes) -> Event | None:
    return None
