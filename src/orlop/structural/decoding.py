"""Decoding of custom objects: a quick look at what is right already, and the slow way for the rest.

`kind.CustomSchema` compiles the look once per version and runs it on every body. It changes nothing: an object that
upstream would leave as it is passes, anything else (unknown fields, nulls that must go, whole floats, embedded
resources that are not as they should be) is a `Surprise`, and `decode_slowly` does what upstream's
schemaCoercingDecoder does. Behaviour: apiextensions-apiserver `pkg/apiserver/customresource_handler.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from orlop.api.gvk import GroupVersion, GroupVersionKind
from orlop.api.tree import Tree
from orlop.schema.interface import DecodeError
from orlop.schema.scalars import Surprise
from orlop.structural.embedded import coerce, metadata_codec, read_metadata
from orlop.structural.numbers import beyond_floats, go_kind, is_plain_float, is_settled, settle
from orlop.structural.pruning import EMPTY, prune, prune_nulls
from orlop.structural.schema import META_FIELDS, Node

Look: TypeAlias = Callable[[Any], None]
"""Raises Surprise for a value that upstream would change. Called with objects and lists only."""

_SIMPLE: Final = frozenset({str, int, bool})


def compile_look(node: Node | None) -> Look:
    """The look at whole objects, without kind, apiVersion and metadata."""
    return _look(node if node is not None else EMPTY, META_FIELDS)


def _look(node: Node, own: frozenset[str]) -> Look:
    """`own` are members which the schema need not name; they are not looked at."""
    known = own | node.properties.keys()
    anything = node.preserve or node.open is not None
    steps = {name: _member_look(below) for name, below in node.properties.items()}
    nulls = own | {name for name, below in node.properties.items() if below.nullable or below.default is not None}
    rest = _rest_look(node)
    rest_nulls = anything and (node.additional is None or node.additional.nullable
                               or node.additional.default is not None)
    items = _items_look(node)
    resource = node.embedded

    def look(value: Any) -> None:
        if type(value) is list:
            for item in value:
                kind = type(item)
                if kind not in _SIMPLE and item is not None:
                    items(item)
            return
        for key, item in value.items():
            kind = type(item)
            if kind in _SIMPLE:
                if anything or key in known:
                    continue
                raise Surprise
            if key in known:
                if item is None:
                    if key in nulls:
                        continue
                    raise Surprise
                if key in own:
                    continue
                steps[key](item)
            elif not anything:
                raise Surprise
            elif item is None:
                if not rest_nulls:
                    raise Surprise
            else:
                rest(item)

    def look_at_resource(value: Any) -> None:
        if type(value) is dict:
            _look_at_meta(value)
        look(value)

    return look_at_resource if resource else look


def _look_at_meta(value: Tree) -> None:
    """Kind, apiVersion and metadata of an embedded resource."""
    if type(value.get("kind", "")) is not str or type(value.get("apiVersion", "")) is not str:
        raise Surprise
    if "metadata" in value:
        if type(value["metadata"]) is not dict:
            raise Surprise
        metadata_codec()(value["metadata"])


def _member_look(node: Node) -> Look:
    """The look at a member's value that is no string, integer, boolean or null."""
    inner = _look(node, META_FIELDS if node.embedded else frozenset())
    return lambda value: _look_at_float(value) if type(value) is float else inner(value)


def _look_at_float(value: float) -> None:
    if not is_plain_float(value):
        raise Surprise


def _kept(value: Any) -> None:
    if not is_settled(value):
        raise Surprise


def _emptied(value: Any) -> None:
    """For values without a schema where nothing is kept: objects would be emptied."""
    if type(value) is list:
        for item in value:
            _emptied(item)
    elif type(value) is dict and value:
        raise Surprise
    elif type(value) is float:
        _look_at_float(value)


def _rest_look(node: Node) -> Look:
    if node.additional is not None:
        return _member_look(node.additional)
    return _kept if node.open is None else _emptied


def _items_look(node: Node) -> Look:
    if node.items is None:
        return _kept if node.preserve else _emptied
    if not node.preserve or node.items.preserve:
        return _member_look(node.items)
    # A list that keeps everything keeps what its items do not name.
    return _refuse


def _refuse(value: Any) -> None:
    raise Surprise


def look_at_metadata(tree: Tree) -> None:
    """The metadata of the object itself, spelled canonically."""
    metadata = tree.get("metadata")
    if type(metadata) is not dict:
        if metadata is None and "metadata" not in tree:
            return
        raise Surprise
    metadata_codec()(metadata)


def decode_slowly(tree: Tree, gvk: GroupVersionKind, node: Node | None, preserve: bool,
                  strict: list[str] | None = None, text: bytes | None = None, drop: bool = False,
                  applied: bool = False) -> None:
    """Everything upstream does to an object that was parsed, in its order. `preserve` is the definition's
    preserveUnknownFields, `drop` the leniency towards metadata of stored objects. What was `applied` keeps the nulls
    that validation is to see. With `strict` only the tree itself changes, not what is below: refusals may quote it."""
    if number := beyond_floats(tree, text):
        raise DecodeError(f"json: cannot unmarshal number {number} into Go value of type float64")
    kind, version = _own_name(tree, "kind"), _own_name(tree, "apiVersion")
    unknown: list[str] = []
    metadata: Tree | None = None
    if strict is not None:
        for name, value in tree.items():
            tree[name] = _copied(value)
    if "metadata" in tree:
        metadata, below = read_metadata(tree["metadata"], drop)
        unknown += [f"metadata.{name}" for name in below]
    try:
        group = GroupVersion.parse(version or "").group if version != "/" else ""
    except ValueError as error:
        raise DecodeError(str(error)) from None
    if group == gvk.group and kind == gvk.kind:
        if not preserve:
            unknown += prune(tree, node, is_root=True)
            prune_nulls(tree, node, untyped=applied)
        unknown += coerce(tree, node, drop=drop)
    for name, value in (("kind", kind), ("apiVersion", version), ("metadata", metadata)):
        if value is not None:
            tree[name] = value
    for name, value in tree.items():
        if name != "metadata":
            tree[name] = settle(value)
    if strict is not None:
        strict.extend(f'unknown field "{name}"' for name in unknown)


def _copied(value: Any) -> Any:
    if type(value) is dict:
        return {name: _copied(inner) for name, inner in value.items()}
    return [_copied(item) for item in value] if type(value) is list else value


def _own_name(tree: Tree, name: str) -> str | None:
    if name not in tree:
        return None
    value = tree[name]
    if type(value) is not str:
        raise DecodeError(f".{name} accessor error: {_accessor(value)}, expected string")
    return value


def _accessor(value: Any) -> str:
    kind = {"map": "map[string]interface {}", "slice": "[]interface {}", "nil": "<nil>"}.get(go_kind(value))
    return f"{'<nil>' if value is None else value} is of the type {kind or go_kind(value)}"
