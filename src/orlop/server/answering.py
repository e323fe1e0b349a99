"""The answering half of a connection: from a Request to bytes on their way, in one place for all kinds of
answers.

Under `protocol.Connection`, which reads; between the handler and the transport. Lengths are computed here
and nowhere else. A whole answer is one write when it is small and follows the transport's draining when it
is large; a `Stream` gets a channel, an `Upgrade` the raw connection, an awaitable one task. RFC 9110 and
9112.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterator, Sequence

from orlop.api.http import Answer, Request, Response, Stream, Upgrade
from orlop.server.channel import StreamChannel
from orlop.server.handler import Handler, failed, future_of, observed
from orlop.server.heads import BODILESS, CLOSING, field_lines
from orlop.server.incoming import Body
from orlop.server.link import ANSWERING, DRAINING, IDLE, NEVER, SENDING, STREAMING, UPGRADED, Link
from orlop.server.parser import Parser
from orlop.server.pieces import Writable, joined
from orlop.server.raw import HandedOver
from orlop.server.shared import Shared

log = logging.getLogger(__name__)


class Answering(Link, ABC):
    """Carries out one answer at a time; the state is that of `protocol`."""

    __slots__ = (
        "_channel", "_handler", "_held", "_incoming", "_parser", "_pieces", "_raw", "_request", "_size",
        "_started", "_status", "_task",
    )  # fmt: skip

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._handler: Handler = shared.handler
        self._held = b""
        self._pieces: Iterator[Writable] | None = None
        self._channel: StreamChannel | None = None
        self._raw: HandedOver | None = None
        self._request: Request | None = None
        self._incoming: Body | None = None
        self._task: asyncio.Future[Answer] | None = None
        self._started = 0.0
        self._status = self._size = 0
        self._parser: Parser

    def _dispatch(self, request: Request) -> None:
        shared = self.shared
        shared.counters.requests += 1
        shared.counters.in_flight += 1
        self.state, self.deadline = ANSWERING, NEVER
        self._request, self._status = request, 0
        if shared.observe is not None:
            self._started = shared.clock.monotonic()
        try:
            answer = self._handler(request)
        except Exception as error:
            answer = failed(request, error)
        if type(answer) is Response:
            self._respond(answer, request)
        else:
            self._deliver(answer, request)

    def _deliver(self, answer: Answer | Awaitable[Answer], request: Request) -> None:
        """An answer of any kind."""
        if isinstance(answer, Response):
            self._respond(answer, request)
        elif isinstance(answer, Stream):
            self._stream(answer, request)
        elif isinstance(answer, Upgrade):
            self._hand_over(answer)
        elif isinstance(answer, Awaitable):
            future = future_of(answer, self.shared.loop)
            if future is not answer:  # a task of our own: kept alive here, and ours to cancel
                self._task = future
                self.shared.tasks.add(future)
            future.add_done_callback(self._answered)
        else:
            self._respond(failed(request, TypeError(f"{type(answer).__name__} is no answer")), request)

    def _answered(self, future: asyncio.Future[Answer]) -> None:
        self._task = None
        self.shared.tasks.discard(future)
        request = self._request
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        if self.state != ANSWERING or request is None:
            if error is not None and not future.cancelled():
                log.error("the handler failed after its client had left", exc_info=error)
            self.shared.settle()
        elif error is not None:
            self._respond(failed(request, error), request)
        else:
            self._deliver(future.result(), request)

    def _respond(self, response: Response, request: Request) -> None:
        """Write a whole answer; a large one is handed over as the transport drains."""
        body, parser, shared = response.body, self._parser, self.shared
        if response.headers and CLOSING in response.headers:
            parser.keep_alive = False
            response = Response(response.status, body, response.content_type,
                                tuple(one for one in response.headers if one != CLOSING))
        self._status = response.status
        simple = parser.keep_alive and parser.minor and request.method != "HEAD" and not shared.draining
        if (simple and type(body) is bytes and len(body) <= shared.limits.join
                and response.status not in BODILESS):  # fmt: skip
            heads = shared.heads
            data = b"%b%b%b" % (heads.sized(response, len(body)), heads.end, body)
            shared.counters.bytes_out += len(data)
            self._transport.write(data)
            self._finish(len(body))
            return
        head, pieces = self._encode(response, request.method)
        self._size = sum(map(len, pieces))
        if len(head) + self._size <= shared.limits.join:
            self.send(b"".join((head, *pieces)))
            self._finish(self._size)
            return
        self.state = SENDING
        self._pieces = joined((head, *pieces), shared.limits.join)
        self._pump()

    def _encode(self, response: Response, method: str) -> tuple[bytes, Sequence[bytes]]:
        """The head and the pieces of the body to be sent."""
        body = response.body
        pieces: Sequence[bytes] = (body,) if isinstance(body, bytes) else body
        size, heads = sum(map(len, pieces)), self.shared.heads
        if size or method != "HEAD":
            start = heads.sized(response, size)
        else:  # an empty body may be one that HEAD did not make
            start = heads.start(response.status, response.content_type, response.headers)
        if method == "HEAD" or response.status in BODILESS:
            pieces = ()
        return self._versioned(start), pieces

    def _versioned(self, start: bytes) -> bytes:
        """The lines about the connection, and HTTP/1.0 for those who speak it."""
        parser = self._parser
        if self.shared.draining:
            parser.keep_alive = False
        if not parser.keep_alive:
            start += b"Connection: close\r\n"
        elif not parser.minor:
            start += b"Connection: keep-alive\r\n"
        if not parser.minor:
            start = start.replace(b"HTTP/1.1", b"HTTP/1.0", 1)
        return start + self.shared.heads.end

    def _pump(self) -> None:
        """Hand over pieces until the transport is full; its draining brings us back."""
        assert self._pieces is not None
        self.deadline = NEVER
        for piece in self._pieces:
            self.send(piece)
            if self.paused:
                self.set_deadline(self.shared.limits.stall_seconds)
                return
        self._pieces = None
        self._finish(self._size)

    def _stream(self, stream: Stream, request: Request) -> None:
        parser = self._parser
        self._status = stream.status
        start = self.shared.heads.start(stream.status, stream.content_type, stream.headers)
        sized = any(name == "Content-Length" for name, _ in stream.headers)
        chunked = parser.minor == 1 and not sized
        if request.method == "HEAD":
            self.send(self._versioned(start))
            self._finish(0)
            return
        if chunked:
            start += b"Transfer-Encoding: chunked\r\n"
        elif not sized:
            parser.keep_alive = False
        self.send(self._versioned(start))
        self.state = STREAMING
        self.shared.counters.streams += 1
        self._channel = channel = StreamChannel(self, chunked)
        try:
            stream.open(channel)
        except Exception:
            log.exception("%s %s: the stream failed to open", request.method, request.raw_path)
            channel.abort()
        if self.shared.draining:
            channel.end()

    def stream_ended(self) -> None:
        """The channel's last byte is handed over."""
        channel, self._channel = self._channel, None
        if channel is not None:
            self.shared.counters.streams -= 1
            self._finish(channel.sent)

    def _hand_over(self, upgrade: Upgrade) -> None:
        self.state, self._status = UPGRADED, upgrade.status
        headers = upgrade.headers
        if not any(name.lower() == "connection" for name, _ in headers):
            headers = (("Connection", "Upgrade"), *headers)
        self.send(upgrade.head or b"HTTP/1.1 101 Switching Protocols\r\n" + field_lines(headers) + b"\r\n")
        self._raw = raw = HandedOver(self)
        try:
            upgrade.take(raw, self._held_back())
        except Exception:
            log.exception("the taker of an upgraded connection failed")
            self.abort()

    def _finish(self, size: int) -> None:
        """The answer is with the transport: account for it, and go on to the next request."""
        shared, request = self.shared, self._request
        assert request is not None
        self._account(request, self._status, size)
        if self._incoming is not None:
            self._leave(self._incoming)
            return
        if shared.draining:
            self.farewell()
            return
        if not self._parser.keep_alive:
            self.close(shared.limits.stall_seconds)
            return
        self.state = IDLE
        self.deadline = shared.now + shared.limits.idle_seconds
        if self._held or self._ended:
            self._go_on()

    def _leave(self, incoming: Body) -> None:
        """The answer is out before all of the request is in. Its rest is thrown away: where it is short, for the sake
        of the next request, else until the client has read the answer."""
        if self._parser.keep_alive and not self.shared.draining:
            self.state = DRAINING
            self.set_deadline(self.shared.limits.body_seconds)
        else:
            self._incoming = None
            self.linger()
        incoming.leave()

    def _held_back(self) -> bytes:
        """Take back what was held; reading goes on."""
        held, self._held = self._held, b""
        if len(held) > self.shared.limits.held:
            self._transport.resume_reading()
        return held

    @abstractmethod
    def _go_on(self) -> None:
        """The answer is out, and either more was asked for meanwhile or the client said that it asks no
        more."""

    def _account(self, request: Request, status: int, size: int) -> None:
        shared = self.shared
        self._request = None
        shared.counters.in_flight -= 1
        if shared.observe is not None:
            observed(shared.observe, request, status, self._started, shared.clock.monotonic(), size)
