"""Request bodies to trees: parse, check kind and version, check fields, apply defaults, convert to the stored version.

Called by create, update, patch (for the result) and delete (for options). Texts: apiserver `endpoints/handlers/rest.go`
transformDecodeError and apimachinery `runtime/serializer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.field import quote
from orlop.api.gvk import GroupVersion, GroupVersionKind
from orlop.api.http import Request
from orlop.api.tree import Tree
from orlop.codec import json, meta, negotiation, protobuf, yaml
from orlop.endpoints.scope import Scope
from orlop.schema.interface import DecodeError, Schema

UNFIT = (DecodeError, protobuf.ProtobufError)
"""What `typed` raises."""
SUMMARY_BYTES = 30
"""How much of an unreadable body an error quotes."""


class Unreadable(Exception):
    """A body that says no kind. The text follows "(must be of type X): " in the answer."""


def summarize(body: bytes) -> str:
    """The beginning of a body for an error message: text when it looks like JSON, hexadecimal otherwise."""
    if not body:
        return "<empty>"
    part = body[:SUMMARY_BYTES]
    text = part.decode("utf-8", "replace") if body[:1] == b"{" else part.hex()
    return f"{text} ..." if len(body) > SUMMARY_BYTES else text


class Body(NamedTuple):
    """A body read, before its fields are looked at. `kind` is what it says it is, with what the URL says filled in.
    `text` is the JSON text it stands for (None for protobuf, whose message is `message`), `complaints` what is wrong
    with it short of being unreadable."""

    kind: GroupVersionKind
    tree: Tree
    text: bytes | None = None
    message: bytes | None = None
    complaints: tuple[str, ...] = ()


def read(body: bytes, media: str, default: GroupVersionKind) -> Body:
    """The body and its kind. Raises Unreadable with the text that follows "(must be of type X): "."""
    if media == "protobuf":
        return _read_protobuf(body, default)
    complaints: tuple[str, ...] = ()
    text = body
    try:
        if media == "yaml":
            text, repeated = yaml.to_json(body)
            complaints = (yaml.JSONText(text, repeated).strict_error(),) if repeated else ()
        value = json.decode(text)
    except yaml.YAMLError as error:
        raise Unreadable(str(error)) from None
    except json.JSONError as error:
        raise Unreadable(meta.parse_error(str(error))) from None
    if type(value) is dict and value.get("apiVersion") == default.api_version and value.get("kind") == default.kind:
        return Body(default, value, text, None, complaints)
    try:
        found = meta.interpret(value)
    except meta.MetaError as error:
        raise Unreadable(str(error)) from None
    return Body(_filled(found, default), value or {}, text, None, complaints)


def _read_protobuf(body: bytes, default: GroupVersionKind) -> Body:
    try:
        envelope = protobuf.unwrap(body)
        version = GroupVersion.parse(envelope.api_version)
    except ValueError as error:
        raise Unreadable(str(error)) from None
    return Body(_filled(version.kind(envelope.kind), default), {}, None, envelope.raw)


def own_kind(tree: Tree, default: GroupVersionKind) -> GroupVersionKind:
    """What a tree says it is, with what the URL says filled in. Raises DecodeError for names that are none."""
    if tree.get("apiVersion") == default.api_version and tree.get("kind") == default.kind:
        return default
    try:
        return _filled(meta.interpret(tree), default)
    except meta.MetaError as error:
        raise DecodeError(str(error)) from None


def _filled(found: GroupVersionKind, default: GroupVersionKind) -> GroupVersionKind:
    group, version = found.group_version if found.version else default.group_version
    return GroupVersionKind(group, version, found.kind or default.kind)


def check_kind(scope: Scope, actual: GroupVersionKind) -> None:
    """Refuse bodies of another kind or version than the route's."""
    if scope.check_kind is not None:
        scope.check_kind(actual)
        return
    expected = scope.kind
    if actual == expected or (actual.group_kind == expected.group_kind and actual.group_version in scope.accepts):
        return
    if actual.kind == expected.kind and scope.knows(actual):
        raise errors.bad_request(f"the API version in the data ({actual.group_version}) does not match the expected "
                                 f"API version ({expected.group_version})")
    raise errors.bad_request(f"{actual.kind} in version {quote(actual.version)} cannot be handled as a "
                             f"{expected.kind}: {mismatch(scope, actual)}")


def mismatch(scope: Scope, actual: GroupVersionKind) -> str:
    """Why an object of another kind cannot become one of the route's."""
    if not scope.knows(actual):
        return (f"no kind {quote(actual.kind)} is registered for version {quote(str(actual.group_version))} in scheme "
                '"pkg/runtime/scheme.go:111"')
    return f"converting ({_go_name(actual)}) to ({_go_name(scope.kind, internal=True)}): unknown conversion"


def _go_name(kind: GroupVersionKind, *, internal: bool = False) -> str:
    package = (kind.group.split(".")[0] or "core") if internal else kind.version
    return f"{package}.{kind.kind}"


def typed(body: Body, schema: Schema, strict: list[str] | None) -> Tree:
    """The tree with types and names of all fields checked. Raises DecodeError and ProtobufError."""
    if body.message is not None:
        return schema.from_protobuf(body.message)
    schema.decode(body.tree, strict, body.text)
    return body.tree


def check_fields(body: Body, schema: Schema, strict: list[str] | None) -> Tree:
    """As `typed`, for the object of a request. Raises the 400 of a body that cannot be decoded."""
    try:
        return typed(body, schema, strict)
    except UNFIT as error:
        kind = body.kind
        raise errors.bad_request(f"{kind.kind} in version {quote(kind.version)} cannot be handled as a {kind.kind}: "
                                 f"{error}") from None


def forgets_owners(tree: Tree) -> bool:
    """Whether a client asks to forget who owns what, by an empty list; to the schema that is as none."""
    metadata = tree.get("metadata")
    return isinstance(metadata, dict) and metadata.get("managedFields") == []


def decode(scope: Scope, request: Request, ctx: Context, field_validation: str) -> Tree:
    """The body as an object of the stored version with defaults, kind and apiVersion still there.

    `field_validation` is Strict, Warn or Ignore. Raises 400 and 415.
    """
    media = negotiation.input_media(request.headers.get("content-type", ""))
    try:
        body = read(request.body, media, scope.kind)
    except Unreadable as error:
        raise errors.bad_request(f"the object provided is unrecognized (must be of type {scope.kind.kind}): {error} "
                                 f"({summarize(request.body)})") from None
    if body.kind != scope.kind:
        check_kind(scope, body.kind)
    strict: list[str] | None = None if field_validation == "Ignore" else [*body.complaints]
    forgets = forgets_owners(body.tree)
    tree = check_fields(body, scope.schema, strict)
    if forgets:
        tree["metadata"]["managedFields"] = []
    if strict:
        report_strict(scope, ctx, strict, field_validation)
    return settle(scope, tree)


def report_strict(scope: Scope, ctx: Context, strict: Sequence[str], field_validation: str) -> None:
    """Unknown and duplicate fields: a 400 under Strict, warnings under Warn."""
    if field_validation == "Strict":
        kind = scope.kind
        raise errors.bad_request(f"{kind.kind} in version {quote(kind.version)} cannot be handled as a {kind.kind}: "
                                 f"strict decoding error: {', '.join(strict)}")
    for text in strict:
        for line in text.removeprefix("yaml: unmarshal errors:\n").split("\n"):
            ctx.warn(line.strip())


def settle(scope: Scope, tree: Tree) -> Tree:
    """Defaults, then the stored version."""
    tree.setdefault("metadata", {})
    scope.default(tree)
    return scope.to_hub(tree) if scope.to_hub is not None else tree
