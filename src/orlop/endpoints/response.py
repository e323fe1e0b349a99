"""Answers: the only writer of bodies.

The verbs hand in an object or a list; what the client asked for (JSON, YAML, protobuf; a Table, metadata alone) comes
out. Errors become Status bodies here too. Behaviour: apiserver `endpoints/handlers/response.go` and
`handlers/responsewriters`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

import orjson

from orlop.api.context import Context
from orlop.api.errors import APIError
from orlop.api.http import Request, Response, Stream
from orlop.api.query_options import parse_table
from orlop.codec import negotiation, yaml
from orlop.codec.negotiation import Media, Representation
from orlop.endpoints import encoding, list_document, protobuf_body, table
from orlop.endpoints.feed import Turns, fed
from orlop.endpoints.list_document import Document
from orlop.endpoints.scope import Scope
from orlop.registry.interface import ListResult, Object
from orlop.storage.interface import Entry

JSON = "application/json"
WARNINGS_LENGTH = 4096
"""Characters that the warnings of one answer have together; beyond, they are cut."""
WARNING_CUT = 256
"""Characters that a warning keeps then."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_INDENT = orjson.OPT_INDENT_2


def _finish(request: Request, representation: Representation, status: int, body: bytes | list[bytes]) -> Response:
    """From JSON text to the media type asked for."""
    media = representation.media
    if media == "json":
        if representation.pretty or _wants_pretty(request):
            text = body if isinstance(body, bytes) else b"".join(body)
            body = orjson.dumps(orjson.loads(text), option=_INDENT) + b"\n"
        return Response(status, body, JSON)
    tree = orjson.loads(body if isinstance(body, bytes) else b"".join(body))
    if media == "yaml":
        return Response(status, yaml.from_tree(tree), "application/yaml")
    return Response(status, protobuf_body.encode(tree), "application/vnd.kubernetes.protobuf")


def _wants_pretty(request: Request) -> bool:
    return negotiation.wants_pretty(request.parameter("pretty"), request.headers.get("user-agent", ""))


def negotiate(request: Request, produces: tuple[str, ...] = negotiation.MEDIA_TYPES) -> Representation:
    """What the client accepts; 406 when it is nothing we have."""
    accept = request.headers.get("accept", "")
    if accept == JSON:
        return negotiation.JSON
    negotiation.check_produces(accept, produces)
    return negotiation.negotiate(accept)


def answer_object(scope: Scope, request: Request, obj: Object, status: int,
                  representation: Representation) -> Response:
    """One object, or a Status that an operation returned instead."""
    transform = representation.transform
    if transform is None or (isinstance(obj, dict) and obj.get("kind") == "Status"):
        return _finish(request, representation, status, encoding.whole(scope, obj))
    if transform == "Table":
        include = parse_table(request).include_object or "Metadata"
        printer, version = scope.printer(), representation.version
        row = table.row(scope, printer, obj, include, scope.clock.now(), version)
        body = table.opening(printer, _version_of(obj), version=version) + row + table.CLOSING
    elif transform == "PartialObjectMetadata":
        body = encoding.partial(obj, representation.version)
    else:
        raise _not_as(scope, transform, "not a list", scope.kind.kind)
    return _finish(request, representation, status, body)


def _not_as(scope: Scope, transform: str, what: str, kind: str) -> APIError:
    """The 406 for metadata of a list asked for as that of one object, or the reverse; it names Go's types."""
    group = scope.kind.group.partition(".")[0] or "core"
    package = "core" if group == "events" else group
    text = f"you requested {transform}, but the requested object is {what} (*{package}.{kind})"
    return APIError(406, "NotAcceptable", text)


def _version_of(obj: Object) -> bytes:
    if isinstance(obj, Entry):
        return b'"resourceVersion":"%d"' % obj.revision if obj.revision else b""
    version = (obj.get("metadata") or {}).get("resourceVersion", "")
    return b'"resourceVersion":"%b"' % version.encode() if version else b""


LONG_LIST: Final = 4096
"""Items of a list from which on it is written turn by turn; shorter ones are made at once."""
LONG_DEAR_LIST: Final = 512
"""The same of lists for which items are decoded (Tables, metadata alone, other versions)."""
LONG_SLOW_LIST: Final = 128
"""The same of lists in other media types, and of indented ones."""


def answer_list(scope: Scope, request: Request, result: ListResult,
                representation: Representation) -> Response | Stream:
    """A list, its items in pieces that are never joined here; a long one without its length, a turn of the loop's
    worth after the other."""
    document = _document(scope, request, result, representation)
    media, items = representation.media, result.items
    if len(items) <= LONG_SLOW_LIST:
        return _finish(request, representation, 200, document.pieces(items))
    pretty = media == "json" and (representation.pretty or _wants_pretty(request))
    short = media == "json" and not pretty and len(items) <= (LONG_DEAR_LIST if document.dear else LONG_LIST)
    if short or (media == "protobuf" and representation.transform == "Table"):
        return _finish(request, representation, 200, document.pieces(items))
    make = list_document.indented if pretty else _LONG[media]
    return Stream(representation.content_type, lambda channel: fed(channel, make(document, items)))


_LONG: Final[dict[Media, Callable[[Document, Sequence[Object]], Turns]]] = {
    "json": list_document.compact, "yaml": list_document.in_yaml, "protobuf": list_document.InProtobuf}


def _document(scope: Scope, request: Request, result: ListResult, representation: Representation) -> Document:
    transform, version = representation.transform, representation.version
    metadata = list_document.metadata_of(result)
    if transform is None:
        return list_document.plain(scope, metadata)
    if transform == "Table":
        return list_document.rows(scope, metadata, parse_table(request).include_object or "Metadata", version)
    if transform == "PartialObjectMetadataList":
        return list_document.partial(metadata, version)
    raise _not_as(scope, transform, "a list", scope.list_kind or scope.kind.kind + "List")


def answer_error(request: Request, error: APIError) -> Response:
    """A Status, in indented JSON when the Accept header names nothing we have."""
    if error.plain:
        return Response(error.code, error.plain.encode(), "text/plain; charset=utf-8")
    representation = negotiation.negotiate_error(request.headers.get("accept", ""))
    if representation is negotiation.RAW:
        answer = Response(error.code, orjson.dumps(error.status(), option=_INDENT), JSON)
    else:
        answer = _finish(request, representation, error.code, orjson.dumps(error.status()))
    if error.retry_after:
        answer.headers = (*answer.headers, ("Retry-After", str(error.retry_after)))
    return answer


def add_warnings(ctx: Context, headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The request's warnings as RFC 7234 headers, as apimachinery `util/net` NewWarningHeader writes them: texts with
    control characters are left out."""
    made = []
    for text in _fitting([text for text in ctx.warnings if text and not _CONTROL.search(text)]):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        made.append(("Warning", f'299 - "{escaped}"'))
    return (*headers, *made)


def _fitting(texts: list[str]) -> list[str]:
    """All of them if they fit into WARNINGS_LENGTH; else each cut to WARNING_CUT, and no more once the length is
    reached (apiserver `endpoints/filters/warning.go`)."""
    if sum(map(len, texts)) <= WARNINGS_LENGTH:
        return texts
    cut: list[str] = []
    whole = written = 0
    for text in texts:
        if written >= WARNINGS_LENGTH and whole > WARNINGS_LENGTH:
            break
        whole += len(text)
        cut.append(text[:WARNING_CUT])
        written += len(cut[-1])
    return cut
