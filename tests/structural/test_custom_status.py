"""Updates of status, lists with keys, and when rules are not run."""

from __future__ import annotations

from typing import Any

from custom_schemas import GVK

from orlop.api.field import Path, invalid, required, too_long, type_invalid
from orlop.structural.kind import CustomSchema
from orlop.structural.ratcheting import Correlation
from orlop.structural.schema import Node

STATUS = {"type": "object", "required": ["phase"],
          "properties": {"phase": {"type": "string", "maxLength": 3}, "count": {"type": "integer"}}}
SPEC = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 3}}}
SCHEMA = CustomSchema(GVK, {"type": "object", "properties": {"spec": SPEC, "status": STATUS}})


def told(obj: dict[str, Any], old: dict[str, Any]) -> list[str]:
    return [str(error) for error in SCHEMA.validate_status(obj, old)]


def test_only_status_is_judged() -> None:
    """Whatever is wrong elsewhere stays for another day; places begin with `status`, messages below it."""
    wrong = {"spec": {"name": "long"}, "status": {"phase": "Pending", "count": "1"}}
    assert told(wrong, {}) == [
        "status.phase: Too long: may not be more than 3 bytes",
        'status.count: Invalid value: "string": count in body must be of type integer: "string"']
    assert told({"spec": {"name": "long"}}, {}) == []


def test_status_ratchets() -> None:
    """What an old status had already is not told again."""
    old = {"status": {"phase": "Pending"}}
    assert told({"status": {"phase": "Pending", "count": 1}}, old) == []
    assert told({"status": {"count": 1}}, old) == ["status.phase: Required value"]


def test_old_duplicates_are_forgiven() -> None:
    """Lists are judged only where the old object's are all right."""
    schema = CustomSchema(GVK, {"type": "object", "properties": {
        "l": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}}})
    assert [str(error) for error in schema.validate_lists({"l": ["a", "a"]}, {"l": ["a"]})] == [
        'l[1]: Duplicate value: "a"']
    assert schema.validate_lists({"l": ["a", "a"]}, {"l": ["b", "b"]}) == []


def test_items_of_maps_correlate_by_their_keys() -> None:
    """In whatever order they stand; items of other lists do not correlate."""
    items = {"type": "object", "properties": {"k": {"type": "string"}, "v": {"type": "integer"}}}
    by_key = Node({"type": "array", "items": items, "x-kubernetes-list-type": "map",
                   "x-kubernetes-list-map-keys": ["k"]})
    new, old = [{"k": "b", "v": 1}, {"k": "a", "v": 3}, {"k": "c"}], [{"k": "a", "v": 2}, {"k": "b", "v": 1}]
    track = Correlation(new, old, by_key)
    found = [track.index(position) for position in range(4)]
    assert [child.is_equal() if child is not None else None for child in found] == [True, False, None, None]
    assert Correlation(list(reversed(old)), old, by_key).is_equal()
    plain = Correlation(old, old, Node({"type": "array", "items": items}))
    assert plain.index(0) is None and plain.is_equal()


def test_rules_wait_for_a_sound_object() -> None:
    """Errors of type, size and presence keep rules from being run, others do not."""
    assert SCHEMA.blocking([invalid(Path("a"), 1, "x")]) is None
    for error in (required(Path("a")), too_long(Path("a"), 1), type_invalid(Path("a"), "", "x")):
        stand_in = SCHEMA.blocking([error])
        assert stand_in is not None
        assert str(stand_in) == ("<nil>: Invalid value: null: some validation rules were not checked because the "
                                 "object was invalid; correct the existing errors to complete validation")
