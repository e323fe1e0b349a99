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

from orlop.api.http import Channel, Frame, Incoming
from orlop.server import kubelet_complaint
from orlop.server.kubelet_gzip import Unpacker
from orlop.server.kubelet_request import canonical
from orlop.server.kubelet_upload import Upload

MOST_HELD: Final = 256 * 1024
"""Bytes kept for a reader that is not there yet: then the connection is not read."""
LONGEST_HEAD: Final = 10 << 20
"""A longer head of an answer breaks the connection, as in Go."""
UNTAKEN_SECONDS: Final = 10.0
"""An answer that nobody takes for so long is for a client that has left: the connection is cut."""
BROKEN: Final = "net/http: HTTP/1.x transport connection broken: "
"""Before what is wrong with an answer."""
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
    """Status and headers, their names as Go writes them; `phrase` is the server's own, `raw` all of it as sent."""

    status: int = 0
    phrase: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    raw: bytes = b""

    def get(self, name: str) -> str:
        """The first value of a header (`name` in lower case)."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def drop(self, *names: str) -> None:
        """Forget headers (`names` in lower case)."""
        self.headers = [(key, value) for key, value in self.headers if key.lower() not in names]


class Wire(asyncio.Protocol):
    """Also a `RawConnection`, once the answer was 101."""

    __slots__ = (
        "_answer",
        "_arrival",
        "_bodiless",
        "_body",
        "_complete",
        "_ended",
        "_guard",
        "_handshake",
        "_head",
        "_held",
        "_lost",
        "_names",
        "_parser",
        "_paused",
        "_raw",
        "_seen",
        "_stalled",
        "_transport",
        "_unpacker",
        "_upload",
        "congested",
        "on_data",
        "on_drained",
        "on_end",
        "on_free",
        "on_lost",
        "on_part",
        "packed",
        "reusable",
        "trailers",
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
        self._arrival: asyncio.Future[None] | None = None
        self._guard: asyncio.TimerHandle | None = None
        self._lost = self._raw = self._paused = self._stalled = False
        self._names = ""
        self._reset()

    def _reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._upload: Upload | None = None
        self._unpacker: Unpacker | None = None
        self._head, self._held, self._seen = Head(), b"", b""
        self._handshake = False
        self.trailers: list[tuple[str, str]] = []
        """What followed the body."""
        self._complete = self._ended = self._bodiless = self._body = False
        self.packed = False
        """The body is gzip, to be unpacked before it is delivered."""

    # --- a request and its answer ---

    async def ask(self, head: bytes, body: bytes = b"", bodiless: bool = False,
                  incoming: Incoming | None = None, handshake: bool = False) -> Head:
        """Send a request; the head of its answer, which may come before all of `incoming` went. `bodiless` for HEAD,
        `handshake` for a request to upgrade. Raises WireError. Cancelled, it cuts."""
        if self._lost:
            raise WireError("EOF", untouched=True)
        self._reset()
        self.resume_reading()
        self._bodiless, self._handshake, self.reusable = bodiless, handshake, False
        self.on_part = self.on_end = None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(head + body)
        if incoming is not None:
            self._upload = Upload(self, incoming)
            self._upload.start()
        try:
            return await self._answer
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            self._answer = None

    async def first(self) -> bytes:
        """What has come of the body, as soon as anything has; b"" for an empty one. It is still to be delivered."""
        if not self._held and not self._complete and not self._lost:
            self._arrival = asyncio.get_running_loop().create_future()
            try:
                await self._arrival
            except asyncio.CancelledError:
                self.abort()
                raise
            finally:
                self._arrival = None
        return self._held

    def deliver(self, on_part: Callable[[bytes], None], on_end: Callable[[bool], None]) -> None:
        """Hand on the body, beginning with what is here."""
        self._taken()
        if self.packed:
            self._unpacker = Unpacker(self, on_part, on_end)
            on_part, on_end = self._unpacker.part, self._unpacker.end
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
    def paused(self) -> bool:
        return self._paused

    @property
    def lost(self) -> bool:
        return self._lost

    def idle(self) -> bool:
        """Whether another request can go over it."""
        sent = self._upload is None or self._upload.whole
        return sent and self.reusable and not self._lost and not self._transport.is_closing()

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
        if self._unpacker is not None:
            self._unpacker.go_on()
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
        ends = (transport.get_extra_info(name) for name in ("sockname", "peername"))
        self._names = "->".join(f"[{end[0]}]:{end[1]}" if ":" in end[0] else f"{end[0]}:{end[1]}" for end in ends)

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
        rest = b""
        if not self._body:
            self._seen += data
            if self._handshake:
                data, rest = self._of_head(data)
        try:
            if data:
                self._parser.feed_data(data)
            if rest and self._head.status >= 200:
                self._parser.feed_data(rest)
        except httptools.HttpParserUpgrade as upgrade:
            if not self._handshake:
                self._hold(data[upgrade.args[0]:])
        except httptools.HttpParserError as error:
            self._broken(kubelet_complaint.complaint(self._seen) or f"malformed HTTP response: {error}")
        if self._handshake and self._head.status == 101 and rest:
            self._hold(rest)
        if not self._body and len(self._seen) > LONGEST_HEAD:
            self._broken("net/http: server response headers exceeded 10485760 bytes; aborted")

    def _of_head(self, data: bytes) -> tuple[bytes, bytes]:
        """What belongs to the head that all answers to a handshake begin with, once it is whole, and what follows."""
        end = self._seen.find(b"\r\n\r\n")
        if end < 0:
            return b"", b""
        self._head.raw = self._seen[:end + 4]
        return self._head.raw, self._seen[end + 4:]

    def _broken(self, text: str) -> None:
        self._fail(text if self._handshake else BROKEN + text)
        self.abort()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._lost, self.reusable = True, False
        self._taken()
        self.congested = False
        if self.on_free is not None:
            self.on_free()
        self._fail(self._why(error), untouched=not self._seen)
        self._arrived()
        if self._body and not self._complete:
            self._finish(self._until_eof() and error is None)
        self._deliver_held()
        self._tell_lost()

    def _why(self, error: Exception | None) -> str:
        if isinstance(error, ConnectionResetError):
            return f"read tcp {self._names}: read: connection reset by peer"
        if not self._seen:
            return "EOF"
        text = kubelet_complaint.complaint(self._seen) or kubelet_complaint.ENDED
        return text if self._handshake else BROKEN + text

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
        headers = self.trailers if self._body else self._head.headers
        headers.append((canonical(name.decode("latin-1")), value.decode("utf-8", "surrogateescape").rstrip(" \t")))

    def on_headers_complete(self) -> None:
        self._head.status = status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101 and not self._handshake:
            return
        codings = [value for name, value in self._head.headers if name == "Transfer-Encoding"]
        wrong = kubelet_complaint.coding(self._parser.get_http_version(), codings)
        if wrong:
            self._broken(wrong)
            return
        self._body, self._seen = True, b"\0"
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
        self._arrived()
        self.reusable = bool(self._parser.should_keep_alive())
        if self.on_end is not None:
            self._finish(True)

    def on_body(self, data: bytes) -> None:
        if self.on_part is not None:
            self.on_part(data)
        else:
            self._hold(data)

    def _arrived(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def _hold(self, data: bytes) -> None:
        self._held += data
        self._arrived()
        if len(self._held) > MOST_HELD and not self._stalled:
            self._stalled = True
            self._transport.pause_reading()

    def _fail(self, text: str, untouched: bool = False) -> None:
        if self._answer is not None and not self._answer.done():
            failure = self._upload.failure if self._upload is not None else ""
            self._answer.set_exception(WireError(failure or text, untouched))

    def _finish(self, complete: bool) -> None:
        told, self.on_end, self.on_part = self.on_end, None, None
        if told is not None:
            told(complete)

    def _until_eof(self) -> bool:
        """Whether the body's only end is the connection's."""
        names = {name.lower() for name, _ in self._head.headers}
        return not names & {"content-length", "transfer-encoding"}
