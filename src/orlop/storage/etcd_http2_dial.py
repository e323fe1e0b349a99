"""How a member of etcd is reached: its URL and the TLS files into connections.

Used by `etcd_endpoint`; the connections are made by `etcd_http2_channel` when they are needed. The forms of the URL are
those of etcd's own clients (etcd `client/pkg/types/urls.go`).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from orlop.storage.errors import CannotOpen
from orlop.storage.etcd_http2_connection import Connection
from orlop.storage.etcd_options import EtcdTls

_PORT = 2379


@dataclass(frozen=True, slots=True)
class Way:
    """`authority`: for headers. `host`: "" for the unix socket `path`. `tls`: None for plain text."""

    authority: str
    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None

    async def dial(self, make: Callable[[], Connection]) -> tuple[asyncio.BaseTransport, Connection]:
        """Raises OSError."""
        loop = asyncio.get_running_loop()
        if self.host:
            return await loop.create_connection(make, self.host, self.port, ssl=self.tls)
        options: dict[str, Any] = {"ssl": self.tls, "server_hostname": self.authority} if self.tls else {}
        return await loop.create_unix_connection(make, self.path, **options)


def way_to(name: str, tls: EtcdTls) -> Way:
    """Raises CannotOpen: not a URL, unreadable files."""
    parts = urlsplit(name if "://" in name else f"http://{name}")
    if parts.scheme in ("unix", "unixs"):
        context = _context(name, tls) if parts.scheme == "unixs" else None
        return Way("localhost", "", 0, f"{parts.netloc}{parts.path}", context)
    port = _port(parts)
    if parts.scheme not in ("http", "https") or not parts.hostname or port is None or parts.path.strip("/"):
        raise CannotOpen(name, "an etcd server is given as http://host:port or https://host:port")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    context = _context(name, tls) if parts.scheme == "https" else None
    return Way(f"{host}:{port}", parts.hostname, port, "", context)


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port or _PORT
    except ValueError:
        return None


def _context(name: str, tls: EtcdTls) -> ssl.SSLContext:
    path = tls.ca
    try:
        context = ssl.create_default_context(cafile=tls.ca or None)
        if tls.certificate:
            path = tls.certificate
            context.load_cert_chain(tls.certificate, tls.key or None)
    except OSError as error:  # ssl.SSLError is one
        raise CannotOpen(name, f"{error.filename or path}: {error.strerror or error}") from error
    context.set_alpn_protocols(["h2"])
    return context
