"""Metadata of custom objects and of the resources embedded in them: read, and judged where embedded.

Custom objects have no Go type but their metadata has: `read_metadata` makes of it what upstream prints of an
ObjectMeta. `decoding` coerces with it, `kind.CustomSchema` validates embedded resources. The rules of an object's own
metadata are `api.validation`'s. Behaviour: apiextensions-apiserver `pkg/apiserver/schema/objectmeta`.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, NamedTuple

import orjson

from orlop.api import names
from orlop.api.field import FieldError, Path, invalid, required
from orlop.api.gvk import GroupVersion
from orlop.api.tree import Tree, Value
from orlop.api.validation import validate_object_meta
from orlop.schema.exact import Reader
from orlop.schema.interface import DecodeError
from orlop.schema.kind import builtin
from orlop.schema.scalars import Decoder, Surprise
from orlop.schema.structural import Structural
from orlop.schema.types import Type
from orlop.structural.numbers import shown
from orlop.structural.pruning import EMPTY
from orlop.structural.schema import Node

ROOT: Final = Path()
_UNKNOWN: Final = "unknown field "
_NOT_NAMED: Final = "fakename"
"""Stands in for the name of an embedded resource that has none, which is allowed."""


@cache
def _meta_type() -> Type:
    return builtin().table.named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")


@cache
def metadata_codec() -> Decoder:
    """The fast codec of metadata, which knows values that are right; others are a `Surprise`."""
    return Structural(nil_empty=False).struct(_meta_type())


class Misfit(DecodeError):
    """A part of an embedded resource that is not what it should be: `error` says it with its place."""

    def __init__(self, error: FieldError) -> None:
        super().__init__(str(error))
        self.error = error


class Found(NamedTuple):
    """Metadata that was read. `unknown` are paths below it."""

    metadata: Tree
    unknown: list[str]


def read_metadata(value: Value, drop: bool = False) -> Found:
    """Metadata as an ObjectMeta prints it. DecodeError in Go's words for what is none; with `drop`, members that
    do not fit are left out instead."""
    complaints: list[str] = []
    try:
        read = Reader(complaints).read(_meta_type(), _in_order(value))
    except DecodeError:
        if not drop:
            raise
        if type(value) is not dict:
            raise DecodeError(f"invalid metadata: expected object, got {_go_type(value)}") from None
        read = _fitting(value)
    unknown = [orjson.loads(text.removeprefix(_UNKNOWN)) for text in complaints if text.startswith(_UNKNOWN)]
    try:
        metadata: Tree = metadata_codec()(read if read is not None else {})
    except (Surprise, RecursionError):
        raise DecodeError("exceeded max depth") from None
    return Found(metadata, unknown)


def _in_order(value: Value) -> Value:
    """The value with its members sorted, as upstream's round trip through JSON leaves it."""
    try:
        return orjson.loads(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))
    except ValueError:
        return value


def _fitting(value: Tree) -> Tree:
    result: Tree = {}
    for key, inner in value.items():
        try:
            read = Reader(None).read(_meta_type(), {key: inner})
        except DecodeError:
            continue
        result.update(read)
    return result


def _go_type(value: Value) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    return "[]interface {}" if isinstance(value, list) else "float64" if isinstance(value, float) else "int64"


def coerce(value: Value, node: Node | None, is_root: bool = False, drop: bool = False,
           path: Path = ROOT) -> list[str]:
    """Check kind, apiVersion and metadata of embedded resources and prune the latter, in place; with `is_root` those
    of the object itself, too. The paths of unknown fields, sorted. Misfit for what does not fit, unless `drop`
    leaves it out."""
    unknown: list[str] = []
    _coerce(value, EMPTY if is_root and node is None else node, path, is_root, drop, unknown)
    unknown.sort()
    return unknown


def _coerce(value: Value, node: Node | None, path: Path, is_root: bool, drop: bool, unknown: list[str]) -> None:
    if node is None:
        return
    if type(value) is dict:
        if node.embedded or is_root:
            _coerce_resource(value, path, drop, unknown)
        for key, inner in value.items():
            if key in node.properties:
                _coerce(inner, node.properties[key], path.child(key), False, drop, unknown)
            elif node.additional is not None:
                _coerce(inner, node.additional, path.key(key), False, drop, unknown)
    elif type(value) is list:
        for index, inner in enumerate(value):
            _coerce(inner, node.items, path.index(index), False, drop, unknown)


def _coerce_resource(value: Tree, path: Path, drop: bool, unknown: list[str]) -> None:
    for key in ("apiVersion", "kind"):
        if key in value and type(value[key]) is not str:
            if not drop:
                raise Misfit(invalid(path.child(key), shown(value[key]), "must be a string"))
            del value[key]
    if "metadata" not in value:
        return
    place = path.child("metadata")
    try:
        found = read_metadata(value["metadata"], drop)
    except DecodeError as error:
        if drop:
            return
        raise Misfit(invalid(place, shown(value["metadata"]), str(error))) from None
    unknown.extend(f"{place}.{name}" for name in found.unknown)
    value["metadata"] = found.metadata


def embeds(node: Node | None) -> bool:
    """Whether a resource can be embedded somewhere under the schema."""
    return node is not None and (node.embedded or embeds(node.additional) or embeds(node.items)
                                 or any(map(embeds, node.properties.values())))


def validate(value: Value, node: Node | None, path: Path, is_root: bool = False) -> list[FieldError]:
    """What is wrong with kind, apiVersion and metadata of embedded resources; of the object itself with
    `is_root`."""
    found: list[FieldError] = []
    _validate(value, EMPTY if is_root and node is None else node, path, is_root, found)
    return found


def _validate(value: Value, node: Node | None, path: Path, is_root: bool, found: list[FieldError]) -> None:
    if node is None:
        return
    if type(value) is dict:
        if node.embedded or is_root:
            _validate_resource(value, path, found)
        for key, inner in value.items():
            if key in node.properties:
                _validate(inner, node.properties[key], path.child(key), False, found)
            elif node.additional is not None:
                _validate(inner, node.additional, path.key(key), False, found)
    elif type(value) is list:
        for index, inner in enumerate(value):
            _validate(inner, node.items, path.index(index), False, found)


def _validate_resource(value: Tree, path: Path, found: list[FieldError]) -> None:
    found += [required(path.child(key)) for key in ("apiVersion", "kind") if key not in value]
    for key, check in (("apiVersion", _version_problem), ("kind", _kind_problem)):
        if key in value:
            text: Any = value[key]
            problem = "must be a string" if type(text) is not str else check(text) if text else "must not be empty"
            if problem:
                found.append(invalid(path.child(key), shown(text), problem))
    if "metadata" in value:
        place = path.child("metadata")
        try:
            metadata = read_metadata(value["metadata"]).metadata
        except DecodeError as error:
            found.append(invalid(place, shown(value["metadata"]), str(error)))
            return
        metadata = {**metadata, "name": metadata.get("name") or _NOT_NAMED}
        found += validate_object_meta(metadata, bool(metadata.get("namespace")), names.name_is_path_segment, place)


def _version_problem(text: str) -> str:
    try:
        GroupVersion.parse(text)
    except ValueError as error:
        return str(error) if text != "/" else ""
    return ""


def _kind_problem(text: str) -> str:
    complaints = names.dns1035_label(text.lower())
    return f"may have mixed case, but should otherwise match: {','.join(complaints)}" if complaints else ""
