"""A JSONSchemaProps tree as a tree of nodes: what every compiler of this room reads.

`kind.CustomSchema` and the rules of CustomResourceDefinitions call `compile` once per version of a definition and hand
the nodes on to `decoding`, `defaulting`, `checking`, `validation`, `list_types`, `embedded` and `openapi`. Nothing is
judged here: whether a schema is structural is for the rules of definitions. Behaviour: apiextensions-apiserver
`pkg/apiserver/schema/convert.go` and `pkg/apiserver/validation/validation.go` (ConvertJSONSchemaProps).
"""

from __future__ import annotations

from typing import Any, Final

from orlop.api.tree import Tree, Value

META_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata"})
"""What an object that is a resource may always have."""
RULES: Final = "x-kubernetes-validations"
"""The keyword of rules in CEL."""

_STRING_FORMATS: Final = frozenset({
    "bsonobjectid", "uri", "email", "hostname", "ipv4", "ipv6", "cidr", "mac", "uuid", "uuid3", "uuid4", "uuid5",
    "isbn", "isbn10", "isbn13", "creditcard", "ssn", "hexcolor", "rgbcolor", "byte", "password", "date", "duration",
    "datetime", "k8sshortname", "k8slongname",
})
_NUMBER_FORMATS: Final = {"integer": ("int32", "int64"), "number": ("float", "double")}


def supported_format(format: str, types: tuple[str, ...]) -> str:
    """The format where it is one that is checked for such a value, "" otherwise."""
    if not format:
        return ""
    kind = types[0] if len(types) == 1 else ""
    if kind in ("", "string"):
        return format if format.replace("-", "") in _STRING_FORMATS else ""
    return format if format in _NUMBER_FORMATS.get(kind, ()) else ""


class Node:
    """One schema. `props` is the JSONSchemaProps tree it was made from; what it says of structure has members here,
    other keywords are read from `props` by who needs them.

    `types` are the types that validation allows (two for int-or-string), `format` is "" when it is not checked.
    `additional` is the schema of members that `properties` does not name; `open` tells that there may be such members
    as far as the schema says: None when it says nothing. `default` is None for none (null is none, too).

    A `literal` node takes types and formats as they are written, as upstream does when it judges default values.
    """

    __slots__ = ("additional", "all_of", "any_of", "default", "embedded", "enum", "format", "items", "list_keys",
                 "list_type", "map_type", "negated", "nullable", "one_of", "open", "preserve", "properties", "props",
                 "required", "type", "types")

    def __init__(self, props: Tree, literal: bool = False) -> None:
        get = props.get
        self.props = props
        self.type: str = get("type") or ""
        either = bool(get("x-kubernetes-int-or-string")) and not literal
        self.types: tuple[str, ...] = ("integer", "string") if either else (self.type,) if self.type else ()
        format: str = get("format") or ""
        self.format = format if literal else supported_format(format, self.types)
        self.nullable = bool(get("nullable"))
        self.default: Value = get("default")
        self.preserve = bool(get("x-kubernetes-preserve-unknown-fields"))
        self.embedded = bool(get("x-kubernetes-embedded-resource"))
        self.list_type: str = get("x-kubernetes-list-type") or ""
        self.list_keys: tuple[str, ...] = tuple(get("x-kubernetes-list-map-keys") or ())
        self.map_type: str = get("x-kubernetes-map-type") or ""
        self.required: tuple[str, ...] = tuple(get("required") or ())
        self.enum: tuple[Value, ...] = tuple(get("enum") or ())
        self.properties: dict[str, Node] = {
            name: Node(value, literal) for name, value in (get("properties") or {}).items()}
        items = get("items")
        self.items: Node | None = Node(items, literal) if isinstance(items, dict) else None
        additional = get("additionalProperties")
        self.additional: Node | None = Node(additional, literal) if isinstance(additional, dict) else None
        self.open: bool | None = None if additional is None else additional is not False
        self.all_of = _nodes(get("allOf"), literal)
        self.any_of = _nodes(get("anyOf"), literal)
        self.one_of = _nodes(get("oneOf"), literal)
        negated = get("not")
        self.negated: Node | None = Node(negated, literal) if isinstance(negated, dict) else None

    def member(self, name: str) -> Node | None:
        """The schema of a member, None where it has none."""
        found = self.properties.get(name)
        return found if found is not None else self.additional

    def number(self, keyword: str) -> float | int | None:
        """A numeric keyword, None when it is not there."""
        found: Any = self.props.get(keyword)
        return found if isinstance(found, int | float) and not isinstance(found, bool) else None

    def __repr__(self) -> str:
        return f"<Node {self.type or 'any'}>"


def _nodes(schemas: Any, literal: bool) -> tuple[Node, ...]:
    return tuple(Node(schema, literal) for schema in schemas) if isinstance(schemas, list) else ()


def compile(props: Tree | None) -> Node | None:
    """The nodes of `spec.versions[*].schema.openAPIV3Schema`; None for none. Sub-schemas compile as well."""
    return Node(props) if props is not None else None


def has_validations(node: Node | None) -> bool:
    """Whether a schema has rules in CEL; structural schemas have none within allOf and the like."""
    return node is not None and (bool(node.props.get(RULES)) or has_validations(node.items)
                                 or has_validations(node.additional)
                                 or any(map(has_validations, node.properties.values())))
