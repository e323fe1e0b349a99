"""Port-forward of older WebSocket clients, translated to the SPDY of kubelets.

Used by `kubelet_client`. Two channels a port: an even one for its bytes and an odd one for errors; each begins with the
port's number. The ports are in the query. Behaviour: kubelets' `portforward/websocket.go` (v4.channel.k8s.io), for the
streams client-go `tools/portforward/portforward.go`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable
from typing import Final
from urllib.parse import parse_qsl

from orlop.api.http import Answer, RawConnection, Request, Response, Upgrade
from orlop.kinds.kubelet import Location
from orlop.server.kubelet_pool import Pool
from orlop.server.kubelet_remote_command import IDLE_SECONDS
from orlop.server.kubelet_spdy import NegotiationError, negotiate
from orlop.server.kubelet_tasks import Tasks
from orlop.spdy.errors import StreamClosed, StreamRefused
from orlop.spdy.session import Session, Stream
from orlop.websocket import handshake
from orlop.websocket.channels import FORMS, ChannelError, Decoder, Encoder, Form
from orlop.websocket.socket import Socket, SocketClosed

MOST_PORTS: Final = 127
"""A channel's number is a byte."""
_PROTOCOLS: Final = ("", "v4.channel.k8s.io", "v4.base64.channel.k8s.io")
_PORT_FORWARD: Final = ("portforward.k8s.io",)
_LONGEST_ERROR: Final = 64 * 1024


def translate(pool: Pool, context: ssl.SSLContext | None, location: Location, request: Request,
              tasks: Tasks) -> Answer:
    protocol = handshake.choose(request, _PROTOCOLS)
    refusal = handshake.refusal(request) or (handshake.forbidden() if protocol is None else None)
    if protocol is None or refusal is not None:
        return refusal or handshake.forbidden()
    ports = [port for name, value in parse_qsl(location.query) if name == "port" for port in value.split(",")]
    if not ports or len(ports) > MOST_PORTS or not all(port.isdigit() and 0 < int(port) < 1 << 16 for port in ports):
        text = 'query parameter "port" is required' if not ports else f"unable to parse {ports} as ports"
        return Response(400, f"{text}\n".encode(), "text/plain; charset=utf-8",
                        (("X-Content-Type-Options", "nosniff"),))
    form = FORMS[protocol]

    def take(client: RawConnection, early: bytes) -> None:
        forwards = _Forwards(Socket(client, early), form, [int(port) for port in ports])
        tasks.start(forwards.run(pool, context, location))

    return Upgrade(handshake.answer_headers(request, protocol), take)


async def _all(forwards: list[Awaitable[None]]) -> None:
    await asyncio.gather(*forwards)


class _Forwards:
    """One client's connection."""

    def __init__(self, socket: Socket, form: Form, ports: list[int]) -> None:
        self._socket, self._ports = socket, ports
        self._encoder, self._decoder = Encoder(form), Decoder(form)
        self._data: dict[int, Stream] = {}

    async def run(self, pool: Pool, context: ssl.SSLContext | None, location: Location) -> None:
        loop = asyncio.get_running_loop()
        session: Session | None = None
        tasks: list[asyncio.Task[None]] = []
        try:
            session = await self._begin(pool, context, location)
            if session is None:
                return
            forwards = await self._open(session)
            tasks = [loop.create_task(_all(forwards)), loop.create_task(self._receive()),
                     loop.create_task(self._socket.over()),
                     loop.create_task(self._watch_idleness())]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        except (SocketClosed, StreamClosed, StreamRefused):
            return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._socket.close()
            if session is not None:
                session.close()

    async def _begin(self, pool: Pool, context: ssl.SSLContext | None, location: Location) -> Session | None:
        """Each channel's first message, and the session; None, when there is none, after saying why."""
        for index, port in enumerate(self._ports):
            for channel in (2 * index, 2 * index + 1):
                await self._send(channel, port.to_bytes(2, "little"))
        try:
            session, _ = await negotiate(pool, context, location, _PORT_FORWARD)
        except NegotiationError as error:
            for index in range(len(self._ports)):
                await self._send(2 * index + 1, str(error).encode())
            return None
        return session

    async def _open(self, session: Session) -> list[Awaitable[None]]:
        """The kubelet's streams for each port; what is to be done with them."""
        forwards: list[Awaitable[None]] = []
        for index, port in enumerate(self._ports):
            headers = {"port": str(port), "requestID": str(index)}
            failures = await session.open({"streamType": "error", **headers})
            failures.close()
            data = self._data[2 * index] = await session.open({"streamType": "data", **headers})
            forwards.append(self._forward(index, data, failures))
        return forwards

    async def _forward(self, index: int, data: Stream, failures: Stream) -> None:
        try:
            await asyncio.gather(self._pass_on(data, 2 * index), self._tell(failures, 2 * index + 1))
        except SocketClosed:
            self._socket.close()
        finally:
            data.close()
            self._data.pop(2 * index)

    async def _pass_on(self, stream: Stream, channel: int) -> None:
        while data := await stream.read():
            await self._send(channel, data)

    async def _tell(self, failures: Stream, channel: int) -> None:
        if text := await failures.read_all(_LONGEST_ERROR):
            await self._send(channel, text)

    async def _send(self, channel: int, data: bytes) -> None:
        await self._socket.send(*self._encoder.message(channel, data))

    async def _receive(self) -> None:
        """Until the client says goodbye."""
        try:
            while (piece := await self._socket.receive()) is not None:
                for channel, data in self._decoder.receive(piece):
                    await self._hand(channel, data or b"")
        except ChannelError:
            return

    async def _hand(self, channel: int, data: bytes) -> None:
        stream = self._data.get(channel)
        if stream is not None and data:
            try:
                await stream.write(data)
            except StreamClosed:
                return  # what stands behind the port has ended

    async def _watch_idleness(self) -> None:
        loop = asyncio.get_running_loop()
        while (left := self._socket.active + IDLE_SECONDS - loop.time()) > 0:
            await asyncio.sleep(left)
