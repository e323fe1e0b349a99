"""A GET as a pod asks for it: of a container's HTTP probe, or as a hook.

Used by `probe_action` and `hook`. Certificates are not checked, the connection serves for one request, redirects are
followed to the same host only. Behaviour and texts: kubernetes `pkg/probe/http`, Go's net/http.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, NamedTuple
from urllib.parse import quote as encoded
from urllib.parse import urljoin, urlsplit

import httptools

from orlop.api.field import quote
from orlop.api.tree import Tree

VERSION: Final = "1.36"
"""The kubelet's that this behaves like."""
BODY_BYTES: Final = 10 * 1024
"""So much of an answer is read."""
HEAD_BYTES: Final = 1024 * 1024
"""A longer head is no answer."""
REDIRECTS: Final = 10
_PIECE: Final = 16 * 1024
_PLAIN: Final = "http: server gave HTTP response to HTTPS client"
_LATE: Final = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
Twin = Callable[[str], str]
"""Where on this machine an address is."""


class ActionError(ValueError):
    """It cannot be done as it is written."""


class HttpFailure(Exception):
    """There was no answer; the text is that of Go's client."""


class HttpGet(NamedTuple):
    url: str
    headers: Mapping[str, str]


class HttpAnswer(NamedTuple):
    status: int
    body: str


def port_of(port: object, container: Tree) -> int:
    """A number, or the name of one of the container's ports. Raises ActionError."""
    found = port
    if isinstance(port, str):
        named = [one["containerPort"] for one in container.get("ports") or () if one.get("name") == port]
        if not named and not port.isdecimal():
            raise ActionError(f"strconv.Atoi: parsing {quote(port)}: invalid syntax")
        found = named[0] if named else int(port)
    if not isinstance(found, int) or not 0 < found < 65536:
        raise ActionError(f"invalid port number: {found}")
    return found


def address_of(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def get_of(action: Tree, container: Tree, pod_ip: str, purpose: str) -> HttpGet:
    """Of an httpGet. `purpose`: probe or lifecycle. Raises ActionError."""
    scheme = (action.get("scheme") or "http").lower()
    address = address_of(action.get("host") or pod_ip, port_of(action.get("port"), container))
    path = encoded(action.get("path") or "", safe="/?#[]@!$&'()*+,;=:%~").partition("#")[0]
    headers: dict[str, str] = {}
    for one in action.get("httpHeaders") or ():
        headers.setdefault("-".join(part.capitalize() for part in one["name"].split("-")), one.get("value") or "")
    headers.setdefault("User-Agent", f"kube-{purpose}/{VERSION}")
    headers.setdefault("Accept", "*/*")
    slash = "" if path.startswith(("/", "?")) or not path else "/"
    return HttpGet(f"{scheme}://{address}{slash}{path}", {name: text for name, text in headers.items() if text})


async def fetch(request: HttpGet, timeout: float | None, twin: Twin) -> HttpAnswer:
    """The answer at the end of all redirects. Raises HttpFailure."""
    url = request.url
    try:
        async with asyncio.timeout(timeout):
            for _ in range(REDIRECTS):
                answer, location = await _exchange(url, request.headers, twin)
                if not 300 <= answer.status < 400 or not location:
                    return answer
                target = urljoin(url, location)
                if urlsplit(target).hostname != urlsplit(url).hostname:
                    return answer
                url = target
    except TimeoutError:
        raise HttpFailure(f"Get {quote(url)}: {_LATE}") from None
    except _Broken as error:
        raise HttpFailure(f"Get {quote(url)}: {error}") from None
    raise HttpFailure(f"Get {quote(url)}: stopped after {REDIRECTS} redirects")


class _Broken(Exception):
    """Why there is no answer."""


async def _exchange(url: str, headers: Mapping[str, str], twin: Twin) -> tuple[HttpAnswer, str]:
    """The answer, and where it leads to."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if tls else 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"GET {target} HTTP/1.1", f"Host: {headers.get('Host') or parts.netloc}",
             *(f"{name}: {text}" for name, text in headers.items() if name != "Host"), "Connection: close", "", ""]
    reader, writer = await _connect(host, port, twin, _unchecked() if tls else None)
    try:
        writer.write("\r\n".join(lines).encode())
        return await _answer(reader)
    except ConnectionError as error:
        raise _Broken(f"read tcp {address_of(host, port)}: read: {reason_of(error)}") from None
    finally:
        writer.transport.abort()


async def _connect(host: str, port: int, twin: Twin,
                   tls: ssl.SSLContext | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Raises _Broken, with the text of Go's dialer."""
    try:
        return await asyncio.open_connection(twin(host), port, ssl=tls)
    except ssl.SSLError as error:
        plain = error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
        raise _Broken(_PLAIN if plain else f"remote error: tls: {error.reason}") from None
    except socket.gaierror:
        raise _Broken(f"dial tcp: lookup {host}: no such host") from None
    except OSError as error:
        raise _Broken(f"dial tcp {address_of(host, port)}: connect: {reason_of(error)}") from None


async def connect_text(host: str, port: int, twin: Twin) -> str:
    """Why there is no connection; empty: there is one, and it is closed again."""
    try:
        _, writer = await _connect(host, port, twin)
    except _Broken as error:
        return str(error)
    writer.close()
    return ""


def reason_of(error: OSError) -> str:
    """As Go spells it: in small letters, without a number."""
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error)


@cache
def _unchecked() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _Collector:
    """What the parser finds."""

    def __init__(self) -> None:
        self.location, self.body, self.headed, self.complete = "", b"", False, False

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"location":
            self.location = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.headed = True

    def on_body(self, body: bytes) -> None:
        self.body += body[:BODY_BYTES - len(self.body)]
        self.complete = len(self.body) >= BODY_BYTES

    def on_message_complete(self) -> None:
        self.complete = True


async def _answer(reader: asyncio.StreamReader) -> tuple[HttpAnswer, str]:
    found = _Collector()
    parser = httptools.HttpResponseParser(found)
    head = b""
    while not found.complete:
        data = await reader.read(_PIECE)
        if not data:
            break
        head = head if found.headed else head + data
        try:
            parser.feed_data(data)
        except httptools.HttpParserError:
            line = head.partition(b"\r\n")[0].decode("latin-1")
            raise _Broken(f"net/http: HTTP/1.x transport connection broken: malformed HTTP response {quote(line)}"
                          ) from None
        if not found.headed and len(head) > HEAD_BYTES:
            raise _Broken(f"net/http: server response headers exceeded {HEAD_BYTES} bytes; aborted")
    if not found.headed:
        raise _Broken("EOF")
    return HttpAnswer(parser.get_status_code(), found.body.decode(errors="replace")), found.location
