"""Who owns what after several managers had their turns, and what becomes of the object."""

from __future__ import annotations

import pytest
from rooms import BOX, NUMBER, PORT, STRING, Room, atomic, fields, keyed, set_of, struct

from orlop.apply.conflicts import ApplyConflict

A, B, C = {"name": "a"}, {"name": "b"}, {"name": "c"}


def items(*names, **more):
    return {"items": [{"name": name, **more} for name in names]}


# --- several appliers


def test_appliers_of_different_items():
    """Each owns its items; the list has both."""
    room = Room()
    room.apply("one", items("a"))
    room.apply("two", items("b"))
    assert room.content == items("a", "b")
    assert room.owners == {"one": fields(("items", A), ("items", A, "name")),
                           "two": fields(("items", B), ("items", B, "name"))}


def test_appliers_share_what_is_equal():
    """Equal values are no conflict and belong to both."""
    room = Room()
    room.apply("one", {"name": "x", "value": 1})
    room.apply("two", {"name": "x"})
    assert room.owners == {"one": fields("name", "value"), "two": fields("name")}


def test_a_field_goes_when_its_last_owner_gives_it_up():
    """Not before."""
    room = Room()
    room.apply("one", {"name": "x", "value": 1})
    room.apply("two", {"name": "x"})
    room.apply("one", {"value": 1})
    assert room.content == {"name": "x", "value": 1}
    room.apply("two", {})
    assert room.content == {"value": 1}
    assert room.owners == {"one": fields("value")}


def test_an_item_given_up_goes_whole_unless_others_own_it():
    """Parts that nobody owns go with it; an item that another applier owns stays with that one's parts."""
    room = Room()
    room.apply("one", items("a", "b", value=1))
    room.apply("two", items("b"))
    room.apply("one", items())
    assert room.content == items("b")
    assert room.owners == {"two": fields(("items", B), ("items", B, "name"))}


def test_what_a_plain_writer_put_into_an_item_goes_with_the_item():
    """The applier owned the item itself."""
    room = Room()
    room.apply("one", items("a", "b"))
    room.update("editor", {"items": [{"name": "a", "value": 5}, {"name": "b"}]})
    assert room.owners["editor/"] == fields(("items", A, "value"))
    room.apply("one", items("b"))
    assert room.content == items("b")
    assert room.owners == {"one": fields(("items", B), ("items", B, "name"))}


def test_a_map_that_is_given_up_keeps_the_keys_of_others():
    """What an applier never applied is not its to remove, unless it lies in a key or item of its own that goes."""
    room = Room()
    room.apply("one", {"labels": {"a": "1"}, "maps": {"m": {"k": "1"}}, "name": "x"})
    room.update("editor", {"labels": {"a": "1", "b": "2"}, "maps": {"m": {"k": "1", "l": "2"}}, "name": "x"})
    room.apply("one", {"labels": {}, "name": "x"})
    assert room.content == {"labels": {"b": "2"}, "name": "x"}
    assert room.owners["editor/"] == fields(("labels", "b"))


def test_a_struct_that_is_given_up_goes_with_what_nobody_owns_in_it():
    """Such as what a writer had set whose entry is lost."""
    room = Room()
    room.apply("one", {"inner": {"a": "1"}, "name": "x"})
    room.update("editor", {"inner": {"a": "1", "b": "2"}, "name": "x"})
    room.live["metadata"]["managedFields"] = [entry for entry in room.entries if entry["manager"] == "one"]
    room.apply("one", {"name": "x"})
    assert room.content == {"name": "x"}


def test_removal_reaches_into_nested_lists_and_maps():
    """Items and keys at any depth, each on its own."""
    room = Room()
    room.apply("one", {"items": [{"name": "a", "tags": ["x", "y"], "inner": {"a": "1", "b": "2"}}],
                       "maps": {"m": {"k": "1", "l": "2"}, "n": {"k": "3"}}, "inner": {"deep": {"list": ["p", "q"]}}})
    room.apply("one", {"items": [{"name": "a", "tags": ["y"], "inner": {"b": "2"}}],
                       "maps": {"m": {"l": "2"}}, "inner": {"deep": {"list": ["q"]}}})
    assert room.content == {"items": [{"name": "a", "tags": ["y"], "inner": {"b": "2"}}],
                            "maps": {"m": {"l": "2"}}, "inner": {"deep": {"list": ["q"]}}}


def test_a_nested_struct_is_removed_with_its_last_field():
    """A struct that an applier filled alone disappears when it is applied no more."""
    room = Room()
    room.apply("one", {"inner": {"deep": {"x": "1"}}, "name": "n"})
    room.apply("one", {"name": "n"})
    assert room.content == {"name": "n"}


def test_order_of_an_appliers_list():
    """The applier's order holds, between its items the others stay where they are."""
    room = Room()
    room.apply("one", items("a", "b"))
    room.apply("two", items("c"))
    room.apply("one", items("b", "a"))
    assert [item["name"] for item in room.content["items"]] == ["b", "c", "a"]


# --- conflicts


def conflicts(room, *args, **options):
    with pytest.raises(ApplyConflict) as refused:
        room.apply(*args, **options)
    return refused.value


def test_a_conflict_changes_nothing():
    """Another value for somebody's field is refused, with the owner and the field."""
    room = Room()
    room.apply("one", {"name": "x", "value": 1})
    before = room.live
    error = conflicts(room, "two", {"name": "y", "value": 1})
    assert error.message == 'Apply failed with 1 conflict: conflict with "one": .name'
    assert error.details == {"causes": [{"reason": "FieldManagerConflict", "message": 'conflict with "one"',
                                         "field": ".name"}]}
    assert room.live is before


def test_conflicts_of_several_managers():
    """They are grouped by owner, fields of one level before those below."""
    room = Room()
    room.apply("one", {"inner": {"a": "1"}, "value": 1})
    room.update("editor", {"inner": {"a": "1"}, "value": 1, "tags": ["x"], "labels": {"k": "v"}, "name": "n"})
    error = conflicts(room, "two", {"inner": {"a": "2"}, "value": 2, "labels": {"k": "w"}, "name": "n"})
    assert error.message == ('Apply failed with 3 conflicts: conflicts with "editor" using v1:\n- .labels.k\n'
                             'conflicts with "one":\n- .value\n- .inner.a')
    assert [cause["message"] for cause in error.details["causes"]] == [
        'conflict with "editor" using v1', 'conflict with "one"', 'conflict with "one"']


def test_force_takes_the_conflicting_fields_and_no_others():
    """The owners keep the rest; one that is left with nothing is gone."""
    room = Room()
    room.apply("one", {"name": "x", "value": 1})
    room.apply("two", {"flag": True})
    room.apply("three", {"name": "y", "flag": False}, force=True)
    assert room.content == {"name": "y", "value": 1, "flag": False}
    assert room.owners == {"one": fields("value"), "three": fields("flag", "name")}


def test_apply_and_update_of_one_name_are_two_owners():
    """And may conflict with each other."""
    room = Room()
    room.apply("me", {"name": "x"})
    room.update("me", {"name": "y"})
    assert room.owners == {"me/": fields("name")}
    assert conflicts(room, "me", {"name": "z"}).message == (
        'Apply failed with 1 conflict: conflict with "me" using v1: .name')


def test_a_plain_write_takes_without_asking():
    """Changed fields become the writer's, removed ones nobody's; equal ones stay where they are."""
    room = Room()
    room.apply("one", {"name": "x", "value": 1, "flag": True})
    room.update("editor", {"name": "y", "flag": True})
    assert room.owners == {"one": fields("flag"), "editor/": fields("name")}


def test_atomic_values_have_one_owner():
    """A list or map owned as a whole conflicts as a whole, and is shared only when equal."""
    room = Room()
    room.apply("one", {"args": ["a", "b"], "whole": {"k": "v"}})
    assert len(conflicts(room, "two", {"args": ["a"], "whole": {"k": "v", "l": "w"}}).conflicts) == 2
    room.apply("two", {"args": ["a", "b"]})
    assert room.owners == {"one": fields("args", "whole"), "two": fields("args")}


def test_an_item_that_is_a_leaf_of_two_structs():
    """A struct that replaces a leaf, and a leaf that replaces a struct, where the type allows both."""
    room = Room()
    room.apply("one", {"free": {"a": {"b": 1}}})
    assert [path[-1] for _, path in conflicts(room, "two", {"free": {"a": 5}}).conflicts] == ["f:a"]
    room.apply("two", {"free": {"a": 5}}, force=True)
    assert room.content == {"free": {"a": 5}}
    assert room.owners == {"two": fields(("free", "a"))}


# --- duplicates


def test_duplicates_of_a_plain_writer_are_owned_together():
    """An update may leave duplicates, an apply beside them touches none, and one of them replaces all."""
    room = Room()
    room.update("editor", {"tags": ["a", "a", "b"], "items": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]})
    room.apply("one", {"name": "x"})
    assert room.content["tags"] == ["a", "a", "b"]
    assert room.owners["editor/"] == fields("items", ("items", A), "tags", ("tags", ["a"]), ("tags", ["b"]))
    assert [path for _, path in conflicts(room, "one", items("a", value=3)).conflicts]
    room.apply("one", {**items("a", value=3), "tags": ["a"]}, force=True)
    assert room.content["items"] == [{"name": "a", "value": 3}]
    assert room.content["tags"] == ["a", "b"]


def test_duplicates_that_stay_belong_to_who_made_them():
    """Changing one of them takes all."""
    room = Room()
    room.update("one", {"items": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]})
    room.update("two", {"items": [{"name": "a", "value": 1}, {"name": "a", "value": 3}]})
    assert room.owners == {"one/": fields("items"), "two/": fields(("items", A))}


# --- defaulted keys


def port(**keys):
    return {"protocol": "TCP", **keys}


def test_a_missing_key_counts_as_its_default():
    """Whether the default is spelled or not, it is the same item."""
    room = Room()
    room.apply("one", {"ports": [{"port": 80, "name": "x"}]})
    room.apply("two", {"ports": [{"port": 80, "protocol": "TCP"}]})
    assert room.content == {"ports": [{"port": 80, "name": "x", "protocol": "TCP"}]}
    key = port(port=80)
    assert room.owners == {"one": fields(("ports", key), ("ports", key, "name"), ("ports", key, "port")),
                           "two": fields(("ports", key), ("ports", key, "port"), ("ports", key, "protocol"))}


def test_items_differ_by_every_key():
    """Also by one that only one of them has."""
    room = Room()
    room.apply("one", {"ports": [{"port": 80}, {"port": 80, "protocol": "UDP"}, {"name": "none"}]})
    assert len(room.content["ports"]) == 3
    room.apply("one", {"ports": [{"port": 80, "protocol": "UDP"}]})
    assert room.content == {"ports": [{"port": 80, "protocol": "UDP"}]}


# --- versions


def test_owners_in_another_version_are_found():
    """A conflict and a removal see the field whatever it is called in the owner's version."""
    room = Room()
    room.apply("one", {"value": 1, "name": "x"})
    error = conflicts(room, "two", {"amount": 2}, version="v2")
    assert error.message == 'Apply failed with 1 conflict: conflict with "one": .value'
    room.apply("two", {"amount": 2}, version="v2", force=True)
    assert room.content == {"value": 2, "name": "x"}
    assert room.owners == {"one": fields("name"), "two": fields("amount")}


def test_an_applier_that_changes_the_version_keeps_its_entry():
    """What it applied in the old version and does not in the new is removed."""
    room = Room()
    room.apply("one", {"value": 1, "name": "x"})
    room.apply("one", {"amount": 1}, version="v2")
    assert room.content == {"value": 1}
    assert [(entry["manager"], entry["apiVersion"]) for entry in room.entries] == [("one", "v2")]
    room.apply("one", {"name": "y"})
    assert room.content == {"name": "y"}


def test_plain_writers_have_an_entry_for_each_version():
    """A version is part of who they are."""
    room = Room()
    room.update("one", {"name": "x", "value": 1})
    room.update("one", {"name": "y", "amount": 1}, version="v2")
    assert [(entry["apiVersion"], entry["fieldsV1"]) for entry in room.entries] == [
        ("v1", fields("value")), ("v2", fields("name"))]


def test_shared_ownership_across_versions():
    """A field that two own in different versions stays until both give it up."""
    room = Room()
    room.apply("one", {"value": 1})
    room.apply("two", {"amount": 1}, version="v2")
    room.apply("one", {})
    assert room.content == {"value": 1}
    room.apply("two", {}, version="v2")
    assert room.content == {}


@pytest.mark.parametrize("write", ["apply", "update"])
def test_owners_in_versions_that_are_gone_are_forgotten(write):
    """Their fields are nobody's, neither in conflict nor removed."""
    room = Room()
    room.apply("one", {"name": "x", "flag": True}, version="v3")
    room.apply("two", {"value": 1})
    room.remake(BOX, gone=("v3",))
    if write == "apply":
        room.apply("two", {"value": 1, "name": "y"})
        assert room.owners == {"two": fields("name", "value")}
    else:
        room.update("two", {"name": "y", "flag": True, "value": 1})
        assert room.owners == {"two": fields("value"), "two/": fields("name")}
    assert room.content == {"name": "y", "flag": True, "value": 1}


# --- changing types


def schema(**members):
    return struct(name=STRING, value=NUMBER, **members)


def test_a_list_becomes_atomic():
    """Owners of its items own the whole of it; a third party's value is a conflict."""
    room = Room(schema(list=set_of(STRING), map=struct(a=STRING, b=STRING)))
    room.apply("one", {"list": ["a", "b"], "map": {"a": "1"}})
    room.remake(schema(list=atomic(STRING), map={**struct(a=STRING, b=STRING), "x-kubernetes-map-type": "atomic"}))
    assert len(conflicts(room, "two", {"list": ["a"], "map": {"b": "1"}}).conflicts) == 2
    room.update("editor", {"list": ["a", "b"], "map": {"a": "1"}, "value": 1})
    assert room.owners == {"one": fields("list", "map"), "editor/": fields("value")}


def test_a_list_becomes_granular():
    """An owner of the whole keeps only that; items that others apply are theirs alone."""
    room = Room(schema(list=atomic(STRING)))
    room.apply("one", {"list": ["a", "b"]})
    room.remake(schema(list=set_of(STRING)))
    room.apply("two", {"list": ["c"]})
    assert room.content == {"list": ["a", "b", "c"]}
    assert room.owners == {"one": fields("list"), "two": fields(("list", ["c"]))}
    room.apply("one", {"list": ["a"]})
    assert room.owners["one"] == fields(("list", ["a"]))


def test_new_keys_with_defaults():
    """A key that a list gets later, with a default, does not lose the items applied before."""
    room = Room(schema(ports=keyed(PORT, "port")))
    room.apply("one", {"ports": [{"port": 80, "name": "x"}]})
    room.remake(schema(ports=keyed(PORT, "port", "protocol")))
    room.apply("one", {"ports": [{"port": 80, "name": "y"}]})
    assert room.content == {"ports": [{"port": 80, "name": "y"}]}


# --- without a type


def test_without_a_schema_maps_merge_and_lists_are_whole():
    """Kinds without a type are understood from their values."""
    room = Room(None)
    room.apply("one", {"spec": {"a": 1, "list": [1, 2]}})
    room.apply("two", {"spec": {"b": {"c": "x"}}})
    assert room.content == {"spec": {"a": 1, "list": [1, 2], "b": {"c": "x"}}}
    assert len(conflicts(room, "two", {"spec": {"list": [1]}}).conflicts) == 1
    room.apply("one", {"spec": {"a": 1}})
    assert room.content == {"spec": {"a": 1, "b": {"c": "x"}}}


def test_unknown_fields_that_are_kept():
    """Fields beside declared ones, where the schema preserves them."""
    room = Room({**schema(), "x-kubernetes-preserve-unknown-fields": True})
    room.apply("one", {"name": "x", "other": {"a": 1}, "list": [1]})
    assert room.owners == {"one": fields("name", "other", ("other", "a"), "list")}
    room.apply("one", {"name": "x", "other": {"b": 1}})
    assert room.content == {"name": "x", "other": {"b": 1}}
