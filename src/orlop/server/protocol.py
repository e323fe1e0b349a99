"""One HTTP/1.1 connection: requests in, answers out, in order.

Made by the listener for each connection it accepts; hands Requests to the handler and carries out its
Answers. The parser judges syntax, the channel keeps streams, the listener keeps time and the count. One
request is served at a time: what a client sends before its answer is kept as bytes (bounded), never parsed
ahead. RFC 9112.

    IDLE ──bytes──▶ READING ──whole request──▶ ANSWERING ──Response──▶ (SENDING, if large) ──▶ IDLE
      ▲                │                          ├── Stream ──▶ STREAMING ──closed──▶ IDLE
      │                └─ head, if the body is     └── answered before the body's end ──▶ DRAINING ──▶ IDLE
      │                   passed on as it comes
      │                │                          └── Upgrade ─▶ UPGRADED (until lost)
      └─ keep-alive    └─ refused, or the last answer sent ──▶ CLOSING ──▶ LOST
"""

from __future__ import annotations

import asyncio
import logging
from typing import cast

from orlop.api.http import Request, Response
from orlop.server import refusal
from orlop.server.answering import Answering
from orlop.server.handler import CLIENT_GONE, SAFE_METHODS
from orlop.server.incoming import MALFORMED, Body, passed_on
from orlop.server.link import (
    ANSWERING,
    CLOSING,
    DRAINING,
    IDLE,
    LOST,
    NEVER,
    READING,
    SENDING,
    STREAMING,
    UPGRADED,
)
from orlop.server.parser import BODY, Parser
from orlop.server.refusal import Refusal
from orlop.server.shared import Shared

log = logging.getLogger(__name__)


class Connection(Answering):
    """The reading half: what the transport tells, and when the next request's turn is."""

    __slots__ = ("_consuming", "_receiving")

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._receiving = 0
        self._consuming = False

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        shared, limits = self.shared, self.shared.limits
        self._transport = transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(high=limits.write_high)
        tls = transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        name = transport.get_extra_info("peername")
        peer = f"{name[0]}:{name[1]}" if isinstance(name, tuple) else ""
        self._parser = Parser(limits, peer, certificate)
        self.deadline = shared.now + limits.head_seconds
        shared.connections.add(self)
        counters = shared.counters
        counters.accepted += 1
        counters.open = open_now = len(shared.connections)
        if open_now > limits.connections:
            counters.refused += 1
            self._handler = self._overloaded
            if open_now > limits.connections * 1.1:
                transport.abort()
        elif shared.draining:
            self.drain()

    def data_received(self, data: bytes) -> None:
        self.shared.counters.bytes_in += len(data)
        state = self.state
        if state <= READING:
            if self._held or self.paused:
                self._hold(data)
                return
            if state == IDLE:
                try:
                    request = self._parser.repeated(data)
                except Refusal as refused:
                    self._refuse(refused)
                    return
                if request is not None:
                    self._dispatch(request)
                    return
            self._consume(data)
        elif state == UPGRADED:
            assert self._raw is not None
            self._raw.received(data)
        elif state == CLOSING:
            self.discard(data)
        elif self._incoming is not None:
            self._receive(data, self._incoming)
        else:
            self._hold(data)

    def eof_received(self) -> bool:
        """A client that ends its sending may still read (half-closed) or be gone; nobody can tell. It gets
        the rest of what is on its way and of what it wrote; a GET still being thought about and a stream
        end, as upstream cancels their contexts."""
        self._ended = True
        request = self._request
        if self.state == ANSWERING and request is not None:
            stays = not _ends_with_its_client(request)
        else:
            stays = self.state == SENDING or bool(self._held and self.state <= READING)
            stays = stays or (self._channel is not None and self._channel.finishes)
        return stays and self._transport.get_extra_info("ssl_object") is None

    def connection_lost(self, exc: Exception | None) -> None:
        shared, request = self.shared, self._request
        self.state, self.deadline = LOST, NEVER
        shared.connections.discard(self)
        shared.counters.open = len(shared.connections)
        self._count_body(0)
        self._parser.close()
        self._held, self._pieces, self._handler = b"", None, shared.handler
        channel, self._channel = self._channel, None
        raw, self._raw = self._raw, None
        incoming, self._incoming = self._incoming, None
        task, self._task = self._task, None
        if channel is not None:
            channel.lost()
            shared.counters.streams -= 1
        if raw is not None:
            raw.lost()
        if incoming is not None:
            incoming.ended("unexpected EOF")
        if request is not None:
            self._account(request, self._status or CLIENT_GONE, channel.sent if channel is not None else 0)
            if task is not None and _ends_with_its_client(request):
                task.cancel()
        shared.settle()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self.state == SENDING:
            self._pump()
        elif self.state == STREAMING:
            assert self._channel is not None
            self._channel.flush()
        elif self.state == UPGRADED:
            assert self._raw is not None
            self._raw.drained()
        elif self._held:
            self._resume()

    # What the listener asks for.

    def drain(self) -> None:
        """The listener stops: who asks nothing is let go now; who is being answered, after the answer."""
        if self.state <= READING and not self._held and self._parser.phase != BODY:
            limits = self.shared.limits
            if self.unsent():
                self.close(limits.stall_seconds)
                return
            self.close(limits.linger_seconds)
            self.shared.loop.call_later(limits.farewell_seconds, self.abort)

    def end_stream(self) -> None:
        """The listener stops and the stream's writer did not end it."""
        if self._channel is not None:
            self._channel.end()

    def expire(self) -> None:
        """The deadline has passed: what it was for follows from the state."""
        self.deadline = NEVER
        if self.state == READING and self._parser.phase == BODY:
            self._refuse(refusal.body_too_slow())
        elif self.state <= READING and not self.paused and self.unsent() == 0:
            self.close(self.shared.limits.linger_seconds)
        else:
            self.abort()

    # Reading.

    def _consume(self, data: bytes) -> None:
        """Parse and dispatch until the data ends, an answer must be waited for, or it is others' turn."""
        self._consuming = True
        try:
            self._serve(data)
        except Refusal as refused:
            if self._parser.streamed and self._parser.phase == BODY and self.state <= READING:
                self._begin(MALFORMED)
            else:
                self._refuse(refused)
        self._consuming = False

    def _serve(self, data: bytes) -> None:
        parser = self._parser
        start, turns = 0, self.shared.limits.pipelined
        while start < len(data) and self.state < CLOSING:
            if self.state >= ANSWERING or self.paused:
                self._hold(data[start:])
                return
            if turns == 0:
                self._hold(data[start:])
                self.shared.loop.call_soon(self._resume)
                return
            start = parser.feed(data, start)
            if not parser.complete:
                self._wait_for_more()
                continue
            turns -= 1
            if parser.streamed:
                self._begin()
                continue
            self._count_body(0)
            request = parser.take()
            if parser.upgrade:  # what follows belongs to whoever takes the connection, or is the next request
                self._hold(data[start:])
                self._dispatch(request)
                if self.state > READING:
                    return
                data, start = self._held_back(), 0
            else:
                self._dispatch(request)
        if parser.streamed and self.state <= READING:
            self._begin()  # the rest of its body is on its way

    def _begin(self, failure: str = "") -> None:
        """A request of which the body is passed on as it comes, as far as it could be read."""
        parser = self._parser
        request, left = parser.begun()
        request.incoming = self._incoming = incoming = Body(self, request.headers, parser.expects)
        for part in parser.taken():
            incoming.received(part)
        if failure:
            parser.keep_alive = parser.streamed = False
            incoming.ended(failure)
        elif parser.complete:
            self._incoming, incoming.trailers = None, parser.finish()
            incoming.ended("")
        elif left is None or left > self.shared.limits.discard or parser.expects:
            parser.keep_alive = False  # unless its end comes before the answer
        self._dispatch(request)

    def _receive(self, data: bytes, incoming: Body) -> None:
        """More of the body, and perhaps what follows it."""
        parser, start = self._parser, 0
        try:
            while start < len(data) and not parser.complete:
                start = parser.feed(data, start)
                for part in parser.taken():
                    incoming.received(part)
        except Refusal:
            parser.keep_alive = parser.streamed = False
            incoming.ended(MALFORMED)
            return
        if not parser.complete:
            return
        self._incoming = None
        incoming.trailers = parser.finish()
        if start < len(data):
            self._hold(data[start:])
        incoming.ended("")
        if self.state == DRAINING:
            self.state = IDLE
            self.set_deadline(self.shared.limits.idle_seconds)
            self._go_on()

    def _wait_for_more(self) -> None:
        """Part of a request is here: keep its time and its size, and ask for a body that waits to be asked
        for."""
        parser, shared = self._parser, self.shared
        if self.state == IDLE:
            self.state = READING
            self.set_deadline(shared.limits.head_seconds)
        if parser.phase != BODY or parser.streamed:
            return
        if self._receiving == 0:
            self.set_deadline(shared.limits.body_seconds)
        self._count_body(max(parser.received, 1))
        if shared.counters.receiving > shared.limits.bodies:
            raise refusal.overloaded()
        if parser.expects:
            parser.expects = False
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _count_body(self, size: int) -> None:
        """Account for `size` bytes of an incomplete body held here."""
        if size != self._receiving:
            self.shared.counters.receiving += size - self._receiving
            self._receiving = size

    def _hold(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > self.shared.limits.held:
            self._transport.pause_reading()

    def _resume(self) -> None:
        """Go on with what was held."""
        if self._held and self.state <= READING and not self.paused:
            self._consume(self._held_back())
        self._close_if_ended()

    def _go_on(self) -> None:
        if not self._consuming:
            self._resume()

    def _close_if_ended(self) -> None:
        if self._ended and self.state <= READING and not self._held:
            self.close(self.shared.limits.stall_seconds)

    def _refuse(self, refused: Refusal) -> None:
        """Say why, and close so that the client can read it although its sending was cut off."""
        self._count_body(0)
        self._parser.keep_alive = False
        self.shared.counters.refused += 1
        head, pieces = self._encode(refused.response, "")
        self.send(b"".join((head, *pieces)))
        self.linger()

    def _overloaded(self, request: Request) -> Response:
        self._parser.keep_alive = False
        return refusal.overloaded().response


def _ends_with_its_client(request: Request) -> bool:
    """Nobody else waits for what such a request does."""
    return request.method in SAFE_METHODS or passed_on(request.path)
