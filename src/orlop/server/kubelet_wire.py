"""One connection of ours to a kubelet or pod: a request out, its answer in; or, after 101, bytes both ways.

Made by `kubelet_dial` for `kubelet_pool` and `kubelet_upgrade`. The answer's body is handed on as it comes, to whoever
calls `deliver`; until then it waits here, and reading pauses. RFC 9112; Go's `net/http` (`transport.go`) for the words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast

import httptools

from orlop.api.http import Channel, Frame

MOST_HELD: Final = 256 * 1024
"""Bytes kept for a reader that is not there yet: then the connection is not read."""
LONGEST_HEAD: Final = 10 << 20
"""A longer head of an answer breaks the connection, as in Go."""
UNTAKEN_SECONDS: Final = 10.0
"""An answer that nobody takes for so long is for a client that has left: the connection is cut."""
CLOSE_SECONDS: Final = 10.0
"""What the other side gets to take the last bytes after a close: then the connection is cut."""
_WRITE_HIGH: Final = 256 * 1024
"""Bytes that the kernel has not taken: then whoever writes should wait."""


class WireError(Exception):
    """The answer did not come; the text is Go's. `untouched`: not one byte of it did."""

    def __init__(self, text: str, untouched: bool = False) -> None:
        super().__init__(text)
        self.untouched = untouched


@dataclass(slots=True)
class Head:
    """Status and headers as sent; `phrase` is the server's own."""

    status: int = 0
    phrase: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str) -> str:
        """The first value of a header (`name` in lower case)."""
        return next((value for key, value in self.headers if key.lower() == name), "")


class Wire(asyncio.Protocol):
    """Also a `RawConnection`, once the answer was 101."""

    __slots__ = (
        "_answer",
        "_bodiless",
        "_body",
        "_complete",
        "_ended",
        "_guard",
        "_head",
        "_held",
        "_lost",
        "_parser",
        "_paused",
        "_raw",
        "_size",
        "_stalled",
        "_transport",
        "congested",
        "on_data",
        "on_drained",
        "on_end",
        "on_free",
        "on_lost",
        "on_part",
        "reusable",
    )

    def __init__(self) -> None:
        self.congested = False
        self.on_part: Callable[[bytes], None] | None = None
        self.on_end: Callable[[bool], None] | None = None
        """Called once: the answer is complete, or (False) broken off."""
        self.on_free: Callable[[], None] | None = None
        """Called when a connection that waits in the pool is lost."""
        self.on_data: Callable[[bytes], None] | None = None
        self.on_lost: Callable[[], None] | None = None
        self.on_drained: Callable[[], None] | None = None
        self.reusable = False
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Head] | None = None
        self._guard: asyncio.TimerHandle | None = None
        self._lost = self._raw = self._paused = self._stalled = False
        self._reset()

    def _reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._head, self._held = Head(), b""
        self._size = 0
        self._complete = self._ended = self._bodiless = self._body = False

    # --- a request and its answer ---

    async def ask(self, head: bytes, body: bytes = b"", bodiless: bool = False) -> Head:
        """Send a request; the head of its answer. `bodiless` for HEAD. Raises WireError. Cancelled, it cuts."""
        if self._lost:
            raise WireError("EOF", untouched=True)
        self._reset()
        self.resume_reading()
        self._bodiless, self.reusable = bodiless, False
        self.on_part = self.on_end = None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(head + body)
        try:
            return await self._answer
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            self._answer = None

    def deliver(self, on_part: Callable[[bytes], None], on_end: Callable[[bool], None]) -> None:
        """Hand on the body, beginning with what is here."""
        self._taken()
        held, self._held = self._held, b""
        self.on_part = on_part
        if held:
            on_part(held)
        self.on_end = on_end
        if self._complete or self._lost:
            self._finish(self._complete)
        else:
            self._go_on()

    def stream(self, channel: Channel, on_end: Callable[[bool], None]) -> None:
        """The body into a channel, no faster than its client takes it; a client that leaves ends it. `on_end` closes
        the channel."""

        def part(data: bytes) -> None:
            channel.write(Frame(data))
            if channel.congested:
                self.pause_reading()

        def end(complete: bool) -> None:
            channel.on_drained = None
            on_end(complete)

        channel.on_lost, channel.on_drained = self.abort, self.resume_reading
        self.deliver(part, end)

    async def whole(self, limit: int) -> tuple[bytes, bool]:
        """The body, at most `limit` bytes of it, and whether that is all. Raises WireError when it breaks off."""
        parts: list[bytes] = []
        size = 0
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def body(data: bytes) -> None:
            nonlocal size
            parts.append(data)
            size += len(data)
            if size > limit and not done.done():
                self.pause_reading()
                done.set_result(True)

        def end(complete: bool) -> None:
            if not done.done():
                done.set_result(complete)

        self.deliver(body, end)
        try:
            complete = await done
        except asyncio.CancelledError:
            self.abort()
            raise
        if not complete:
            raise WireError("unexpected EOF")
        text = b"".join(parts)
        if size > limit:
            self.abort()
        return text[:limit], size <= limit

    def guard(self, seconds: float = UNTAKEN_SECONDS) -> None:
        """Cut the connection unless somebody takes the answer soon: its client may have left meanwhile."""
        self._guard = asyncio.get_running_loop().call_later(seconds, self.abort)

    def _taken(self) -> None:
        if self._guard is not None:
            self._guard.cancel()
            self._guard = None

    @property
    def lost(self) -> bool:
        return self._lost

    def idle(self) -> bool:
        """Whether another request can go over it."""
        return self.reusable and not self._lost and not self._transport.is_closing()

    def abort(self) -> None:
        if not self._lost:
            self._transport.abort()

    # --- both ways ---

    def upgraded(self) -> None:
        """From now on bytes go to `on_data`, and the end to `on_lost`: what came before they were set, when reading
        resumes."""
        self._raw = True
        self.pause_reading()
        self.guard()

    def write(self, data: bytes) -> None:
        if not self._lost:
            self._transport.write(data)

    def close(self) -> None:
        """Send what was written, then close."""
        self.on_lost = self.on_drained = self.on_data = None
        if not self._lost:
            self._transport.close()
            self.guard(CLOSE_SECONDS)

    def pause_reading(self) -> None:
        self._paused = True
        if not self._lost:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._taken()
        self._paused = False
        self._deliver_held()
        self._go_on()
        if self._lost:
            self._tell_lost()

    def _deliver_held(self) -> None:
        if self._raw and self._held and self.on_data is not None:
            held, self._held = self._held, b""
            self.on_data(held)

    def _tell_lost(self) -> None:
        told, self.on_lost, self.on_data = self.on_lost, None, None
        if told is not None:
            told()

    def _go_on(self) -> None:
        if not self._paused and not self._lost:
            self._stalled = False
            self._transport.resume_reading()

    # --- what the transport tells ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_WRITE_HIGH)

    def data_received(self, data: bytes) -> None:
        if self._raw:
            if self._paused or self.on_data is None:
                self._hold(data)
            else:
                self.on_data(data)
            return
        if self._complete or (self._answer is None and not self._body):
            self.abort()  # more than was asked for
            return
        try:
            self._size += len(data)
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._hold(data[upgrade.args[0]:])
        except httptools.HttpParserError as error:
            self._fail(f"net/http: HTTP/1.x transport connection broken: malformed HTTP response: {error}")
            self.abort()
        else:
            if not self._body and self._size > LONGEST_HEAD:
                self._fail("net/http: server response headers exceeded 10485760 bytes; aborted")
                self.abort()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._lost, self.reusable = True, False
        self._taken()
        self.congested = False
        if self.on_free is not None:
            self.on_free()
        name = "read: connection reset by peer" if isinstance(error, ConnectionResetError) else "EOF"
        self._fail(name, untouched=not self._size)
        if self._body and not self._complete:
            self._finish(self._until_eof() and error is None)
        self._deliver_held()
        self._tell_lost()

    def pause_writing(self) -> None:
        self.congested = True

    def resume_writing(self) -> None:
        self.congested = False
        if self.on_drained is not None:
            self.on_drained()

    # --- what the parser tells ---

    def on_status(self, phrase: bytes) -> None:
        self._head.phrase += phrase.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._body:
            self._head.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self._head.status = status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            return
        self._body = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(self._head)
        if self._bodiless:
            self._complete = True

    def on_message_complete(self) -> None:
        if not self._body:
            self._head = Head()  # an interim answer: the real one follows
            return
        if self._bodiless or self._head.status == 101:
            return
        self._complete = True
        self.reusable = bool(self._parser.should_keep_alive())
        if self.on_end is not None:
            self._finish(True)

    def on_body(self, data: bytes) -> None:
        if self.on_part is not None:
            self.on_part(data)
        else:
            self._hold(data)

    def _hold(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > MOST_HELD and not self._stalled:
            self._stalled = True
            self._transport.pause_reading()

    def _fail(self, text: str, untouched: bool = False) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(WireError(text, untouched))

    def _finish(self, complete: bool) -> None:
        told, self.on_end, self.on_part = self.on_end, None, None
        if told is not None:
            told(complete)

    def _until_eof(self) -> bool:
        """Whether the body's only end is the connection's."""
        names = {name.lower() for name, _ in self._head.headers}
        return not names & {"content-length", "transfer-encoding"}
