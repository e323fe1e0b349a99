"""Exec and attach of WebSocket clients, translated to the SPDY of kubelets.

Used by `kubelet_client`. The client's channels become the kubelet's streams; the kubelet's last word becomes a Status
on the client's error channel. A client that leaves ends the kubelet's session. Behaviour: apiserver
`pkg/util/proxy/{websocket,streamtranslator}.go`, client-go `tools/remotecommand/{spdy,v2,v3,v4}.go`; kubelets'
remotecommand for the older subprotocols.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

from orlop.api.http import Answer, RawConnection, Request, Upgrade
from orlop.kinds.kubelet import Location
from orlop.server import kubelet_exit
from orlop.server.kubelet_pool import Pool
from orlop.server.kubelet_resize import Sizes
from orlop.server.kubelet_spdy import NegotiationError, negotiate
from orlop.server.kubelet_tasks import Tasks
from orlop.spdy.errors import StreamClosed, StreamRefused
from orlop.spdy.session import Session, Stream
from orlop.websocket import handshake
from orlop.websocket.channels import ERROR, FORMS, RESIZE, STDERR, STDIN, STDOUT, ChannelError, Decoder, Encoder, Form
from orlop.websocket.socket import Socket, SocketClosed

IDLE_SECONDS: Final = 4 * 3600.0
"""A client's connection on which nothing moves for so long is closed."""
_V5: Final = "v5.channel.k8s.io"
"""Who can speak it, does, whatever comes first in its list."""
_PROTOCOLS: Final = (_V5, "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io",
                     "channel.k8s.io")
_RESIZING: Final = frozenset(_PROTOCOLS[:3])
Negotiate = Callable[[], Awaitable[tuple[Session, str]]]
_STREAM_TYPE: Final = "streamType"


def translate(pool: Pool, context: ssl.SSLContext | None, location: Location, request: Request,
              tasks: Tasks) -> Answer:
    supported = (_V5,) if _V5 in handshake.protocols(request) else tuple(FORMS)
    protocol = handshake.choose(request, supported)
    refusal = handshake.refusal(request) or (handshake.forbidden() if protocol is None else None)
    if protocol is None or refusal is not None:
        return refusal or handshake.forbidden()
    form = FORMS[protocol]

    def take(client: RawConnection, early: bytes) -> None:
        tasks.start(_Translation(Socket(client, early), form, location).run(
            lambda: negotiate(pool, context, location, _PROTOCOLS)))

    return Upgrade(handshake.answer_headers(request, protocol), take)


class _Translation:
    """One client's connection."""

    def __init__(self, socket: Socket, form: Form, location: Location) -> None:
        asked = set(location.query.split("&"))
        self._stdin, self._stdout = "input=1" in asked, "output=1" in asked
        self._stderr, self._tty = "error=1" in asked, "tty=1" in asked
        self._socket, self._form = socket, form
        self._encoder, self._decoder, self._sizes = Encoder(form), Decoder(form), Sizes()
        self._session: Session | None = None
        self._input: Stream | None = None
        self._resize: Stream | None = None

    async def run(self, negotiates: Negotiate) -> None:
        first = STDOUT if self._stdout else STDERR if self._stderr else ERROR
        idle = asyncio.get_running_loop().create_task(self._watch_idleness())
        work = asyncio.get_running_loop().create_task(self._carry(first, negotiates))
        gone = asyncio.get_running_loop().create_task(self._socket.over())
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            for task in (idle, work, gone):
                task.cancel()
            await asyncio.gather(idle, work, gone, return_exceptions=True)
            self._socket.close()
            if self._session is not None:
                self._session.close()

    async def _carry(self, first: int, negotiates: Negotiate) -> None:
        """From the first byte to the Status."""
        try:
            await self._send(first, b"")
            status = await self._stream(negotiates)
            text = kubelet_exit.encode(status, self._form.statuses)
            if text:
                await self._send(ERROR, text)
        except SocketClosed:
            return

    async def _stream(self, negotiates: Negotiate) -> kubelet_exit.Status:
        """Returns the outcome."""
        try:
            self._session, protocol = await negotiates()
            streams = await self._open(self._session, protocol)
        except (NegotiationError, StreamRefused, StreamClosed) as error:
            return kubelet_exit.failure(str(error))
        reading = asyncio.get_running_loop().create_task(self._receive())
        pumps = [self._pass_on(stream, channel) for channel, stream in streams.items() if channel in (STDOUT, STDERR)]
        if self._input is not None:
            reading_ends = asyncio.get_running_loop().create_task(self._until_unwanted(self._input))
        else:
            reading_ends = None
        try:
            last = streams[ERROR].read_all(kubelet_exit.LONGEST)
            message = (await asyncio.gather(last, *pumps))[0] or b""
        finally:
            for task in (reading, reading_ends):
                if task is not None:
                    task.cancel()
            await asyncio.gather(*(task for task in (reading, reading_ends) if task), return_exceptions=True)
        return kubelet_exit.decode(message, protocol)

    async def _open(self, session: Session, protocol: str) -> dict[int, Stream]:
        """The kubelet's streams by channel, opened in the order that clients keep."""
        streams = {ERROR: await session.open({_STREAM_TYPE: "error"})}
        if self._stdin:
            self._input = streams[STDIN] = await session.open({_STREAM_TYPE: "stdin"})
        if self._stdout:
            streams[STDOUT] = await session.open({_STREAM_TYPE: "stdout"})
        if self._stderr and not self._tty:
            streams[STDERR] = await session.open({_STREAM_TYPE: "stderr"})
        if self._tty and protocol in _RESIZING:
            self._resize = streams[RESIZE] = await session.open({_STREAM_TYPE: "resize"})
        return streams

    async def _pass_on(self, stream: Stream, channel: int) -> None:
        while data := await stream.read():
            await self._send(channel, data)

    async def _send(self, channel: int, data: bytes) -> None:
        await self._socket.send(*self._encoder.message(channel, data))

    async def _until_unwanted(self, stdin: Stream) -> None:
        """A kubelet that ends its half of stdin wants no more of it."""
        await stdin.read_all(0)
        stdin.close()

    async def _receive(self) -> None:
        """What the client says, to where it belongs. Its goodbye ends the socket, which ends everything."""
        try:
            while (piece := await self._socket.receive()) is not None:
                for channel, data in self._decoder.receive(piece):
                    await self._hand(channel, data)
        except ChannelError:
            pass  # upstream ends the connection without a word about it
        self._socket.close()

    async def _hand(self, channel: int, data: bytes | None) -> None:
        stdin, resize = self._input, self._resize
        try:
            if channel == STDIN and stdin is not None:
                if data is None:
                    stdin.close()
                elif data:
                    await stdin.write(data)
            elif channel == RESIZE and resize is not None:
                for line in self._sizes.receive(data or b""):
                    resize.write_now(line)
        except StreamClosed:
            return  # the command wants no more input

    async def _watch_idleness(self) -> None:
        loop = asyncio.get_running_loop()
        while (left := self._socket.active + IDLE_SECONDS - loop.time()) > 0:
            await asyncio.sleep(left)
        self._socket.close()
