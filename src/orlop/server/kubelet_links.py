"""Links that a kubelet, pod or service gives, as they lead through the proxy again.

Used by `kubelet_relay` for Location and for HTML. Behaviour and texts: rewriteURL in apimachinery
`pkg/util/proxy/transport.go`; Go's `net/url`, `path`.
"""

from __future__ import annotations

import posixpath

from orlop.api import errors
from orlop.api.http import Request
from orlop.cel.library_url_parser import URL, URLError, parse
from orlop.kinds.kubelet import Location
from orlop.server.kubelet_request import prefix


class Links:
    """Of the answer to one request."""

    __slots__ = ("_hosts", "_own", "_prefix")

    def __init__(self, location: Location, request: Request) -> None:
        self._own = request.headers.get("host", "").encode() or location.authority.encode()
        self._hosts = frozenset((b"", location.authority.encode(), self._own))
        self._prefix = prefix(request, location).encode()

    def location(self, text: str) -> str:
        """A Location header's. Raises 500 for what is no URL."""
        if not text:
            return text
        try:
            return self._through(parse(text))
        except URLError as error:
            raise errors.internal(f"error trying to parse Location header: {error}") from None

    def page(self, text: str) -> str:
        """One in a page: what is no URL stays."""
        try:
            return self._through(parse(text))
        except URLError:
            return text

    def _through(self, url: URL) -> str:
        """Those to elsewhere and relative ones stay."""
        if url.host not in self._hosts or not url.path.startswith(b"/"):
            return str(url)
        if url.host != self._own:
            url.scheme = url.host = b""
        path = url.path
        if not path.startswith(self._prefix):
            url.path = clean(self._prefix + b"/" + path)
            if path.endswith(b"/"):
                url.path += b"/"
        return str(url)


def clean(path: bytes) -> bytes:
    """An absolute path without empty, "." and ".." elements."""
    return posixpath.normpath(b"/" + path.lstrip(b"/"))
