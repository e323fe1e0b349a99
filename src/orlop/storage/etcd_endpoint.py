"""One member of etcd, and the calls that it takes.

Made by `etcd_client`, which chooses between them. Messages become bytes here, and bytes messages; `etcd_http2_channel`
carries them.
"""

from __future__ import annotations

from typing import Any, Final

from orlop.storage.etcd_error import EtcdError
from orlop.storage.etcd_http2_calls import Duplex
from orlop.storage.etcd_http2_channel import Channel
from orlop.storage.etcd_http2_dial import way_to
from orlop.storage.etcd_http2_headers import Metadata
from orlop.storage.etcd_messages import METHODS, Messages
from orlop.storage.etcd_options import EtcdTls
from orlop.storage.limits import ETCD_ATTEMPT

_WATCH: Final = "Watch"


class Endpoint:
    """`shunned_until`: monotonic; it failed lately, others are preferred."""

    __slots__ = ("_calls", "_channel", "_garbled", "name", "shunned_until")

    def __init__(self, name: str, tls: EtcdTls, messages: Messages) -> None:
        """Raises CannotOpen (not a URL, unreadable files)."""
        self.name, self.shunned_until = name, 0.0
        way = way_to(name, tls)
        self._channel = Channel(name, way.authority, way.dial, secure=way.tls is not None)
        self._garbled = messages.DecodeError
        self._calls = {
            call: (path, getattr(messages, request).SerializeToString, getattr(messages, response).FromString)
            for call, (path, request, response) in METHODS.items()
        }

    async def call(self, name: str, request: Any, timeout: float, metadata: Metadata) -> Any:
        """A transaction is handed in encoded. Raises EtcdError."""
        path, encode, decode = self._calls[name]
        body = request if type(request) is bytes else encode(request)
        answer = await self._channel.call(path, body, timeout, metadata)
        try:
            return decode(answer)
        except self._garbled as error:
            raise EtcdError("INTERNAL", f"an answer that cannot be decoded: {error}", self.name) from None

    def stream(self, metadata: Metadata) -> WatchCall:
        return WatchCall(self, metadata)

    async def open(self, metadata: Metadata) -> Duplex:
        return await self._channel.stream(self._calls[_WATCH][0], ETCD_ATTEMPT, metadata)

    def encode_watch(self, request: Any) -> bytes:
        encoded: bytes = self._calls[_WATCH][1](request)
        return encoded

    def decode_watch(self, response: bytes) -> Any:
        """Raises EtcdError."""
        try:
            return self._calls[_WATCH][2](response)
        except self._garbled as error:
            raise EtcdError("INTERNAL", f"a message that cannot be decoded: {error}", self.name) from None

    async def close(self) -> None:
        await self._channel.close()


class WatchCall:
    """A watch stream; the first request opens it. All raise EtcdError when it has ended, in whatever way."""

    __slots__ = ("_cancelled", "_endpoint", "_metadata", "_stream")

    def __init__(self, endpoint: Endpoint, metadata: Metadata) -> None:
        self._endpoint, self._metadata = endpoint, metadata
        self._stream: Duplex | None = None
        self._cancelled = False

    async def write(self, request: Any) -> None:
        if self._stream is None:
            self._stream = await self._endpoint.open(self._metadata)
            if self._cancelled:
                self._stream.cancel()
        self._stream.write(self._endpoint.encode_watch(request))

    async def read(self) -> Any:
        if self._stream is None:
            raise EtcdError("UNAVAILABLE", "the watch was not opened", self._endpoint.name)
        return self._endpoint.decode_watch(await self._stream.read())

    def cancel(self) -> None:
        self._cancelled = True
        if self._stream is not None:
            self._stream.cancel()
