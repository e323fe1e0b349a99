"""One POST to a webhook: where it is, a connection with TLS, the answer.

Given to converters of custom kinds by `custom_kind_maker`. A webhook is a URL or a service of this server; a service is
reached through one of its endpoints, and where it has none at its cluster IP. A connection for each call. Failures are
told in the words of Go's HTTP client, which clients see. Behaviour: apiserver `pkg/util/webhook/client.go`,
kube-aggregator `pkg/apiserver/resolvers.go`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import socket
import ssl
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import httptools

from orlop.api.tree import Tree
from orlop.kinds.custom.webhook import WebhookFailure
from orlop.registry.store import Store

TIMEOUT: Final = 30.0
"""Seconds that a call may take."""
ANSWER_BYTES: Final = 64 * 1024 * 1024
"""A longer answer fails the call."""
_READ: Final = 64 * 1024
_HTTPS: Final = 443

Stores = Mapping[tuple[str, str], Store]


class _Place(NamedTuple):
    """`url` is what errors name; `name` is whose certificate is expected."""

    url: str
    name: str
    host: str
    port: int


class WebhookPost:
    """`config` is a webhook's clientConfig."""

    def __init__(self, config: Tree, stores: Stores) -> None:
        self._config, self._stores = config, stores
        self._context: ssl.SSLContext | None = None

    async def __call__(self, body: bytes) -> bytes:
        url = self._url()
        try:
            async with asyncio.timeout(TIMEOUT):
                return await self._post(url, body)
        except TimeoutError:
            raise WebhookFailure(f'Post "{url}": context deadline exceeded') from None

    def _url(self) -> str:
        service = self._config.get("service")
        if service is None:
            url = str(self._config.get("url") or "")
        else:
            path = "/" + str(service.get("path") or "").lstrip("/")
            url = f"https://{service['name']}.{service['namespace']}.svc:{service.get('port') or _HTTPS}{path}"
        return f"{url}{'&' if '?' in url else '?'}timeout={TIMEOUT:.0f}s"

    async def _post(self, url: str, body: bytes) -> bytes:
        parts = urlsplit(url)
        try:
            place = self._place(url, parts.hostname or "", parts.port or _HTTPS)
            reader, writer = await asyncio.open_connection(
                place.host, place.port, ssl=self._tls(), server_hostname=place.name)
        except (OSError, ssl.SSLError, LookupError) as error:
            raise WebhookFailure(f'Post "{url}": {_dialed(error, parts.hostname or "", parts.port)}') from None
        try:
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            head = (f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
                    f"Accept: application/json, */*\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n")
            writer.write(head.encode() + body)
            await writer.drain()
            return await _answer(reader, url)
        except (OSError, httptools.HttpParserError):
            raise WebhookFailure(f'Post "{url}": EOF') from None
        finally:
            writer.close()

    def _place(self, url: str, host: str, port: int) -> _Place:
        service = self._config.get("service")
        if service is None:
            return _Place(url, host, host, port)
        address, port = _resolve(self._stores, service["namespace"], service["name"], port)
        return _Place(url, host, address, port)

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            bundle = self._config.get("caBundle")
            try:
                text = base64.b64decode(bundle).decode() if bundle else ""
                context = ssl.create_default_context(cadata=text) if text.strip() else ssl.create_default_context()
            except (binascii.Error, UnicodeDecodeError) as error:
                raise LookupError(f"unable to load root certificates: {error}") from None
            self._context = context
        return self._context


def _resolve(stores: Stores, namespace: str, name: str, port: int) -> tuple[str, int]:
    """Where a service is answered. LookupError with upstream's text."""
    services, endpoints = stores[("", "services")], stores[("", "endpoints")]
    entry = services.cache.peek(f"{services.prefix}{namespace}/{name}")
    if entry is None:
        raise LookupError(f'service "{name}" not found')
    spec: Tree = entry.tree().get("spec") or {}
    found = next((each for each in spec.get("ports") or () if each.get("port") == port), None)
    if found is None:
        raise LookupError(f'no service port {port} found for service "{name}"')
    ends = endpoints.cache.peek(f"{endpoints.prefix}{namespace}/{name}")
    for subset in (ends.tree().get("subsets") or ()) if ends is not None else ():
        ports = [each["port"] for each in subset.get("ports") or () if (each.get("name") or "") == (
            found.get("name") or "")]
        for address in subset.get("addresses") or ():
            if ports:
                return address["ip"], ports[0]
    address = spec.get("clusterIP") or ""
    if not address or address == "None":
        raise LookupError(f'no endpoints available for service "{name}"')
    return address, port


def _dialed(error: Exception, host: str, port: int | None) -> str:
    """What Go says of a connection that could not be made."""
    place = f"{host}:{port or _HTTPS}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: x509: {_verification(error, host)}"
    if isinstance(error, ssl.SSLError):
        return f"tls: {error.reason or error}"
    if isinstance(error, socket.gaierror):
        return f"dial tcp: lookup {host}: no such host"
    if isinstance(error, OSError) and error.errno:
        return f"dial tcp {place}: connect: {os.strerror(error.errno).lower()}"
    if isinstance(error, OSError):
        return f"dial tcp {place}: connect: connection refused"
    return str(error)


def _verification(error: ssl.SSLCertVerificationError, host: str) -> str:
    if "ostname" in error.verify_message or "IP address" in error.verify_message:
        return f"certificate is not valid for {host}"
    if "expired" in error.verify_message:
        return "certificate has expired or is not yet valid"
    return "certificate signed by unknown authority"


class _Answer:
    """Collects an answer, called by httptools."""

    def __init__(self) -> None:
        self.body, self.size, self.complete = [b""], 0, False

    def on_body(self, part: bytes) -> None:
        self.body.append(part)
        self.size += len(part)

    def on_message_complete(self) -> None:
        self.complete = True


async def _answer(reader: asyncio.StreamReader, url: str) -> bytes:
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    while not answer.complete:
        part = await reader.read(_READ)
        if not part:
            break
        parser.feed_data(part)
        if answer.size > ANSWER_BYTES:
            raise WebhookFailure(f'Post "{url}": the answer is too long')
    status = parser.get_status_code()
    body = b"".join(answer.body)
    if status == 404:
        raise WebhookFailure("the server could not find the requested resource")
    if not 200 <= status < 300:
        raise WebhookFailure(f'an error on the server ("{body.decode("utf-8", "replace").strip()}") has prevented the '
                             "request from succeeding")
    return body
