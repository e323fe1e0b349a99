"""Kinds made up for tests, in versions that differ by the spelling of one member, and an object in a room of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orlop.api.gvk import GroupVersionKind
from orlop.apply import entries, field_set
from orlop.apply.anything import ANYTHING
from orlop.apply.field_set import FieldSet
from orlop.apply.members import Members
from orlop.apply.node import Node
from orlop.apply.openapi import compile_schema, with_metadata
from orlop.apply.tracking import FieldManager
from orlop.apply.versions import Versions

STRING = {"type": "string"}
NUMBER = {"type": "integer"}


def struct(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def mapping(of: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": of, **more}


def keyed(item: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


def set_of(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "x-kubernetes-list-type": "set"}


def atomic(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


PORT = struct(name=STRING, port=NUMBER, protocol={"type": "string", "default": "TCP"})
BOX = struct(
    name=STRING, value=NUMBER, flag={"type": "boolean"},
    labels=mapping(STRING), whole=mapping(STRING, **{"x-kubernetes-map-type": "atomic"}),
    args=atomic(STRING), tags=set_of(STRING),
    items=keyed(struct(name=STRING, value=NUMBER, inner=struct(a=STRING, b=STRING), tags=set_of(STRING)), "name"),
    ports=keyed(PORT, "port", "protocol"),
    inner=struct(a=STRING, b=STRING, deep=struct(x=STRING, list=set_of(STRING))),
    maps=mapping(mapping(STRING)), structs=mapping(struct(a=STRING, b=STRING)),
    free={"type": "object", "x-kubernetes-preserve-unknown-fields": True},
)
METADATA = compile_schema(struct(name=STRING, namespace=STRING, uid=STRING, resourceVersion=STRING,
                                 labels=mapping(STRING), annotations=mapping(STRING),
                                 managedFields=atomic({"type": "object"})))


def root(schema: dict[str, Any]) -> Node:
    """A kind whose members besides metadata are those of the schema."""
    node = with_metadata(compile_schema(schema), METADATA)
    assert isinstance(node, Members)
    return node


def element(step: Any) -> str:
    """A step of a path as tests write it: a name, {keys}, ["of a set"], or the index of a list."""
    from orlop.apply import path_element
    if isinstance(step, dict):
        return path_element.item(sorted(step.items()))
    if isinstance(step, list):
        return path_element.in_set(step[0])
    return f"i:{step}" if isinstance(step, int) else path_element.member(step)


def fields(*paths: Any) -> FieldSet:
    """A set of paths, each a tuple of steps; a bare step is a path of one."""
    return field_set.of(*(tuple(map(element, path if isinstance(path, tuple) else (path,))) for path in paths))


def _renamed(tree: dict[str, Any], source: str, target: str) -> dict[str, Any]:
    """From version to version: `value` is called `amount` in v2."""
    names = {"v1": "value", "v2": "amount", "v3": "value"}
    old, new = names[source], names[target]
    return {new if name == old else name: value for name, value in tree.items()}


class Room:
    """One object and its managers. Versions: v1, v2 (spells `value` `amount`), v3 (as v1); `gone` is no more."""

    def __init__(self, schema: dict[str, Any] | None = BOX, **more: Any) -> None:
        self.more = more
        self.live: dict[str, Any] | None = None
        self.clock = 0
        self.remake(schema)

    def remake(self, schema: dict[str, Any] | None, gone: Iterable[str] = ()) -> None:
        """The kind gets another schema, or loses versions."""
        types: dict[str, Node] = {}
        for version in ("v1", "v2", "v3"):
            if schema is None:
                types[version] = ANYTHING
            elif version not in gone:
                properties = _renamed(schema["properties"], "v1", version)
                types[version] = root({**schema, "properties": properties})
        versions = Versions(types.get, _renamed)
        self.managers = {version: FieldManager(GroupVersionKind("", version, "Box"), versions, {"metadata": {}},
                                               evolving=True, **self.more) for version in types}

    def _now(self) -> str:
        self.clock += 1
        return f"2026-01-01T00:00:{self.clock:02}Z"

    def apply(self, manager: str, config: dict[str, Any], version: str = "v1", force: bool = False) -> None:
        whole = {"apiVersion": version, "kind": "Box", "metadata": {"name": "box"}, **config}
        live = None if self.live is None else _renamed(self.live, "v1", version)
        result = self.managers[version].apply(live, whole, manager, force, self._now())
        if result is not live:
            result = {name: value for name, value in _renamed(result, version, "v1").items() if value is not None}
            result["metadata"] = {**result["metadata"], "uid": "u"}
            self.live = result

    def update(self, manager: str, content: dict[str, Any], version: str = "v1") -> None:
        """A plain write of everything but metadata."""
        metadata = {"name": "box"} if self.live is None else self.live["metadata"]
        new = {"metadata": metadata, **content}
        live = None if self.live is None else _renamed(self.live, "v1", version)
        managed = self.managers[version].update(live, new, manager, self._now())
        metadata = {**metadata, "uid": "u", "managedFields": managed or []}
        self.live = {**_renamed(new, version, "v1"), "metadata": metadata}

    @property
    def content(self) -> dict[str, Any]:
        assert self.live is not None
        return {name: value for name, value in self.live.items() if name != "metadata"}

    @property
    def entries(self) -> list[dict[str, Any]]:
        assert self.live is not None
        managed: list[dict[str, Any]] = self.live["metadata"].get("managedFields") or []
        return managed

    @property
    def owners(self) -> dict[str, FieldSet]:
        """The fields of each manager by its name; names of plain writers end with a slash."""
        return {owner.manager + ("/" if owner.operation == "Update" else ""): owned.fields
                for owner, owned in entries.decode_stored(self.entries).items()}
