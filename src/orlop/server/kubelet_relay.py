"""A request passed on to a kubelet, pod or service, and its answer passed back.

Used by `kubelet_client` for the proxy rooms. Absolute links to the other side in Location and in HTML are rewritten so
that they lead through the proxy again. Bodies of answers are passed on as they come. Behaviour and texts: apimachinery
`pkg/util/proxy/{upgradeaware,transport}.go`, Go's `net/http/httputil/reverseproxy.go`.
"""

from __future__ import annotations

import posixpath
import ssl
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from orlop.api import errors
from orlop.api.http import Answer, Channel, Request, Response, Stream
from orlop.kinds.kubelet import Location
from orlop.server import kubelet_html
from orlop.server.kubelet_dial import DialError
from orlop.server.kubelet_pool import Pool
from orlop.server.kubelet_request import Headers, answered, encode, prefix, proxied
from orlop.server.kubelet_wire import Head, Wire, WireError

WHOLE: Final = 64 * 1024
"""An answer known to be no longer is read before it is passed on."""
_NO_STORE: Final = ("Cache-Control", "no-cache, private")
_BODILESS: Final = frozenset({204, 304})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


class Relay:
    """One request. `context` is TLS's."""

    def __init__(self, pool: Pool, context: ssl.SSLContext | None, location: Location, request: Request) -> None:
        self._pool, self._context, self._location, self._request = pool, context, location, request
        self._prefix = prefix(request, location)
        self._host = request.headers.get("host", "")

    async def run(self) -> Answer:
        """Raises APIError."""
        request, location = self._request, self._location
        size = len(request.body) if request.body or request.method in _WITH_BODY else None
        sent = encode(request.method, location, self._host, proxied(request, location), size)
        try:
            wire, head = await self._pool.ask(location, self._context, sent, request.body, request.method)
            return await self._answer(wire, head)
        except (DialError, WireError) as error:
            raise errors.service_unavailable(f"error trying to reach service: {error}") from None

    async def _answer(self, wire: Wire, head: Head) -> Answer:
        headers = [(name, self.rewritten(value) if name.lower() == "location" and value else value)
                   for name, value in answered(head.headers)]
        kind = next((value for name, value in headers if name.lower() == "content-type"), "")
        headers = [(name, value) for name, value in headers if name.lower() != "content-type"]
        if any(name.lower() == "cache-control" for name, _ in headers):
            headers.insert(0, _NO_STORE)  # upstream's own comes first, and stays
        length = head.get("content-length")
        sized = (("Content-Length", length),) if length.isdigit() else ()
        if self._request.method == "HEAD":
            self._end(wire)
            return Stream(kind, _nothing, (*headers, *sized), head.status)
        if head.status in _BODILESS:
            return Response(head.status, await self._whole(wire), kind, tuple(headers))
        if kind.partition(";")[0].strip() == "text/html" and not head.get("location"):
            encoding = head.get("content-encoding")
            if encoding in kubelet_html.ENCODINGS:
                return await self._html(wire, head, kind, headers, encoding)
        if sized and int(length) <= WHOLE:
            return Response(head.status, await self._whole(wire), kind, tuple(headers))
        wire.guard()
        return Stream(kind, lambda channel: self._pass_on(channel, wire), (*headers, *sized), head.status)

    async def _whole(self, wire: Wire, limit: int = WHOLE) -> bytes:
        body, complete = await wire.whole(limit)
        if not complete:
            raise WireError("http: response body too large")
        self._end(wire)
        return body

    async def _html(self, wire: Wire, head: Head, kind: str, headers: Headers, encoding: str) -> Answer:
        page = await self._whole(wire, kubelet_html.LONGEST_PAGE)
        try:
            page = kubelet_html.rewrite(page, encoding, self.rewritten)
        except kubelet_html.PageError as error:
            raise errors.internal(error) from None
        return Response(head.status, page, kind, tuple(headers))

    def _end(self, wire: Wire) -> None:
        self._pool.back(self._location, self._context, wire)

    def _pass_on(self, channel: Channel, wire: Wire) -> None:
        def end(complete: bool) -> None:
            channel.close() if complete else channel.abort()
            self._end(wire)

        wire.stream(channel, end)

    def rewritten(self, link: str) -> str:
        """A link as it leads through the proxy; those to elsewhere and relative ones stay."""
        try:
            parts = urlsplit(link)
        except ValueError:
            return link
        elsewhere = parts.netloc not in ("", self._location.authority, self._host)
        if elsewhere or not parts.path.startswith("/"):
            return link
        path = parts.path
        if not path.startswith(self._prefix):
            path = posixpath.normpath(f"{self._prefix}/{path.lstrip('/')}")
            path += "/" if parts.path.endswith("/") else ""
        own = parts.netloc == self._host
        return urlunsplit(SplitResult(parts.scheme if own else "", parts.netloc if own else "", path, parts.query,
                                      parts.fragment))


def _nothing(channel: Channel) -> None:
    """HEAD has no body."""
