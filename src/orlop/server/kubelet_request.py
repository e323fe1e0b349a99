"""Requests as they go on to kubelets and pods: their first line and headers.

Used by `kubelet_client` and its rooms. What told this server who the caller is goes no further. Behaviour: Go's
`net/http/httputil/reverseproxy.go`, apimachinery `pkg/util/proxy/{upgradeaware,transport}.go`, and the filters of
apiserver that take credentials out of requests.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from orlop.api.http import Request
from orlop.kinds.kubelet import Location

_SAFE: Final = "/$&+,:;=@"
"""What Go leaves in a path beside letters, digits and "-_.~"."""
_AGENT: Final = "User-Agent"
"""Go leaves it out where it is empty."""
AGENT: Final = (_AGENT, "Go-http-client/1.1")
_HOP_BY_HOP: Final = frozenset({"connection", "proxy-connection", "keep-alive", "proxy-authenticate",
                                "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"})
_OURS: Final = frozenset({"authorization", "x-remote-user", "x-remote-group", "x-remote-uid", "host", "content-length",
                          "transfer-encoding"})
_OUR_PREFIXES: Final = ("impersonate-", "x-remote-extra-")
_CORS: Final = frozenset({"access-control-allow-credentials", "access-control-allow-headers",
                          "access-control-allow-methods", "access-control-allow-origin"})
_RENEWED: Final = frozenset({"content-length", "date"})
"""What our own head says."""

Headers = list[tuple[str, str]]


def target(location: Location) -> str:
    """What follows the method."""
    path = quote(location.path, safe=_SAFE) or "/"
    return f"{path}?{location.query}" if location.query else path


def url(location: Location) -> str:
    """As Go writes it in errors."""
    path = quote(location.path, safe=_SAFE)
    return f"{location.scheme}://{location.authority}{path}{'?' + location.query if location.query else ''}"


def encode(method: str, location: Location, host: str, headers: Iterable[tuple[str, str]], size: int | None,
           chunked: bool = False) -> bytes:
    """A request's head. `size` of its body; None where nothing is said about it, or where it comes in chunks."""
    lines = [f"{method} {target(location)} HTTP/1.1", f"Host: {host or location.authority}"]
    lines += [f"{name}: {_line(value)}" for name, value in headers if value or name != _AGENT]
    if size is not None:
        lines.append(f"Content-Length: {size}")
    elif chunked:
        lines.append("Transfer-Encoding: chunked")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "replace")


def canonical(name: str) -> str:
    """A header's name as Go writes it."""
    return "-".join(word.capitalize() for word in name.split("-"))


def listed(announced: str) -> str:
    """The names in a Trailer header."""
    return ", ".join(canonical(name.strip()) for name in announced.split(","))


def passed_on(request: Request) -> Headers:
    """The client's headers, without what was meant for us."""
    headers = [(canonical(name), value) for name, value in request.header_list
               if (low := name.lower()) not in _OURS and not low.startswith(_OUR_PREFIXES)]
    known = request.headers
    if known.get("pragma") == "no-cache" and "cache-control" not in known:
        headers.append(("Cache-Control", "no-cache"))
    return headers


def with_agent(headers: Headers) -> Headers:
    """Go names itself where the client did not."""
    named = any(name.lower() == "user-agent" for name, _ in headers)
    return headers if named else [*headers, AGENT]


def forwarded_for(headers: Headers, request: Request) -> Headers:
    """With the client's address added to X-Forwarded-For."""
    peer = request.peer.rpartition(":")[0].strip("[]")
    if not peer:
        return headers
    known = [value for name, value in headers if name.lower() == "x-forwarded-for"]
    rest = [(name, value) for name, value in headers if name.lower() != "x-forwarded-for"]
    return [*rest, ("X-Forwarded-For", ", ".join([*known, peer]))]


def without_hops(headers: Headers) -> Headers:
    """Without what belongs to one connection: the known ones and those the Connection header names."""
    named = {name.strip().lower() for key, value in headers if key.lower() == "connection" for name in value.split(",")}
    return [(name, value) for name, value in headers if (low := name.lower()) not in _HOP_BY_HOP and low not in named]


def proxied(request: Request, location: Location) -> Headers:
    """Headers of a request that is passed on as any proxy does."""
    sent = passed_on(request)
    trailers = any(name.lower() == "te" and "trailers" in value.lower() for name, value in sent)
    headers = forwarded_for(without_hops(sent), request)
    headers = [(name, value) for name, value in headers if name.lower() != "x-forwarded-uri"]
    path = location.path or "/"
    uri = posixpath.normpath(f"{prefix(request, location)}/{quote(path, safe=_SAFE)}").replace("//", "/")
    headers.append(("X-Forwarded-Uri", uri + "/" if path.endswith("/") and uri != "/" else uri))
    return [*headers, ("Te", "trailers")] if trailers else headers


def prefix(request: Request, location: Location) -> str:
    """The path under which clients see what stands at the root of `location`."""
    suffix = location.path
    if request.path.endswith("/") and not suffix.endswith("/"):
        suffix += "/"
    return request.path.removesuffix(suffix)


def answered(headers: Headers) -> Headers:
    """Headers of an answer that is passed back."""
    return [(name, value) for name, value in without_hops(headers)
            if (low := name.lower()) not in _CORS and low not in _RENEWED]


def _line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")
