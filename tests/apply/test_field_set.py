"""The algebra of field sets, against sets of paths; reading and order."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.apply import field_set
from orlop.apply.field_set import FieldSet
from orlop.apply.filters import ANY, Exclude, Include
from orlop.apply.path_element import BadElement

ELEMENTS = st.sampled_from(["f:a", "f:b", "f:c", 'k:{"n":1}', 'k:{"n":"x"}', "v:2", "i:0"])
PATHS = st.lists(ELEMENTS, min_size=1, max_size=4).map(tuple)
SETS = st.frozensets(PATHS, max_size=8)


def made(paths) -> FieldSet:
    return field_set.of(*paths)


def members(fields) -> frozenset[tuple[str, ...]]:
    return frozenset(field_set.paths(fields))


def check_invariants(fields: FieldSet, top: bool = True) -> None:
    """In order; "." only where something is below; nothing empty but leaves."""
    assert list(fields) == field_set.sort(fields)
    assert not (top and "." in fields)
    assert list(fields) != ["."]
    for key, below in fields.items():
        if key == ".":
            assert below == {}
        else:
            check_invariants(below, False)


@given(SETS)
def test_members_are_those_put_in(paths):
    """A set has the paths it was made of and no others, in canonical form."""
    fields = made(paths)
    check_invariants(fields)
    assert members(fields) == paths
    assert all(field_set.has(fields, path) for path in paths)
    assert not field_set.has(fields, ())


@given(SETS, SETS)
def test_algebra(one, other):
    """Union, intersection and difference are those of the sets of paths."""
    left, right = made(one), made(other)
    for operation, expected in ((field_set.union, one | other), (field_set.intersection, one & other),
                                (field_set.difference, one - other)):
        result = operation(left, right)
        check_invariants(result)
        assert members(result) == expected
    assert field_set.covers(left, right) == (one >= other) and field_set.covers(made(one | other), left)
    assert (left, right) == (made(one), made(other))


@given(SETS, SETS)
def test_recursive_difference(one, other):
    """Takes what is in the other set or below one of its members."""
    result = field_set.recursive_difference(made(one), made(other))
    check_invariants(result)
    expected = {path for path in one if not any(path[:n] in other for n in range(1, len(path) + 1))}
    assert members(result) == expected
    assert members(Exclude(*other)(made(one))) == expected


@given(SETS)
def test_leaves(one):
    """The members without others below them."""
    expected = {path for path in one if not any(other != path and other[:len(path)] == path for other in one)}
    assert members(field_set.leaves(made(one))) == expected


@given(SETS, SETS)
def test_nothing_new_is_made_for_nothing(one, other):
    """Operations that change nothing give back what they were given."""
    left = made(one)
    assert field_set.union(left, made(one & other)) is left
    assert field_set.difference(left, made(other - one)) is left


@given(SETS)
def test_round_trip(one):
    """FieldsV1 text reads back as the set, whatever the order of its members."""
    def turned(tree):
        return {key: turned(tree[key]) for key in reversed(tree)}

    fields = made(one)
    text = orjson.dumps(fields)
    assert orjson.dumps(field_set.read(orjson.loads(text))) == text
    assert orjson.dumps(field_set.read(turned(fields))) == text


@pytest.mark.parametrize(("sent", "kept"), [
    (None, {}),
    ({".": {}}, {}),
    ({"f:a": None, "f:b": {"x:later": {}}}, {"f:a": {}, "f:b": {}}),
    ({"f:a": {"f:b": {}, ".": 7}}, {"f:a": {".": {}, "f:b": {}}}),
    ({'k:{"b":1, "a":2}': {}, 'k:{"a":2,"b":1.0}': {"f:x": {}}}, {'k:{"a":2,"b":1}': {".": {}, "f:x": {}}}),
])
def test_reading_what_clients_send(sent, kept):
    """Odd spellings become the canonical one, elements of kinds unknown are passed over."""
    assert field_set.read(sent) == kept


@pytest.mark.parametrize("sent", [[], "x", {"f:a": 1}, {"a": {}}, {"f:a": {"k:x": {}}}])
def test_unreadable_sets(sent):
    """Anything but a tree of elements is refused."""
    with pytest.raises(BadElement):
        field_set.read(sent)


@given(SETS)
def test_include(one):
    """Keeps matches of a pattern, the way there and what is below; a wildcard stands for one element."""
    kept = members(Include(("f:a", ANY, "f:c"), ("f:b",))(made(one)))
    for path in one:
        inside = path[0] == "f:b" or (path[0] == "f:a" and (len(path) < 3 or path[2] == "f:c"))
        assert (path in kept) == inside
