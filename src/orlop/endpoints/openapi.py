"""OpenAPI: /openapi/v3 with a document a group version, /openapi/v2 with one of everything.

The router of paths that are no resources calls `OpenAPI.serve`; the server adds and removes the documents
of custom resources. v3 documents have their hash in the URL that the index names, so that clients keep them
for good. Behaviour: kube-openapi `pkg/handler3` and `pkg/handler`, kube-aggregator
`controllers/openapiv3/aggregator`.
"""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import cached_property
from urllib.parse import quote

import orjson

from orlop.api.http import Request, Response
from orlop.api.tree import Tree
from orlop.endpoints import accept, definition_openapi, openapi_descriptions, openapi_swagger
from orlop.endpoints.definition_openapi import Shared
from orlop.endpoints.openapi_descriptions import Descriptions
from orlop.endpoints.openapi_documents import Document, digest, packaged, packed
from orlop.endpoints.openapi_swagger import Form, Swagger
from orlop.schema.release import Release
from orlop.world.clock import Clock, SystemClock

JSON = "application/json"
V3_PROTO = "application/com.github.proto-openapi.spec.v3.v1.0+protobuf"
V2_PROTO = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_V3_FORMS = (JSON, V3_PROTO, V3_PROTO.replace("v3.v1", "v3@v1"))
_V2_FORMS = (JSON, V2_PROTO.replace("v2.v1", "v2@v1"), V2_PROTO)
_VARY = ("Vary", "Accept, Accept-Encoding")
_YEAR = 365 * 86400

Headers = tuple[tuple[str, str], ...]


class OpenAPI:
    """The documents of one server, by path ("api/v1", "apis/apps/v1", "version").

    `version` is the Kubernetes minor version whose built-in documents are served; `descriptions` is found
    by itself unless given. What is kept grows with the documents only: each v3 document compressed, and what
    `openapi_swagger` keeps of v2.
    """

    def __init__(self, version: str = "1.36", *, descriptions: Descriptions | None = None,
                 clock: Clock | None = None, older: Release | None = None,
                 described: Callable[[str], bool] | None = None) -> None:
        """`older` is what is known of `version` when it is not the packaged one. Of built-in documents only those are
        served of whose path `described` says so."""
        found = descriptions or openapi_descriptions.find(version)
        self.version = version
        self._clock = clock or SystemClock()
        self._every = packaged(version, found, older)
        self._packaged = self._every if described is None else {
            path: each for path, each in self._every.items() if described(path)}
        self._added: dict[str, Document] = {}
        self._index = b""
        self._swagger = Swagger(version, self._packaged)

    def add(self, path: str, document: Tree) -> None:
        """Serve `document` at /openapi/v3/<path>, in place of an earlier one; its paths and schemas join
        v2."""
        self._added[path] = Document.of(document)
        self._changed()

    def add_later(self, path: str, identity: str, make: Callable[[Shared], Tree]) -> None:
        """As `add`, of a document that is made when it is first asked for. `identity` changes whenever it does."""
        def text() -> bytes:
            return orjson.dumps(make(self._shared), option=orjson.OPT_SORT_KEYS)

        self._added[path] = Document(digest(f"{path} {identity}".encode()), lambda: packed(text()), text)
        self._changed()

    @cached_property
    def _shared(self) -> Shared:
        """What documents of custom kinds take from built-in ones."""
        return definition_openapi.shared(self.document)

    def remove(self, path: str) -> None:
        """Take an added document back; unknown paths are ignored."""
        if self._added.pop(path, None) is not None:
            self._changed()

    def _changed(self) -> None:
        self._index = b""
        self._swagger.changed()

    def document(self, path: str) -> Tree | None:
        """The document served at a path, decoded anew."""
        found = self._added.get(path) or self._every.get(path)
        return found.tree() if found is not None else None

    def _find(self, path: str) -> Document | None:
        return self._added.get(path) or self._packaged.get(path)

    def serve(self, request: Request) -> Response | Awaitable[Response]:
        """Any path under /openapi, by any method. v2 takes a while, unless a client has it already."""
        if request.path == "/openapi/v3":
            return Response(200, self._index or self._make_index(), "text/plain; charset=utf-8")
        if request.path == "/openapi/v2":
            return self._serve_v2(request)
        if request.path.startswith("/openapi/v3/"):
            return self._serve_v3(request, request.path.removeprefix("/openapi/v3/"))
        return Response(404, b"404 page not found\\n", "text/plain; charset=utf-8")

    def _make_index(self) -> bytes:
        documents = self._packaged | self._added
        paths = {path: {"serverRelativeURL": _url(path, documents[path].hash)} for path in sorted(documents)}
        self._index = orjson.dumps({"paths": paths})
        return self._index

    def _serve_v3(self, request: Request, path: str) -> Response:
        found = self._find(path)
        if found is None:
            return Response(404, b"", "")
        form = accept.first_of(request.headers.get("accept", ""), _V3_FORMS)
        if not form:
            return Response(406, b"", "", (("Vary", "Accept"),))
        content_type = JSON if form == JSON else V3_PROTO
        headers: Headers = (("Etag", f'"{found.hash}"'),)
        if asked := request.parameter("hash"):
            if asked != found.hash:
                location = ("Location", _url(path, found.hash))
                return Response(301, b"", content_type, (*headers, ("Vary", "Accept"), location))
            headers += (("Cache-Control", "public, immutable"), ("Expires", self._next_year()))
        if _has(request, found.hash):
            return _unchanged(headers)
        return _send(request, headers, content_type, found.json if form == JSON else found.proto)

    def _next_year(self) -> str:
        return formatdate(self._clock.now() + _YEAR, usegmt=True)

    def _serve_v2(self, request: Request) -> Response | Awaitable[Response]:
        media = accept.first_of(request.headers.get("accept", ""), _V2_FORMS)
        if not media:
            return Response(406, b"", "", (("Vary", "Accept"),))
        form = openapi_swagger.JSON if media == JSON else openapi_swagger.PROTO
        content_type = JSON if media == JSON else V2_PROTO
        ready = self._swagger.ready(form)
        if ready is not None and _has(request, ready.hash):
            return _unchanged((("Etag", f'"{ready.hash}"'),))
        return self._serve_form(request, form, content_type, ready)

    async def _serve_form(self, request: Request, form: str, content_type: str, ready: Form | None) -> Response:
        found = ready or await self._swagger.form(form, self._added)
        headers: Headers = (("Etag", f'"{found.hash}"'),)
        if _has(request, found.hash):
            return _unchanged(headers)
        if _takes_gzip(request.headers.get("accept-encoding", "")):
            return _send(request, headers, content_type, found.packed)
        return Response(200, await openapi_swagger.unpacked(found.packed), content_type, (*headers, _VARY))


def _url(path: str, hash: str) -> str:
    return f"/openapi/v3/{quote(path)}?hash={hash}"


def _has(request: Request, hash: str) -> bool:
    """Whether the client has that document already (If-None-Match, compared weakly)."""
    known = request.headers.get("if-none-match", "")
    wanted = (f'"{hash}"', "*")
    return any(tag.strip().removeprefix("W/") in wanted for tag in known.split(","))


def _unchanged(headers: Headers) -> Response:
    return Response(304, b"", "", (*headers, _VARY))


def _send(request: Request, headers: Headers, content_type: str, compressed: bytes) -> Response:
    if _takes_gzip(request.headers.get("accept-encoding", "")):
        return Response(200, compressed, content_type, (*headers, _VARY, ("Content-Encoding", "gzip")))
    return Response(200, gzip.decompress(compressed), content_type, (*headers, _VARY))


def _takes_gzip(header: str) -> bool:
    for part in header.split(","):
        coding, _, quality = part.partition(";")
        if coding.strip() in ("gzip", "*"):
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
