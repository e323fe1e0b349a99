"""One member of etcd: its channel, and the calls that it takes.

Made by `etcd_client`, which chooses between them. Turns gRPC's errors into `EtcdError`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from orlop.storage.errors import CannotOpen
from orlop.storage.etcd_error import EtcdError
from orlop.storage.etcd_messages import METHODS, Messages, library
from orlop.storage.etcd_options import EtcdTls
from orlop.storage.limits import ETCD_SEND_BYTES

Metadata = tuple[tuple[str, str], ...]

_CHANNEL: Final = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", ETCD_SEND_BYTES),
    ("grpc.keepalive_time_ms", 10_000),  # etcd hangs up on who asks more than every 5 s
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
)


class Endpoint:
    """`shunned_until`: monotonic; it failed lately, others are preferred."""

    __slots__ = ("_calls", "_channel", "_closed", "_rpc_error", "_usage_error", "eof", "name", "shunned_until")

    def __init__(self, name: str, tls: EtcdTls, messages: Messages) -> None:
        """On the event loop. Raises CannotOpen (not a URL, unreadable files)."""
        grpc, aio = library("grpc"), library("grpc.aio")
        self.name, self.shunned_until = name, 0.0
        self.eof, self._rpc_error, self._usage_error = aio.EOF, aio.AioRpcError, aio.UsageError
        self._closed = False
        secure, target = _target(name)
        if secure:
            self._channel = aio.secure_channel(target, _credentials(grpc, name, tls), options=_CHANNEL)
        else:
            self._channel = aio.insecure_channel(target, options=_CHANNEL)
        self._calls = {call: self._multicallable(call, messages) for call in METHODS}

    def _multicallable(self, call: str, messages: Messages) -> Any:
        """A transaction is handed in encoded."""
        path, request, response = METHODS[call]
        make = self._channel.stream_stream if call == "Watch" else self._channel.unary_unary
        encode = getattr(messages, request).SerializeToString if call != "Txn" else None
        return make(path, request_serializer=encode, response_deserializer=getattr(messages, response).FromString)

    async def call(self, name: str, request: Any, timeout: float, metadata: Metadata) -> Any:
        try:
            return await self._calls[name](request, timeout=timeout, metadata=metadata)
        except self._rpc_error as error:
            raise self.translated(error) from None
        except self._usage_error as error:
            raise EtcdError("CLOSED", str(error), self.name) from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():  # closing cancels calls, not their callers
                raise EtcdError("CLOSED", "the connection is closed", self.name) from None
            raise

    def stream(self, metadata: Metadata) -> Any:
        """A watch stream, as grpc.aio has it."""
        return self._calls["Watch"](metadata=metadata)

    def translated(self, error: Any) -> EtcdError:
        return EtcdError(error.code().name, error.details() or "", self.name)

    @property
    def rpc_error(self) -> type[Exception]:
        kind: type[Exception] = self._rpc_error
        return kind

    async def close(self) -> None:
        self._closed = True
        await self._channel.close()


def _target(name: str) -> tuple[bool, str]:
    parts = urlsplit(name if "://" in name else f"http://{name}")
    if parts.scheme in ("unix", "unixs"):
        return parts.scheme == "unixs", f"unix:{parts.netloc}{parts.path}"
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise CannotOpen(name, "an etcd server is given as http://host:port or https://host:port")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return parts.scheme == "https", f"{host}:{parts.port or 2379}"


def _credentials(grpc: Any, name: str, tls: EtcdTls) -> Any:
    try:
        files = (tls.ca, tls.certificate, tls.key)
        ca, certificate, key = (Path(path).read_bytes() if path else None for path in files)
    except OSError as error:
        raise CannotOpen(name, f"{error.filename}: {error.strerror}") from error
    return grpc.ssl_channel_credentials(ca, key, certificate)
