"""From method, path and query to what a request asks for (apiserver `endpoints/request/requestinfo.go`).

Called first of all filters, for every request; hands a `RequestInfo` to authorization, routing and audit.
Whether the resource exists is the router's business.
"""

from __future__ import annotations

from typing import Final

from orlop.api import names, query_options
from orlop.api.context import RequestInfo
from orlop.api.errors import APIError
from orlop.api.field import quote
from orlop.api.http import Request

_VERBS: Final = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch",
                 "DELETE": "delete"}
_SPECIAL: Final = frozenset({"proxy", "watch"})
_NAMESPACE_SUBRESOURCES: Final = frozenset({"status", "finalize"})


class UnknownRequest(Exception):
    """A path that promises a resource (`/api/v1/watch`) and names none; answered with 500 and this plain
    text."""

    def __init__(self, url: str) -> None:
        text = (f"Internal Server Error: {quote(url)}: failed to create RequestInfo: "
                f"unable to determine kind and namespace from url, {url}")
        super().__init__(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def request_info(request: Request) -> RequestInfo:
    """What `request` asks for. Raises UnknownRequest."""
    path, method = request.path, request.method
    parts = path.strip("/").split("/")
    prefix, count = parts[0], len(parts)
    if prefix == "api":
        if count < 3:
            return _non_resource(method, path, "")
        group, at = "", 2
    elif prefix == "apis":
        if count < 4:
            return _non_resource(method, path, prefix if count == 3 else "")
        group, at = parts[1], 3
    else:
        return _non_resource(method, path, "")
    version, first = parts[at - 1], parts[at]
    if first in _SPECIAL:
        if count < at + 2:
            raise UnknownRequest(_url(request))
        verb = first
        at += 1
        first = parts[at]
    else:
        verb = _VERBS.get(method, "")
    namespace = ""
    if first == "namespaces" and count > at + 1:
        namespace = parts[at + 1]
        if count > at + 2 and parts[at + 2] not in _NAMESPACE_SUBRESOURCES:
            at += 2
            first = parts[at]
    name = parts[at + 1] if count > at + 1 else ""
    subresource = parts[at + 2] if count > at + 2 and verb != "proxy" else ""
    if not name:
        if verb == "get":
            verb, name = _list_or_watch(request) if request.query else ("list", "")
        elif verb == "delete":
            verb = "deletecollection"
    return RequestInfo(verb, path, prefix, group, version, namespace, first, subresource, name,
                       tuple(parts[at:]))


def _non_resource(method: str, path: str, prefix: str) -> RequestInfo:
    return RequestInfo(method.lower(), path, prefix)


def _url(request: Request) -> str:
    return f"{request.raw_path}?{request.query}" if request.query else request.raw_path


def _list_or_watch(request: Request) -> tuple[str, str]:
    """The verb of a read of a collection, and the one name that it is narrowed to, if it is."""
    try:
        options = query_options.parse_list(request)
    except APIError:
        # refused options narrow nothing, but a watch stays a watch
        watch = request.parameters.get("watch")
        return "watch" if watch and watch[0].lower() not in ("false", "0") else "list", ""
    name = "" if options.fields.empty else options.fields.exact("metadata.name") or ""
    return "watch" if options.watch else "list", "" if name and names.path_segment_name(name) else name
