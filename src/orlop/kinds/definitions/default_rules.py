"""Default values in structural schemas: they must be what the schema itself would accept.

Asked by `root` for schemas that are structural, and by `options` about stored ones. What values may look like is
judged by the room `structural`. A default within the metadata of a resource is judged in the smallest object that has
it. As upstream does, the metadata of embedded resources in defaults is coerced on the way, in place. Behaviour:
apiextensions-apiserver `pkg/apiserver/schema/defaulting/validation.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from orlop.api.field import INVALID, FieldError, GoText, Path, aggregate, invalid
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.definitions import rules, schema_walk, shown
from orlop.kinds.definitions.plain import Plain
from orlop.schema.interface import DecodeError
from orlop.structural.defaulting import INDEX, copied, prune_defaults, surround
from orlop.structural.defaulting import Path as Steps
from orlop.structural.embedded import coerce, validate
from orlop.structural.problems import field_errors
from orlop.structural.pruning import prune
from orlop.structural.schema import META_FIELDS, Node, compile
from orlop.structural.validation import examine

_EMBEDDED: Final = "x-kubernetes-embedded-resource"
_TYPE_META: Final = {"kind": "Validation", "apiVersion": "validation/v1"}
_INT_OR_STRING: Final = "x-kubernetes-int-or-string"
_IS_INVALID: Final = ": Invalid value: "


def has_unpruned(schema: Tree) -> bool:
    """Whether a default of a structural schema has fields that nobody knows."""
    if not schema_walk.some(schema, lambda one: one.get("default") is not None):
        return False
    before, after = compile(copied(schema)), compile(copied(schema))
    prune_defaults(after)
    return list(_defaults(before)) != list(_defaults(after))


def _defaults(node: Node | None) -> Iterator[Any]:
    if node is None:
        return
    yield node.default
    yield from _defaults(node.additional)
    yield from _defaults(node.items)
    for below in node.properties.values():
        yield from _defaults(below)


@dataclass(frozen=True, slots=True)
class _At:
    """One schema: `root` is the resource it belongs to, `steps` lead here from there. `in_meta`: on the way is kind,
    apiVersion or metadata of the resource."""

    path: Path
    node: Node
    root: Node
    steps: Steps = ()
    in_meta: bool = False


def check(path: Path, schema: Tree, pruned: bool, plain: Plain) -> Errors:
    """`schema` is the root's; `pruned` refuses unknown fields in defaults."""
    if not schema_walk.some(schema, lambda one: one.get("default") is not None, plain):
        return []
    root = Node({**schema, _EMBEDDED: True})
    return _check(_At(path, root, root), pruned)


def _as_openapi(schema: Tree) -> Node:
    """The schema as defaults are held to it: all formats count, upstream's int-or-string without a type takes anything
    here, and within junctors members that are not named are not forbidden."""
    node = Node(_any_type(schema))
    waiting = [(node, False)]
    while waiting:
        one, nested = waiting.pop()
        one.format = one.props.get("format") or ""
        if nested and not one.open:
            one.open = None
        waiting += [(below, nested) for below in (*one.properties.values(), one.items, one.additional)
                    if below is not None]
        waiting += [(below, True) for below in (*one.all_of, *one.any_of, *one.one_of, one.negated)
                    if below is not None]
    return node


def _any_type(schema: Tree) -> Tree:
    """Without int-or-string."""
    if not schema_walk.some(schema, lambda one: bool(one.get(_INT_OR_STRING))):
        return schema
    made = {name: value for name, value in schema.items() if name != _INT_OR_STRING}
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            made[name] = _any_type(schema[name])
    if schema.get("properties"):
        made["properties"] = {name: _any_type(member) for name, member in schema["properties"].items()}
    return made


def _check(at: _At, pruned: bool) -> Errors:
    node = at.node
    if node.embedded:
        at = replace(at, root=node, steps=(), in_meta=False)
    found: Errors = []
    if node.default is not None:
        found += _in_meta(at) if at.in_meta else _plain(at, pruned)
    # Below additionalProperties are none: where they would be ambiguous, other rules forbid them.
    if node.items is not None:
        found += _check(replace(at, path=at.path.child("items"), node=node.items, steps=(*at.steps, INDEX)), pruned)
    for name in sorted(node.properties):
        found += _check(replace(at, path=at.path.child("properties").key(name), node=node.properties[name],
                                steps=(*at.steps, name), in_meta=at.in_meta or (node.embedded and name in META_FIELDS)),
                        pruned)
    return found


def _plain(at: _At, pruned: bool) -> Errors:
    place, node = at.path.child("default"), at.node
    found: Errors = []
    if pruned:
        rest = copied(node.default)
        prune(rest, node, node.embedded)
        if rest != node.default:
            found.append(invalid(place, shown.value(node.default), "must not have unknown fields"))
    try:
        coerce(node.default, node, node.embedded)
    except DecodeError as error:
        return [*found, _located(place, str(error))]
    return found + (validate(node.default, node, place, node.embedded) or _value(place, node))


def _in_meta(at: _At) -> Errors:
    place, node = at.path.child("default"), at.node
    around = {**_TYPE_META, **surround(copied(node.default), at.steps)}
    try:
        coerce(around, at.root, True)
        problems = validate(around, at.root, Path(), True)
    except DecodeError as error:
        return [invalid(place, shown.value(node.default), f"must result in valid metadata: {error}")]
    if problems:
        return [invalid(place, shown.value(node.default), f"must result in valid metadata: {aggregate(problems)}")]
    return _value(place, node)


def _value(place: Path, node: Node) -> Errors:
    result = examine(_as_openapi(node.props), node.default, "")
    found = field_errors(result, place)
    if found or not schema_walk.some(node.props, lambda one: bool(one.get(rules.RULES))):
        return found
    from orlop.kinds.definitions import rule_compilation

    return rule_compilation.check_default(node, place, node.default)


def _located(place: Path, text: str) -> FieldError:
    """The complaint of a coercion, which knows places within the default only."""
    name, _, rest = text.partition(_IS_INVALID)
    return FieldError(INVALID, str(place) + (name if name.startswith("[") else f".{name}"), GoText(rest), "")
