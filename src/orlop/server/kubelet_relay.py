"""A request passed on to a kubelet, pod or service, and its answer passed back.

Used by `kubelet_client` for the proxy rooms. Absolute links to the other side in Location and in HTML are rewritten so
that they lead through the proxy again. Bodies are passed on as they come, both ways. Behaviour and texts: apimachinery
`pkg/util/proxy/{upgradeaware,transport}.go`, Go's `net/http/httputil/reverseproxy.go`.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Final

from orlop.api import errors
from orlop.api.field import quote
from orlop.api.http import Answer, Channel, Frame, Request, Response, Stream
from orlop.kinds.kubelet import Location
from orlop.server import kubelet_html, sniffing
from orlop.server.kubelet_dial import DialError
from orlop.server.kubelet_links import Links
from orlop.server.kubelet_pool import Pool
from orlop.server.kubelet_request import Headers, answered, encode, listed, proxied
from orlop.server.kubelet_wire import Head, Wire, WireError

WHOLE: Final = 64 * 1024
"""An answer known to be no longer is read before it is passed on."""
_SHORT: Final = 2048
"""Of an answer of unknown length that is no longer, Go tells the length."""
_NO_STORE: Final = ("Cache-Control", "no-cache, private")
_GZIP: Final = ("Accept-Encoding", "gzip")
_BODILESS: Final = frozenset({204, 304})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


class Relay:
    """One request. `context` is TLS's."""

    def __init__(self, pool: Pool, context: ssl.SSLContext | None, location: Location, request: Request) -> None:
        self._pool, self._context, self._location, self._request = pool, context, location, request
        self._links = Links(location, request)

    async def run(self) -> Answer:
        """Raises APIError."""
        request = self._request
        asks_gzip = _asks_for_gzip(request)
        try:
            wire, head = await self._pool.ask(self._location, self._context, self._head(asks_gzip), request.body,
                                              request.method, request.incoming)
        except (DialError, WireError) as error:
            raise errors.service_unavailable(f"error trying to reach service: {error}") from None
        if head.status == 101:
            wire.abort()
            raise errors.unknown(f"backend tried to switch protocol {quote(head.get('upgrade'))} when \"\" was "
                                 "requested")
        if asks_gzip and head.get("content-encoding").lower() == "gzip" and head.get("content-length") != "0":
            wire.packed = True
            head.drop("content-encoding", "content-length")
        return await self._answer(wire, head)

    def _head(self, asks_gzip: bool) -> bytes:
        request, location = self._request, self._location
        body, incoming = request.body, request.incoming
        size = len(body) if body or request.method in _WITH_BODY else None
        if incoming is not None:
            size = incoming.length
        headers = proxied(request, location)
        if incoming is not None and (announced := request.headers.get("trailer")):
            headers.append(("Trailer", listed(announced)))
        if asks_gzip:
            headers.append(_GZIP)
        host = request.headers.get("host", "")
        return encode(request.method, location, host, headers, size, incoming is not None)

    async def _answer(self, wire: Wire, head: Head) -> Answer:
        location = head.get("location")
        headers = [(name, self._links.location(value) if name == "Location" else value)
                   for name, value in answered(head.headers)]
        if any(name == "Cache-Control" for name, _ in headers):
            headers.insert(0, _NO_STORE)  # upstream's own comes first, and stays
        announced = head.get("trailer") if head.get("transfer-encoding") else ""
        if announced:
            headers.append(("Trailer", listed(announced)))
        length = head.get("content-length")
        sized = (("Content-Length", length),) if length.isdigit() else ()
        if self._request.method == "HEAD":
            self._end(wire)
            return Stream("", _nothing, (*headers, *sized), head.status)
        if head.status in _BODILESS:
            return await self._empty(wire, head, headers)
        kind = head.get("content-type").partition(";")[0].strip()
        if kind == "text/html" and not location and head.get("content-encoding") in kubelet_html.ENCODINGS:
            return await self._html(wire, head, headers)
        if sized and not any(name in ("Content-Type", "Content-Encoding") for name, _ in headers):
            headers += await _sniffed(wire)
        if sized and int(length) <= WHOLE:
            return await self._short(wire, head, (*headers, *sized))
        wire.guard()
        return Stream("", lambda channel: self._pass_on(channel, wire), (*headers, *sized), head.status)

    async def _short(self, wire: Wire, head: Head, headers: tuple[tuple[str, str], ...]) -> Answer:
        try:
            return Response(head.status, await self._whole(wire), "", headers[:-1])
        except WireError:
            return Stream("", _cut, headers, head.status)

    async def _empty(self, wire: Wire, head: Head, headers: Headers) -> Answer:
        try:
            await self._whole(wire)
        except WireError:
            wire.abort()
        kept = [(name, value) for name, value in headers if head.status != 304 or name != "Content-Type"]
        return Response(head.status, b"", "", tuple(kept))

    async def _whole(self, wire: Wire, limit: int = WHOLE) -> bytes:
        body, complete = await wire.whole(limit)
        if not complete:
            raise WireError("http: response body too large")
        self._end(wire)
        return body

    async def _html(self, wire: Wire, head: Head, headers: Headers) -> Answer:
        """Raises 500, as Go words it."""
        try:
            page = await self._whole(wire, kubelet_html.LONGEST_PAGE)
            page = kubelet_html.rewrite(page, head.get("content-encoding"), self._links.page)
        except (WireError, kubelet_html.PageError) as error:
            wire.abort()
            raise errors.unknown(str(error)) from None
        if len(page) <= _SHORT and not wire.trailers:
            return Response(head.status, page, "", tuple(headers))
        return Stream("", _written(page, wire.trailers), tuple(headers), head.status)

    def _end(self, wire: Wire) -> None:
        self._pool.back(self._location, self._context, wire)

    def _pass_on(self, channel: Channel, wire: Wire) -> None:
        def end(complete: bool) -> None:
            channel.close(wire.trailers) if complete else channel.abort()
            self._end(wire)

        wire.stream(channel, end)


def _asks_for_gzip(request: Request) -> bool:
    """Go does so for clients that say nothing of it, and unpacks what comes."""
    headers = request.headers
    return request.method != "HEAD" and not headers.get("accept-encoding") and not headers.get("range")


async def _sniffed(wire: Wire) -> Headers:
    """Go tells what a body of known length is when its sender does not."""
    first = await wire.first()
    return [("Content-Type", sniffing.content_type(first))] if first else []


def _written(page: bytes, trailers: list[tuple[str, str]]) -> Callable[[Channel], None]:
    def write(channel: Channel) -> None:
        channel.write(Frame(page))
        channel.close(trailers)

    return write


def _cut(channel: Channel) -> None:
    """The body ended too early: so does ours."""
    channel.abort()


def _nothing(channel: Channel) -> None:
    """HEAD has no body."""
