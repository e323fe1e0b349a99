"""What schemas say about lists and maps beside their items: sets, maps of items by keys, and whole ones.

Called by `schema_rules` for every schema, and by `options` about stored ones. Behaviour: apiextensions-apiserver
`pkg/apis/apiextensions/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any, Final

from orlop.api.field import FieldError, Path, forbidden, invalid, not_supported, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.definitions import shown

LIST_TYPE: Final = "x-kubernetes-list-type"
MAP_TYPE: Final = "x-kubernetes-map-type"
KEYS: Final = "x-kubernetes-list-map-keys"
_IN_SET: Final = f"must be atomic as item of a list with {LIST_TYPE}=set"
_IN_MAP: Final = f"if parent array's {LIST_TYPE} is map"
_IS_KEY: Final = f"this property is in {KEYS}, so it"


def check(path: Path, schema: Tree, atomic_sets: bool) -> Errors:
    kind, list_type, map_type = schema.get("type") or "", schema.get(LIST_TYPE), schema.get(MAP_TYPE)
    found: Errors = []
    if map_type is not None and kind != "object":
        found.append(_wrong_type(path, kind, f"must be object if {MAP_TYPE} is specified"))
    if map_type not in (None, "atomic", "granular"):
        found.append(not_supported(path.child(MAP_TYPE), map_type, ("atomic", "granular")))
    if list_type is not None and kind != "array":
        found.append(_wrong_type(path, kind, f"must be array if {LIST_TYPE} is specified"))
    elif atomic_sets:
        found += _set(path, schema)
    if list_type not in (None, "atomic", "set", "map"):
        found.append(not_supported(path.child(LIST_TYPE), list_type, ("atomic", "set", "map")))
    if schema.get(KEYS) and list_type != "map":
        why = f"must be map if {KEYS} is non-empty"
        place = path.child(LIST_TYPE)
        found.append(required(place, why) if list_type is None else invalid(place, list_type, why))
    return found + _map(path, schema) if list_type == "map" else found


def _wrong_type(path: Path, kind: str, why: str) -> FieldError:
    return invalid(path.child("type"), kind, why) if kind else required(path.child("type"), why)


def _item(schema: Tree) -> Tree | None:
    items = schema.get("items")
    return items if isinstance(items, dict) else None


def has_loose_set(schema: Tree) -> bool:
    """A set whose items are not whole."""
    return schema.get(LIST_TYPE) == "set" and bool(_set(Path(), schema))


def _set(path: Path, schema: Tree) -> Errors:
    item = _item(schema)
    if schema.get(LIST_TYPE) != "set" or item is None:
        return []
    kind, list_type = item.get("type"), item.get(LIST_TYPE)
    items = path.child("items")
    if kind == "array" and list_type not in (None, "atomic"):
        return [invalid(items.child(LIST_TYPE), json_value(list_type), _IN_SET)]
    if kind == "object" and item.get(MAP_TYPE) != "atomic":
        return [invalid(items.child(MAP_TYPE), json_value(list_type), _IN_SET)]
    return []


def _map(path: Path, schema: Tree) -> Errors:
    found: Errors = []
    keys: list[str] = schema.get(KEYS) or []
    items, item = path.child("items"), _item(schema)
    if not keys:
        found.append(required(path.child(KEYS), f"must not be empty if {LIST_TYPE} is map"))
    if "items" not in schema:
        found.append(required(items, f"must have a schema if {LIST_TYPE} is map"))
    elif item is None:
        found.append(invalid(items, shown.items(schema["items"]), f"must only have a single schema if {LIST_TYPE} is "
                                                                  "map"))
    elif item.get("type") != "object":
        found.append(invalid(items.child("type"), item.get("type") or "", f"must be object {_IN_MAP}"))
    else:
        found += _keys(path, item.get("properties") or {}, keys)
    return found


def _keys(path: Path, properties: Tree, keys: list[str]) -> Errors:
    found: Errors = []
    seen: set[str] = set()
    for key in keys:
        if key not in properties:
            found.append(invalid(path.child(KEYS), json_value(keys), "entries must all be names of item properties"))
        elif properties[key].get("type") in ("array", "object"):
            # Upstream shows the type of the items here, not that of the key.
            found.append(invalid(path.child("items").child("properties").key(key).child("type"), "object",
                                 f"must be a scalar type {_IN_MAP}"))
        if key in seen:
            found.append(invalid(path.child(KEYS), json_value(keys), "must not contain duplicate entries"))
        seen.add(key)
    return found


def definite_items(path: Path, schema: Tree) -> Errors:
    """Items of sets and maps are no nulls, and those of maps always have their keys."""
    item, list_type = _item(schema), schema.get(LIST_TYPE)
    if item is None or list_type not in ("set", "map"):
        return []
    found: Errors = []
    items = path.child("items")
    if item.get("nullable"):
        found.append(forbidden(items.child("nullable"), f"cannot be nullable when {LIST_TYPE} is {list_type}"))
    if list_type == "set":
        return found
    properties: dict[str, Any] = item.get("properties") or {}
    for key in schema.get(KEYS) or ():
        member = properties.get(key)
        if member is None:
            continue
        place = items.child("properties").key(key)
        if key not in (item.get("required") or ()) and member.get("default") is None:
            found.append(required(place.child("default"), f"{_IS_KEY} must have a default or be a required property"))
        if member.get("nullable"):
            found.append(forbidden(place.child("nullable"), f"{_IS_KEY} cannot be nullable"))
    return found
