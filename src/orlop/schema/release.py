"""Other minor versions of Kubernetes than the packaged one: which kinds and which fields they have.

The definitions come from the optional package kubernetes-validate (extra `descriptions`); nothing of it is imported,
one JSON file is read. An older minor is the packaged one without what that minor did not have yet: a kind or a field
that its definitions lack is unknown, in decoding, discovery and OpenAPI alike. Fields that only the other minor has
are not known to our facts, so newer minors are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import orjson

from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree

PACKAGED: Final = "1.36"
"""The minor whose facts are in `data`."""


def definitions_file(minor: str) -> Path | None:
    """Where the optional package has the definitions of a minor ("1.34"), if it is installed and has them."""
    spec = find_spec("kubernetes_validate")
    if spec is None or not spec.submodule_search_locations:
        return None
    schemas = Path(spec.submodule_search_locations[0]) / "kubernetes-json-schema"
    found = sorted(schemas.glob(f"v{minor}.*-local/_definitions.json"))
    return found[-1] if found else None


def _number(minor: str) -> list[int]:
    return [int(part) for part in minor.split(".")]


class Release:
    """One older minor. `identity` tells its definitions apart from others."""

    def __init__(self, minor: str, definitions: Mapping[str, Tree], identity: str) -> None:
        self.minor, self.definitions, self.identity = minor, definitions, identity

    @classmethod
    def load(cls, minor: str) -> Release | None:
        """None for the packaged minor, which needs no definitions. ValueError, for people, for a minor that cannot be
        served."""
        if minor == PACKAGED:
            return None
        if _number(minor) > _number(PACKAGED):
            raise ValueError(f"Kubernetes {minor} cannot be served: the newest version known is {PACKAGED}")
        file = definitions_file(minor)
        if file is None:
            raise ValueError(f"no definitions of Kubernetes {minor}: serving another version than {PACKAGED} takes the "
                             "optional package with them: pip install 'orlop[descriptions]'")
        content = orjson.loads(file.read_bytes())
        return cls(minor, content.get("$defs") or content.get("definitions") or {}, file.parent.name)

    @cached_property
    def kinds(self) -> frozenset[GroupVersionKind]:
        """Every kind that the minor defines."""
        found: set[GroupVersionKind] = set()
        for definition in self.definitions.values():
            for kind in definition.get("x-kubernetes-group-version-kind", ()):
                found.add(GroupVersionKind(kind["group"], kind["version"], kind["kind"]))
        return frozenset(found)

    def members(self, openapi: str) -> frozenset[str] | None:
        """The fields of a type, by its OpenAPI name; None when the minor says nothing of it."""
        definition = self.definitions.get(openapi)
        return frozenset(definition["properties"]) if definition is not None and "properties" in definition else None

    def narrow(self, document: Tree) -> Tree:
        """An OpenAPI v3 document of the packaged minor without what this one does not have."""
        paths = {path: item for path, item in document.get("paths", {}).items() if self._has_path(item)}
        schemas = document.get("components", {}).get("schemas", {})
        kept = {name: self._narrowed(name, schema) for name, schema in schemas.items() if name in self.definitions}
        return {**document, "paths": paths, "components": {**document.get("components", {}), "schemas": kept}}

    def _has_path(self, item: Tree) -> bool:
        named = [o["x-kubernetes-group-version-kind"] for o in item.values()
                 if isinstance(o, dict) and "x-kubernetes-group-version-kind" in o]
        return not named or any(GroupVersionKind(k["group"], k["version"], k["kind"]) in self.kinds for k in named)

    def _narrowed(self, name: str, schema: Tree) -> Tree:
        members = self.members(name)
        if members is None or "properties" not in schema:
            return schema
        narrowed: dict[str, Any] = {**schema}
        narrowed["properties"] = {m: s for m, s in schema["properties"].items() if m in members}
        if "required" in schema:
            narrowed["required"] = [m for m in schema["required"] if m in members]
        return narrowed
