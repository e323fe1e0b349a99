"""Keywords of JSON Schema that schemas of custom resources may not use, whatever their structure.

Called by `schema_rules` for every schema, wherever it stands; `Standing` is what it must know of that place. Behaviour:
apiextensions-apiserver `pkg/apis/apiextensions/validation/validation.go` specStandardValidatorV3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from orlop.api.field import Path, forbidden, not_supported
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors

TYPES: Final = ("array", "boolean", "integer", "number", "object", "string")


@dataclass(frozen=True, slots=True)
class Standing:
    """`no_defaults`: why defaults are forbidden, None where they are not. `uncorrelatable`: the first ancestor whose
    members cannot be told from one state of an object to the next."""

    valid_types: bool
    no_defaults: str | None = None
    inside_meta: bool = False
    uncorrelatable: Path | None = None

    def without_defaults(self, why: str) -> Standing:
        return replace(self, no_defaults=why)

    def within_meta(self) -> Standing:
        return replace(self, inside_meta=True)

    def without_old_self(self, path: Path) -> Standing:
        return self if self.uncorrelatable is not None else replace(self, uncorrelatable=path)


def check(path: Path, schema: Tree, standing: Standing) -> Errors:
    found: Errors = []
    kind = schema.get("type") or ""
    if standing.valid_types and kind and kind not in TYPES:
        found.append(not_supported(path.child("type"), kind, TYPES))
    if schema.get("default") is not None and standing.no_defaults is not None:
        found.append(forbidden(path.child("default"), f"must not be set {standing.no_defaults}"))
    if schema.get("id"):
        found.append(forbidden(path.child("id"), "id is not supported"))
    if schema.get("additionalItems") is not None:
        found.append(forbidden(path.child("additionalItems"), "additionalItems is not supported"))
    found += [forbidden(path.child(name), f"{name} is not supported") for name in ("patternProperties", "definitions")
              if schema.get(name)]
    found += [forbidden(path.child(name), f"{name} is not supported") for name in ("dependencies", "$ref")
              if schema.get(name) is not None]
    if kind == "null":
        found.append(forbidden(path.child("type"), "type cannot be set to null, use nullable as an alternative"))
    if isinstance(schema.get("items"), list) and schema["items"]:
        found.append(forbidden(path.child("items"), "items must be a schema object and not an array"))
    if standing.inside_meta and schema.get("x-kubernetes-embedded-resource"):
        found.append(forbidden(path.child("x-kubernetes-embedded-resource"), "must not be used inside of resource "
                                                                             "meta"))
    return found
