"""orlop's own paths: the history of objects, the state at a revision, and the way back to it.

    GET  /orlop/v1/history/PATH         the writes of an object or a collection     `history`
    GET  /orlop/v1/at/REVISION/PATH     the object or list as it was                here
    POST /orlop/v1/undo/PATH            the object as it was, written anew          `undo`

PATH is the thing's own path, from /api or /apis on. The filter chain asks `info` what such a request is about, which is
what is authorized: reading the past of a thing takes the right to read the thing, undoing the right to update it. Then
it calls `serve`. Upstream has no such paths, and none of its own is touched: discovery and the index do not name them.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

from orlop.api import errors, resource_version
from orlop.api.context import Context, RequestInfo
from orlop.api.http import Answer, Request
from orlop.api.request_info import request_info
from orlop.codec.negotiation import Representation
from orlop.endpoints import response
from orlop.endpoints.history import history
from orlop.endpoints.router import Router, method_not_allowed, not_found
from orlop.endpoints.scope import Scope
from orlop.endpoints.undo import undo
from orlop.registry import history as past
from orlop.registry.store import Store

PREFIX: Final = "orlop"
_ROOT: Final = f"/{PREFIX}/v1/"
_METHODS: Final = {"history": "GET", "at": "GET", "undo": "POST"}
_WHEN: Final = frozenset({"resourceVersion", "resourceVersionMatch"})
"""What the revision in the path says already."""


class Asked(NamedTuple):
    """`what` is history, at or undo; `path` the thing's own path."""

    what: str
    revision: str
    path: str


def read(path: str) -> Asked | None:
    """What one of our paths asks for; None for every other path."""
    if not path.startswith(_ROOT):
        return None
    what, _, rest = path[len(_ROOT) :].partition("/")
    revision = ""
    if what == "at":
        revision, _, rest = rest.partition("/")
    if what not in _METHODS or not rest.startswith(("api/", "apis/")):
        return None
    return Asked(what, revision, "/" + rest)


class Past:
    """The three paths over the routes of `router`."""

    def __init__(self, router: Router) -> None:
        self._router = router

    @staticmethod
    def info(request: Request, plain: RequestInfo) -> RequestInfo:
        """What a request is about: `plain`, unless the path is one of ours and names a resource. Raises
        UnknownRequest."""
        asked = read(request.path)
        if asked is None:
            return plain
        found = request_info(_inner(asked, request))
        return replace(found, path=request.path, prefix=PREFIX) if found.resource else plain

    def serve(self, request: Request) -> Answer | Awaitable[Answer]:
        """The answer to a request for which `info` found something. From here on the verb of the request's info, which
        the access log and the metrics show, is history, at or undo."""
        asked = read(request.path)
        if asked is None:
            raise not_found()
        outer = request.context
        outer.info = replace(outer.info, verb=asked.what)
        if request.method != _METHODS[asked.what]:
            raise method_not_allowed()
        inner = _inner(asked, request)
        info = request_info(inner)
        inner.context = Context(outer.user, info, info.namespace, outer.user_agent, outer.warnings)
        if info.subresource or info.verb == "watch":
            raise not_found()
        verb, scope = self._router.find(info, inner.method)
        if not isinstance(scope.storage, Store):
            raise method_not_allowed()
        if scope.warning:
            outer.warn(scope.warning)
        if asked.what == "history":
            return history(scope, scope.storage, request, inner.context)
        if asked.what == "undo":
            return undo(self._router, scope, scope.storage, inner)
        revision = read_revision(asked.revision)
        if len(info.parts) > 1:
            return _state(scope, scope.storage, inner, revision, response.negotiate(inner))
        return verb(scope, inner)


def _inner(asked: Asked, request: Request) -> Request:
    """The request for the thing itself that ours stands for."""
    query = ""
    if asked.what != "history":
        query = request.query
    if asked.what == "at":
        query = _at(asked.revision, query)
    method = "PUT" if asked.what == "undo" else "GET"
    return Request(method, asked.path, query, request.headers, header_list=request.header_list, peer=request.peer,
                   peer_certificate=request.peer_certificate)


def _at(revision: str, query: str) -> str:
    """The query of a list at a revision. A continue token brings its own."""
    pairs = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in _WHEN]
    if not any(name == "continue" and value for name, value in pairs):
        pairs += [("resourceVersion", revision), ("resourceVersionMatch", "Exact")]
    return urlencode(pairs)


def read_revision(text: str) -> int:
    """A revision as clients write it. Raises 400."""
    found = resource_version.parse_list(text)
    if not found:
        raise errors.bad_request("a revision is needed: a number above 0")
    return found


async def _state(scope: Scope, store: Store, request: Request, revision: int,
                 representation: Representation) -> Answer:
    ctx = request.context
    entry = await past.state(store, ctx, ctx.info.name, revision)
    return response.answer_object(scope, request, entry, 200, representation)
