"""Formats of values: which ones a schema of a custom resource may name to some effect.

Asked by the strategy, which warns of the others; they are ignored. Behaviour: apiextensions-apiserver
`pkg/apiserver/validation/formats.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.api.tree import Tree
from orlop.kinds.definitions import internal, schema_walk
from orlop.kinds.definitions.plain import plain

_TEXTS: Final = frozenset({
    "bsonobjectid", "uri", "email", "hostname", "ipv4", "ipv6", "cidr", "mac", "uuid", "uuid3", "uuid4", "uuid5",
    "isbn", "isbn10", "isbn13", "creditcard", "ssn", "hexcolor", "rgbcolor", "byte", "password", "date", "duration",
    "datetime", "k8sshortname", "k8slongname",
})
"""Without their hyphens, which do not count."""
_NUMBERS: Final = {"integer": frozenset({"int32", "int64"}), "number": frozenset({"float", "double"})}


def known(kind: str, name: str) -> bool:
    """Whether values of a type are held to this format."""
    if kind in ("", "string"):
        return name.replace("-", "") in _TEXTS
    return name in _NUMBERS.get(kind, ())


def unrecognized(definition: Tree) -> list[str]:
    """The formats without effect, in the order of the schemas; a name as often as it stands there."""
    found: list[str] = []
    for root in internal.schemas(internal.spec_of(definition)):
        for schema in schema_walk.every(root, plain(root)):
            name = schema.get("format") or ""
            if name and not known(schema.get("type") or "", name):
                found.append(name)
    return found
