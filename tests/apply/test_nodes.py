"""Typed values: which fields they have, how they differ, merge and shrink, and what is said about bad ones."""

from __future__ import annotations

import copy

import pytest
from rooms import BOX, STRING, atomic, fields, keyed, root, set_of, struct

from orlop.apply import typed_errors
from orlop.apply.anything import ANYTHING
from orlop.apply.openapi import compile_schema
from orlop.apply.typed_errors import TypedError

NODE = root(BOX)


def complaint(value, node=NODE, **options):
    return typed_errors.told(node.validate(value, **options))


A = {"name": "a"}
OWNED = [
    ({"name": "x", "value": None}, fields("name", "value")),
    ({"labels": {"a": "1"}}, fields(("labels", "a"))),
    ({"labels": {}, "inner": {}}, fields("labels", "inner")),
    ({"inner": {"deep": {}}}, fields(("inner", "deep"))),
    ({"whole": {"a": "1"}, "args": ["x"]}, fields("whole", "args")),
    ({"whole": None, "args": []}, fields("whole", "args")),
    ({"tags": []}, {}),
    ({"tags": None, "items": None}, fields("tags", "items")),
    ({"tags": ["b", "a"]}, fields(("tags", ["a"]), ("tags", ["b"]))),
    ({"items": [{"name": "a", "value": 1}]}, fields(("items", A), ("items", A, "name"), ("items", A, "value"))),
    ({"ports": [{"port": 80}]},
     fields(("ports", {"port": 80, "protocol": "TCP"}), ("ports", {"port": 80, "protocol": "TCP"}, "port"))),
    ({"maps": {"m": {"k": "v"}, "n": {}}}, fields(("maps", "m"), ("maps", "m", "k"), ("maps", "n"))),
    ({"structs": {"s": {"a": "1"}}}, fields(("structs", "s"), ("structs", "s", "a"))),
    ({"free": {"x": {"y": 1}, "l": [1]}}, fields(("free", "x"), ("free", "x", "y"), ("free", "l"))),
    ({"items": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]}, fields(("items", A))),
    ({"tags": ["a", "a"]}, fields(("tags", ["a"]))),
]


@pytest.mark.parametrize(("value", "owned"), OWNED)
def test_fields_of_an_applied_value(value, owned):
    """Leaves, items of lists and keys of maps are owned; declared members on the way are not."""
    assert (NODE.fields(value) or {}) == owned


WHOLE = [
    ({"name": "x"}, fields("name")),
    ({"labels": {"a": "1"}}, fields("labels", ("labels", "a"))),
    ({"labels": {}, "tags": [], "inner": None}, fields("labels", "tags", "inner")),
    ({"inner": {"deep": {"x": "1"}}}, fields("inner", ("inner", "deep"), ("inner", "deep", "x"))),
    ({"items": [{"name": "a"}, {"name": "a"}]}, fields("items", ("items", A))),
    ({"free": {"a": {"b": 1}}}, fields("free", ("free", "a"), ("free", "a", "b"))),
]


@pytest.mark.parametrize(("value", "changed"), WHOLE)
def test_what_comes_and_goes_with_a_value(value, changed):
    """A value that appears brings every object and list on the way; one that disappears takes the same."""
    assert NODE.compare({}, value) == (None, changed)
    assert NODE.compare(value, {}) == (changed, None)


CHANGES = [
    ({"name": "x", "value": 1}, {"name": "x", "value": 2}, {}, fields("value")),
    ({"value": 1}, {"value": 1.0}, {}, {}),
    ({"labels": {"a": "1", "b": "2"}}, {"labels": {"a": "1", "c": "2"}},
     fields(("labels", "b")), fields(("labels", "c"))),
    ({"labels": None}, {"labels": {"a": "1"}}, {}, fields(("labels", "a"))),
    ({"labels": None}, {"labels": {}}, {}, fields("labels")),
    ({"labels": {"a": "1"}}, {"labels": {}}, fields(("labels", "a")), {}),
    ({"args": ["a"]}, {"args": ["b"]}, {}, fields("args")),
    ({"tags": ["a", "b"]}, {"tags": ["b", "a"]}, {}, {}),
    ({"tags": ["a", "b"]}, {"tags": ["b", "c"]}, fields(("tags", ["a"])), fields(("tags", ["c"]))),
    ({"items": [{"name": "a", "value": 1}]}, {"items": [{"name": "b"}, {"name": "a", "value": 2}]}, {},
     fields(("items", {"name": "b"}), ("items", {"name": "b"}, "name"), ("items", A, "value"))),
    ({"tags": ["a", "a"]}, {"tags": ["a"]}, fields(("tags", ["a"])), fields(("tags", ["a"]))),
    ({"tags": ["a"]}, {"tags": ["a", "a"]}, fields(("tags", ["a"])), fields(("tags", ["a"]))),
    ({"tags": ["a", "a"]}, {"tags": ["a", "a"]}, {}, {}),
    ({"tags": ["a", "a"]}, {"tags": ["a", "a", "a"]}, {}, fields(("tags", ["a"]))),
    ({"free": {"a": 1}}, {"free": {"a": {"b": 1}}}, {}, fields(("free", "a"), ("free", "a", "b"))),
    ({"free": {"a": {"b": 1}}}, {"free": {"a": 1}}, fields(("free", "a", "b")), fields(("free", "a"))),
    ({"free": {"a": True}}, {"free": {"a": "x"}}, {}, fields(("free", "a"))),
]


@pytest.mark.parametrize(("old", "new", "removed", "changed"), CHANGES)
def test_compare(old, new, removed, changed):
    """What was removed, and what was added or modified."""
    difference = NODE.compare(old, new)
    assert (difference or ()) == ((removed or None, changed or None) if removed or changed else ())


def test_numbers_are_no_booleans():
    """1 is 1.0, but not true, also where no type is known."""
    assert ANYTHING.compare({"a": 1}, {"a": True}) == (None, fields("a"))
    assert ANYTHING.compare({"a": 1}, {"a": 1.0}) is None


MERGES = [
    ({"name": "x"}, {"value": 1}, {"name": "x", "value": 1}),
    ({"labels": {"a": "1"}}, {"labels": {"b": "2"}}, {"labels": {"a": "1", "b": "2"}}),
    ({"labels": {"a": "1"}}, {"labels": None}, {"labels": {"a": "1"}}),
    ({"labels": {"a": "1"}}, {"labels": {}}, {"labels": {"a": "1"}}),
    ({"labels": {}}, {"labels": None}, {"labels": None}),
    ({"name": "x"}, {"name": None}, {"name": None}),
    ({"whole": {"a": "1"}}, {"whole": {"b": "2"}}, {"whole": {"b": "2"}}),
    ({"args": ["a"]}, {"args": []}, {"args": []}),
    ({"tags": ["a"]}, {"tags": []}, {"tags": ["a"]}),
    ({"items": [{"name": "a", "value": 1}]}, {"items": [{"name": "a", "inner": {"a": "x"}}]},
     {"items": [{"name": "a", "value": 1, "inner": {"a": "x"}}]}),
    ({"items": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]}, {"items": [{"name": "a", "value": 3}]},
     {"items": [{"name": "a", "value": 3}]}),
    ({"free": {"a": {"b": 1}, "l": [1]}}, {"free": {"a": {"c": 2}, "l": [2]}},
     {"free": {"a": {"b": 1, "c": 2}, "l": [2]}}),
    ({"free": {"a": {"b": 1}}}, {"free": {"a": "x"}}, {"free": {"a": "x"}}),
    ({"free": {"a": {"b": 1}}}, {"free": {"a": None}}, {"free": {"a": {"b": 1}}}),
]


@pytest.mark.parametrize(("live", "config", "merged"), MERGES)
def test_merge(live, config, merged):
    """Maps and lists with keys join, everything else is replaced; null and empty do not take away what is there."""
    before = copy.deepcopy((live, config))
    assert NODE.merge(live, config) == merged
    assert (live, config) == before
    assert NODE.merge(merged, config) is merged


@pytest.mark.parametrize(("live", "config", "merged"), [
    ("abc", "", "abc"),
    ("", "abc", "abc"),
    ("abc", "d", "abcd"),
    ("abcd", "dx", "abcdx"),
    ("ab", "xa", "xab"),
    ("abc", "ca", "bca"),
    ("abcd", "cxa", "bcdxa"),
    ("abcde", "dxb", "acdexb"),
    ("abc", "bac", "bac"),
    ("axb", "ba", "xba"),
    ("aab", "ba", "ba"),
])
def test_order_of_merged_lists(live, config, merged):
    """Shared items take the configuration's order, live ones stay between them, new ones come after those."""
    assert "".join(compile_schema(set_of(STRING)).merge(list(live), list(config))) == merged


SMALLER = [
    ({"name": "x", "value": 1}, fields("name"), {"value": 1}),
    ({"name": "x"}, fields("name"), None),
    ({"name": "x", "labels": {"a": "1"}}, fields(("labels", "a")), {"name": "x", "labels": None}),
    ({"tags": ["a", "b"]}, fields(("tags", ["a"])), {"tags": ["b"]}),
    ({"items": [{"name": "a", "value": 1}, {"name": "b"}]}, fields(("items", A, "value")),
     {"items": [{"name": "a"}, {"name": "b"}]}),
    ({"items": [{"name": "a", "value": 1}, {"name": "b"}]}, fields(("items", A)), {"items": [{"name": "b"}]}),
    ({"args": ["a"], "name": "x"}, fields("args"), {"name": "x"}),
    ({"free": {"a": {"b": 1}, "c": 1}}, fields(("free", "a", "b")), {"free": {"a": None, "c": 1}}),
    ({"name": "x"}, fields("value"), {"name": "x"}),
]


@pytest.mark.parametrize(("value", "items", "left"), SMALLER)
def test_remove(value, items, left):
    """Items go with all that is below them; what is emptied becomes null."""
    assert NODE.remove(value, items) == left


@pytest.mark.parametrize(("value", "items", "left"), [
    ({"name": "x", "value": 1}, fields("name"), {"name": "x"}),
    ({"labels": {"a": "1", "b": "2"}}, fields(("labels", "a")), {"labels": {"a": "1"}}),
    ({"items": [{"name": "a", "value": 1}, {"name": "b"}]}, fields(("items", A, "value")), {"items": [{"value": 1}]}),
    ({"items": [{"name": "a", "value": 1}, {"name": "b"}]}, fields(("items", A)),
     {"items": [{"name": "a", "value": 1}]}),
    ({"tags": ["a", "b"], "args": ["x"]}, fields(("tags", ["b"]), "args"), {"tags": ["b"], "args": ["x"]}),
    ({"free": {"a": {"b": 1}, "c": 2}}, fields(("free", "c")), {"free": {"c": 2}}),
    ({"name": "x"}, fields("value"), None),
])
def test_extract(value, items, left):
    """Only the items stay."""
    assert NODE.extract(value, items) == left


COMPLAINTS = [
    ({"nosuch": 1}, ".nosuch: field not declared in schema"),
    ({"inner": {"deep": {"y": 1}}}, ".inner.deep.y: field not declared in schema"),
    ({"name": 1}, ".name: expected string, got &value.valueUnstructured{Value:1}"),
    ({"name": {"a": [None, True, 1000000]}}, '.name: expected string, got &value.valueUnstructured{Value:'
     'map[string]interface {}{"a":[]interface {}{interface {}(nil), true, 1e+06}}}'),
    ({"value": "1"}, ".value: expected numeric (int or float), got string"),
    ({"value": [1]}, ".value: expected numeric (int or float), got []interface {}"),
    ({"flag": "true"}, ".flag: expected boolean, got &{true}"),
    ({"inner": ["x"]}, ".inner: expected map, got &{[x]}"),
    ({"args": {"a": 1.5}}, ".args: expected list, got &{map[a:1.5]}"),
    ({"args": ["a", 1]}, ".args[1]: expected string, got &value.valueUnstructured{Value:1}"),
    ({"tags": ["a", "a"]}, '.tags: duplicate entries for key [="a"]'),
    ({"tags": [None]}, ".tags: element 0: associative list without keys has an element that's an explicit null"),
    ({"tags": ["a", {}]}, ".tags: element 1: associative list without keys has an element that's a map type"),
    ({"tags": [[]]}, ".tags: element 0: not supported: associative list with lists as elements"),
    ({"items": [None]}, ".items: element 0: associative list with keys may not have a null element"),
    ({"items": ["x"]}, ".items: element 0: associative list with keys may not have non-map elements"),
    ({"items": [{"value": 1}]}, '.items: element 0: associative list with keys has an element that omits all key '
     'fields ["name"] (and doesn\'t have default values for any key fields)'),
    ({"items": [{"name": "a", "tags": ["x", "x"]}]}, '.items[name="a"].tags: duplicate entries for key [="x"]'),
    ({"ports": [{"port": 8080}, {"port": 8080, "protocol": "TCP"}]},
     '.ports: duplicate entries for key [port=8080,protocol="TCP"]'),
    ({"name": 1, "flag": 2}, "errors:\n  .name: expected string, got &value.valueUnstructured{Value:1}\n"
     "  .flag: expected boolean, got &{2}"),
]


@pytest.mark.parametrize(("value", "text"), COMPLAINTS)
def test_complaints(value, text):
    """Values that do not fit are named with upstream's words."""
    assert complaint(value) == text


def test_what_is_allowed():
    """Nulls anywhere, duplicates where they are asked for, items with some of their keys."""
    assert NODE.validate({"name": None, "inner": None, "args": None, "items": None, "value": None}) == []
    assert NODE.validate({"tags": ["a", "a"]}, duplicates=True) == []
    assert NODE.validate({"ports": [{"name": "n"}, {"port": 1, "protocol": "UDP"}]}) == []
    assert compile_schema(struct(t={"type": "string", "format": "date-time"})).validate({"t": 1}) == []


def test_a_live_list_without_keys_is_an_error():
    """A stored item that cannot be told apart fails an operation, with its path."""
    node = compile_schema(struct(items=keyed(struct(name=STRING, other=STRING), "name")))
    live = {"items": [{"other": "x"}]}
    with pytest.raises(TypedError, match="element 0: associative list with keys"):
        node.compare(live, {"items": [{"name": "a"}]})
    with pytest.raises(TypedError, match=r"^\.items: element 0"):
        node.merge(live, {"items": [{"name": "a"}]})


def test_named_members():
    """Declared members with fields below them become members of the set, keys of maps do not."""
    given = fields(("inner", "deep", "x"), ("maps", "m", "k"), ("items", A, "inner", "a"))
    expected = fields("inner", ("inner", "deep"), ("inner", "deep", "x"), "maps", ("maps", "m", "k"),
                      "items", ("items", A, "inner"), ("items", A, "inner", "a"))
    assert NODE.named(given) == expected


def test_sets_of_an_older_type():
    """What became atomic since is owned as a whole; what became granular stays as it is."""
    node = compile_schema(struct(l=atomic(STRING), m={**struct(a=STRING), "x-kubernetes-map-type": "atomic"},
                                 s=set_of(STRING), free={"type": "object"}))
    given = fields(("l", ["x"]), ("m", "a"), "s", ("free", "x", "y"))
    assert node.reconciled(given) == fields("l", "m", "s", ("free", "x", "y"))
    right = fields("l", "m", ("s", ["a"]))
    assert node.reconciled(right) is right
