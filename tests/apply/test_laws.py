"""Laws of server-side apply, for objects and histories made up at random."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rooms import BOX, Room, root

from orlop.apply import field_set
from orlop.apply.conflicts import ApplyConflict
from orlop.apply.field_set import LEAF

NODE = root(BOX)
WORDS = st.sampled_from(["p", "q", "r"])
KEYS = st.sampled_from(["a", "b", "c"])


def valid(schema: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that fit a schema, without nulls, nothing empty and, in lists with keys and sets, no duplicates."""
    kind = schema["type"]
    if kind == "string":
        return WORDS
    if kind in ("integer", "boolean"):
        return st.integers(1, 3) if kind == "integer" else st.booleans()
    if kind == "array":
        return lists(schema, depth)
    properties = schema.get("properties")
    if properties:
        members = {name: valid(member, depth + 1) for name, member in properties.items()}
        return st.fixed_dictionaries({}, optional=members).filter(bool)
    inner = schema.get("additionalProperties")
    if inner:
        return st.dictionaries(KEYS, valid(inner, depth + 1), min_size=1, max_size=2)
    free = st.recursive(
        st.integers(0, 2) | WORDS,
        lambda deeper: st.one_of(st.dictionaries(KEYS, deeper, min_size=1, max_size=2),
                                 st.lists(deeper, min_size=1, max_size=2)),
        max_leaves=4)
    return st.dictionaries(KEYS, free, min_size=1, max_size=2)


def lists(schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    items = valid(schema["items"], depth + 1)
    keys = schema.get("x-kubernetes-list-map-keys")
    if not keys:
        unique = schema.get("x-kubernetes-list-type") == "set"
        return st.lists(items, min_size=1, max_size=3, unique_by=repr if unique else None)
    names = {key: valid(schema["items"]["properties"][key]) for key in keys}
    keyed = st.builds(lambda item, key: {**item, **key}, items, st.fixed_dictionaries(names))
    return st.lists(keyed, min_size=1, max_size=3, unique_by=lambda item: repr([item[key] for key in keys]))


OBJECTS = valid(BOX)
STEPS = st.tuples(st.booleans(), st.sampled_from(["m", "n"]), OBJECTS)


def played(history: list[tuple[bool, str, dict[str, Any]]]) -> Room:
    """A room after applies (forced) and plain writes."""
    room = Room()
    for applied, manager, content in history:
        if applied:
            room.apply(manager, content, force=True)
        else:
            room.update(manager, content)
    if room.live is None:
        room.update("m", {})
    return room


HISTORIES = st.lists(STEPS, max_size=3).map(played)


def owned(content: dict[str, Any]) -> Any:
    return NODE.fields(content) or LEAF


@given(HISTORIES, OBJECTS)
def test_apply_is_idempotent(room, config):
    """A second apply of the same changes nothing, not even times."""
    room.apply("me", config, force=True)
    once = room.live
    room.apply("me", config)
    assert room.live is once


@given(HISTORIES, OBJECTS)
def test_what_is_applied_is_there_and_owned(room, config):
    """After a forced apply the object says what the configuration says, and its fields are the applier's."""
    room.apply("me", config, force=True)
    assert NODE.merge(room.content, config) is room.content or NODE.compare(room.content, NODE.merge(
        room.content, config)) is None
    assert room.owners.get("me", LEAF) == owned(config)


@given(HISTORIES, OBJECTS)
def test_force_takes_exactly_the_conflicting_fields(room, config):
    """Others lose what the conflict named, and what is no more; without a conflict force is no different."""
    before = room.owners
    named: dict[str, Any] = {}
    try:
        room.apply("me", config)
    except ApplyConflict as conflict:
        for owner, path in conflict.conflicts:
            name = owner.manager + ("/" if owner.operation == "Update" else "")
            named[name] = field_set.union(named.get(name, LEAF), field_set.of(path))
        room.apply("me", config, force=True)
    present = NODE.whole(room.content)
    for name, fields in before.items():
        lost = field_set.difference(fields, room.owners.get(name, LEAF))
        gone = field_set.difference(fields, present)
        assert field_set.difference(lost, field_set.union(named.get(name, LEAF), gone)) == LEAF


@given(OBJECTS, OBJECTS)
def test_managers_with_disjoint_fields_commute(one, other):
    """The order of their applies decides neither who owns what nor, but for the order of lists, what there is."""
    two = {name: value for name, value in other.items() if name not in one}
    two["items"] = [{**item, "name": "only-" + item["name"]} for item in other.get("items", ())]
    two["labels"] = {"only-" + key: value for key, value in other.get("labels", {}).items()}
    two = {name: value for name, value in two.items() if value}
    first, second = Room(), Room()
    first.apply("one", one)
    first.apply("two", two)
    second.apply("two", two)
    second.apply("one", one)
    assert first.owners == second.owners
    assert NODE.compare(first.content, second.content) is None


@given(HISTORIES, OBJECTS, OBJECTS)
def test_removed_fields_disappear_unless_owned(room, one, two):
    """What an applier does not apply any more is gone, or somebody else's."""
    room.apply("me", one, force=True)
    others = {name: fields for name, fields in room.owners.items() if name != "me"}
    room.apply("me", two, force=True)
    dropped = field_set.leaves(field_set.difference(owned(one), owned(two)))
    present = NODE.whole(room.content)
    for path in field_set.paths(dropped):
        kept = any(field_set.has(fields, path) for fields in others.values())
        assert kept or not field_set.has(present, path) or beneath(path, owned(two))


def beneath(path: tuple[str, ...], fields: Any) -> bool:
    """Whether something owned lies below the path, so that it has to be there."""
    for element in path:
        if element not in fields:
            return False
        fields = fields[element]
    return bool(fields)
