"""Answers: the only writer of bodies.

The verbs hand in an object or a list; what the client asked for (JSON, YAML, protobuf; a Table, metadata alone) comes
out. Errors become Status bodies here too. Behaviour: apiserver `endpoints/handlers/response.go` and
`handlers/responsewriters`.
"""

from __future__ import annotations

import re

import orjson

from orlop.api.context import Context
from orlop.api.errors import APIError
from orlop.api.http import Request, Response
from orlop.api.query_options import parse_table
from orlop.codec import negotiation, yaml
from orlop.codec.negotiation import Representation
from orlop.endpoints import encoding, protobuf_body, table
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
        agent = request.headers.get("user-agent", "")
        if representation.pretty or negotiation.wants_pretty(request.parameter("pretty"), agent):
            text = body if isinstance(body, bytes) else b"".join(body)
            body = orjson.dumps(orjson.loads(text), option=_INDENT) + b"\n"
        return Response(status, body, JSON)
    tree = orjson.loads(body if isinstance(body, bytes) else b"".join(body))
    if media == "yaml":
        return Response(status, yaml.from_tree(tree), "application/yaml")
    return Response(status, protobuf_body.encode(tree), "application/vnd.kubernetes.protobuf")


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


def list_metadata(result: ListResult) -> bytes:
    """A list's metadata without braces."""
    text = b'"resourceVersion":"%d"' % result.revision
    if result.next:
        text += b',"continue":"%b"' % result.next.encode()
    if result.remaining:
        text += b',"remainingItemCount":%d' % result.remaining
    return text


def answer_list(scope: Scope, request: Request, result: ListResult,
                representation: Representation) -> Response:
    """A list, its items in pieces that are never joined here."""
    transform = representation.transform
    metadata = list_metadata(result)
    if transform is None:
        pieces = [scope.list_head + metadata + b'},"items":[']
        encoded = [encoding.item(scope, obj) for obj in result.items]
        closing = b"]}"
    elif transform == "Table":
        include = parse_table(request).include_object or "Metadata"
        printer, version, now = scope.printer(), representation.version, scope.clock.now()
        pieces = [table.opening(printer, metadata, version=version)]
        encoded = [table.row(scope, printer, obj, include, now, version) for obj in result.items]
        closing = table.CLOSING
    elif transform == "PartialObjectMetadataList":
        head = b'{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/%b","metadata":{'
        pieces = [head % representation.version.encode() + metadata + b'},"items":[']
        encoded = [encoding.partial(obj, representation.version) for obj in result.items]
        closing = b"]}"
    else:
        raise _not_as(scope, transform, "a list", scope.list_kind or scope.kind.kind + "List")
    if encoded:
        separated = [b","] * (2 * len(encoded) - 1)
        separated[0::2] = encoded
        pieces += separated
    pieces.append(closing)
    return _finish(request, representation, 200, pieces)


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
