"""Connections to kubelets and pods: addresses, TLS, time-outs, and Go's words for what goes wrong.

Used by `kubelet_pool` for requests and by `kubelet_upgrade` for connections both ways. Addresses of a simulated network
are reached at their twins (`simulated_network`). Texts: Go's `net`, `crypto/tls`,
`crypto/x509`; time-outs: client-go `transport/cache.go`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from orlop.kinds.kubelet import Location
from orlop.server.simulated_network import Twin, itself

CONNECT_SECONDS: Final = 30.0
HANDSHAKE_SECONDS: Final = 10.0
_PORTS: Final = {"http": 80, "https": 443}

P = TypeVar("P", bound=asyncio.BaseProtocol)


class DialError(Exception):
    """No connection; the text is Go's."""


class Credentials:
    """TLS towards kubelets: our certificate, and whose certificates we take (without `authority`, all). The files are
    read again when they change."""

    def __init__(self, certificate: Path | None, key: Path | None, authority: Path | None) -> None:
        self._certificate, self._key, self._authority = certificate, key, authority
        self._made: dict[bool, tuple[tuple[int, ...], ssl.SSLContext]] = {}

    def context(self, verify: bool = True) -> ssl.SSLContext:
        """Raises DialError for files that cannot be used."""
        verify = verify and self._authority is not None
        try:
            seen = tuple(path.stat().st_mtime_ns for path in (self._certificate, self._key, self._authority) if path)
            found = self._made.get(verify)
            if found is None or found[0] != seen:
                found = self._made[verify] = (seen, self._make(verify))
        except (OSError, ssl.SSLError) as error:
            raise DialError(f"tls: {error}") from None
        return found[1]

    def _make(self, verify: bool) -> ssl.SSLContext:
        context = unverified()
        if verify:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cafile=self._authority)
        if self._certificate is not None:
            context.load_cert_chain(self._certificate, self._key)
        return context


def unverified() -> ssl.SSLContext:
    """TLS with whoever answers: pods have no names that one could expect."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def dial(location: Location, context: ssl.SSLContext | None, factory: Callable[[], P],
               twin: Twin = itself) -> P:
    """Connect to the first address that answers, each at its `twin`; certificates and errors name the address. Raises
    DialError."""
    loop = asyncio.get_running_loop()
    port = int(location.port) if location.port else _PORTS[location.scheme]
    secure = location.scheme == "https"
    first: DialError | None = None
    for address in await resolve(location.host, port):
        try:
            connection = await _connect(loop, address, port, twin)
        except DialError as error:
            first = first or error
            continue
        try:
            _, protocol = await loop.create_connection(
                factory, sock=connection, ssl=context if secure else None,
                server_hostname=location.host if secure else None,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if secure else None)
            return protocol
        except (OSError, ssl.SSLError) as error:
            connection.close()
            raise DialError(_handshake(error, location.host)) from None
        except BaseException:
            connection.close()
            raise
    raise first or DialError(f"dial tcp: lookup {location.host}: no such host")


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name. Raises DialError."""
    try:
        ipaddress.ip_address(host)
        return [host]
    except ValueError:
        pass
    if not 0 < port < 1 << 16:
        raise DialError(f"dial tcp: address {port}: invalid port")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise DialError(f"dial tcp: lookup {host}: no such host") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def _connect(loop: asyncio.AbstractEventLoop, address: str, port: int, twin: Twin) -> socket.socket:
    if not 0 < port < 1 << 16:
        raise DialError(f"dial tcp: address {port}: invalid port")
    place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        async with asyncio.timeout(CONNECT_SECONDS):
            await loop.sock_connect(made, (twin(address), port))
        return made
    except TimeoutError as error:
        made.close()
        what = f"connect: {_words(error.errno)}" if error.errno else "i/o timeout"
        raise DialError(f"dial tcp {place}: {what}") from None
    except OSError as error:
        made.close()
        raise DialError(f"dial tcp {place}: connect: {_words(error.errno)}") from None
    except BaseException:
        made.close()
        raise


def _words(number: int | None) -> str:
    """Go names errors of the system in lower case."""
    return os.strerror(number).lower() if number else "connection refused"


def _handshake(error: Exception, host: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: x509: {_verification(error, host)}"
    if isinstance(error, ssl.SSLError):
        if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"):
            return "tls: first record does not look like a TLS handshake"
        if error.reason and "ALERT" in error.reason:
            alert = error.reason.split("ALERT", 1)[1].strip("_").replace("_", " ").lower()
            return f"remote error: tls: {alert}"
        return f"tls: {error.reason or error}"
    if isinstance(error, TimeoutError) or "handshake" in str(error):
        return "net/http: TLS handshake timeout"
    return "EOF" if isinstance(error, ConnectionError) else str(error)


def _verification(error: ssl.SSLCertVerificationError, host: str) -> str:
    message = error.verify_message
    if "IP address" in message:
        return f"cannot validate certificate for {host} because it doesn't contain any IP SANs"
    if "ostname" in message:
        return f"certificate is not valid for any names, but wanted to match {host}"
    if "expired" in message or "not yet valid" in message:
        return "certificate has expired or is not yet valid"
    return "certificate signed by unknown authority"
