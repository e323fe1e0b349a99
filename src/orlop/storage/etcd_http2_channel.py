"""The way to one member of etcd: a connection that is made when it is needed, and made anew when it was lost.

Made by `etcd_endpoint`; calls and streams go through `etcd_http2_connection`. Says of every failure before a request
was sent that it was not (`NotSent`). Calls are not repeated here: `etcd_client` knows which may be.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, cast

from orlop.storage.etcd_error import EtcdError, NotSent
from orlop.storage.etcd_http2_calls import Duplex
from orlop.storage.etcd_http2_connection import Connection
from orlop.storage.etcd_http2_headers import HeadReader, Metadata, RequestHeaders
from orlop.storage.etcd_http2_limits import CONNECT_SECONDS, RECONNECT_FIRST, RECONNECT_MOST
from orlop.storage.limits import ETCD_SEND_BYTES

Dial = Callable[[Callable[[], Connection]], Awaitable[tuple[asyncio.BaseTransport, Connection]]]


class Channel:
    """`where`: for messages. `authority`: for headers. `dial`: make a connection to it."""

    def __init__(self, where: str, authority: str, dial: Dial, *, secure: bool) -> None:
        self._where, self._dial, self._secure = where, dial, secure
        self._headers, self._heads = RequestHeaders(authority, secure), HeadReader()
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[EtcdError | None] | None = None
        self._pause = RECONNECT_FIRST
        self._failure: EtcdError | None = None
        self._retry_at = 0.0
        self._closed = False

    async def call(self, path: str, body: bytes, timeout: float, metadata: Metadata) -> bytes:
        """The one message of the answer. Raises EtcdError. Cancellation is passed on to etcd."""
        if len(body) > ETCD_SEND_BYTES:
            raise NotSent(
                "RESOURCE_EXHAUSTED",
                f"a request of {len(body)} bytes, larger than max ({ETCD_SEND_BYTES})",
                self._where,
            )
        deadline = asyncio.get_running_loop().time() + timeout
        connection = self._connection
        if connection is None or connection.full:
            connection = await self._usable(timeout)
        call = connection.request(self._headers.block(path, metadata, timeout), body, deadline)
        try:
            return await call.future
        except asyncio.CancelledError:
            connection.cancel(call)
            raise

    async def stream(self, path: str, timeout: float, metadata: Metadata) -> Duplex:
        """`timeout`: for the connection. Raises EtcdError."""
        connection = self._connection
        if connection is None or connection.full:
            connection = await self._usable(timeout)
        return connection.open(self._headers.block(path, metadata))

    async def _usable(self, timeout: float) -> Connection:
        try:
            async with asyncio.timeout(timeout):
                while True:
                    connection = self._connection
                    if connection is None or connection.retired:
                        await self._connected()
                    elif connection.full:
                        await connection.room()
                    else:
                        return connection
        except TimeoutError:
            raise NotSent("DEADLINE_EXCEEDED", "no connection in time", self._where) from None

    async def _connected(self) -> None:
        """All who need the connection wait for the same attempt."""
        if self._closed:
            raise NotSent("CLOSED", "the client was closed", self._where)
        if self._connecting is None:
            if self._failure is not None and asyncio.get_running_loop().time() < self._retry_at:
                raise NotSent("UNAVAILABLE", self._failure.words, self._where)
            self._connecting = asyncio.ensure_future(self._connect())
        attempt = self._connecting
        await asyncio.wait((attempt,))
        if attempt.cancelled():
            raise NotSent("CLOSED", "the client was closed", self._where)
        failure = attempt.result()
        if failure is not None:
            raise NotSent(failure.code, failure.words, self._where)

    async def _connect(self) -> EtcdError | None:
        """Why there is no connection; None: there is one."""
        try:
            self._connection = await self._attempt()
        except EtcdError as error:
            self._failure = error
            self._retry_at = asyncio.get_running_loop().time() + self._pause
            self._pause = min(2 * self._pause, RECONNECT_MOST)
            return error
        else:
            self._pause, self._failure = RECONNECT_FIRST, None
            return None
        finally:
            self._connecting = None

    async def _attempt(self) -> Connection:
        transport: asyncio.BaseTransport | None = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                transport, connection = await self._dial(lambda: Connection(self._where, self._heads))
                if self._secure and _protocol(transport) != "h2":
                    raise NotSent("UNAVAILABLE", "failed to connect: it does not speak HTTP/2", self._where)
                await connection.ready
                return connection
        except BaseException as error:
            if transport is not None:
                cast(asyncio.Transport, transport).abort()
            if isinstance(error, TimeoutError):
                words = f"failed to connect in {CONNECT_SECONDS:g} s"
            elif isinstance(error, EtcdError):
                words = error.words
            elif isinstance(error, OSError):
                words = f"failed to connect: {error}"
            else:
                raise
            raise NotSent("UNAVAILABLE", words, self._where) from None

    async def close(self) -> None:
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait((self._connecting,))
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _protocol(transport: asyncio.BaseTransport) -> Any:
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    return tls.selected_alpn_protocol() if tls is not None else None
