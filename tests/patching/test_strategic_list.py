"""Strategic merges of lists: merge keys, directives, scalars, order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.patching import strategic
from orlop.patching.errors import BadPatch, PatchCrashed, PatchError, PatchFailed, Unprocessable


@pytest.fixture
def containers(deployment):
    """Merge lists of containers, given as items or as names."""

    def run(original, patch=None, order=None):
        spec = {}
        if patch is not None:
            spec["containers"] = named(patch)
        if order is not None:
            spec["$setElementOrder/containers"] = [{"name": name} for name in order]
        return pod(deployment, {"containers": named(original)}, spec)["containers"]

    return run


def named(items):
    return [{"name": item} if isinstance(item, str) else item for item in items]


def pod(schema, original, patch):
    document = {"spec": {"template": {"spec": original}}}
    result = strategic.apply(document, {"spec": {"template": {"spec": patch}}}, schema)
    return result["spec"]["template"]["spec"]


def meta(schema, original, patch):
    return strategic.apply({"metadata": original}, {"metadata": patch}, schema)["metadata"]


def names(items):
    return "".join(item["name"] for item in items)


def failure(run, *arguments):
    with pytest.raises(PatchError) as caught:
        run(*arguments)
    return type(caught.value), str(caught.value)


def delete(name):
    return {"name": name, "$patch": "delete"}


def test_items_merge_by_key(containers):
    """An item of the patch changes the one with its key."""
    original = [{"name": "a", "image": "1", "args": ["x"]}, {"name": "b", "image": "1"}]
    result = containers(original, [{"name": "b", "image": "2"}])
    assert result == [{"name": "a", "image": "1", "args": ["x"]}, {"name": "b", "image": "2"}]


def test_lists_inside_items_merge_by_their_own_keys(containers):
    """Merge keys nest; lists without the strategy are replaced."""
    env = [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]
    original = [{"name": "a", "env": env, "args": ["x"]}]
    patch = [{"name": "a", "env": [{"name": "Y", "value": "3"}, {"name": "Z"}], "args": ["y"]}]
    env = [{"name": "X", "value": "1"}, {"name": "Y", "value": "3"}, {"name": "Z"}]
    assert containers(original, patch) == [{"name": "a", "env": env, "args": ["y"]}]


ORDERS = [
    ("ab", "c", "cab"),
    ("ab", "ca", "cab"),
    ("ab", "ac", "acb"),
    ("abc", "cb", "acb"),
    ("abc", "b", "abc"),
    ("abcd", "db", "acdb"),
    ("", "ba", "ba"),
]


@pytest.mark.parametrize(("original", "patch", "result"), ORDERS)
def test_order_without_directive(containers, original, patch, result):
    """Items of the patch keep their order and go first where the original does not say otherwise."""
    assert names(containers(original, patch)) == result


SET_ORDERS = [
    ("abc", None, "cab", "cab"),
    ("abc", "n", "na", "nabc"),
    ("abc", "n", "an", "anbc"),
    ("cab", "n", "na", "ncab"),
    ("ab", None, "", "ab"),
    ("abc", None, "ca", "bca"),
]


@pytest.mark.parametrize(("original", "patch", "order", "result"), SET_ORDERS)
def test_order_with_directive(containers, original, patch, order, result):
    """$setElementOrder orders what it names; the rest stays where it was among them."""
    assert names(containers(original, patch, order)) == result


def test_a_new_item_takes_the_room_of_a_deleted_one(containers):
    """Upstream appends in the memory of the deleted item, and goes by that order afterwards."""
    assert names(containers("ba", ["c", delete("a")], "ca")) == "bc"
    assert names(containers("b", ["c"], "c")) == "cb"


def test_items_of_an_unknown_order(containers):
    """With an empty $setElementOrder new items go by the order of a contradictory sort."""
    assert names(containers("ab", "c", "")) == "abc"


def test_the_patch_must_be_in_the_order(containers):
    """Items that $setElementOrder lacks, or has in another order, are a plain error."""
    kind, text = failure(containers, "ab", [{"name": "n", "image": "i"}], "a")
    assert kind is PatchFailed
    assert text == (
        "The order in patch list:\n[map[image:i name:n]]\n"
        " doesn't match $setElementOrder list:\n[map[name:a]]\n"
    )
    assert failure(containers, "ab", "ba", "ab")[0] is PatchFailed


def test_deletions_need_not_be_in_the_order(containers):
    """$patch: delete items do not count."""
    assert names(containers("ab", ["c", delete("a")], "cb")) == "cb"


def test_delete_directive(containers):
    """Items with $patch: delete take those with their key away, absent ones do nothing."""
    assert names(containers("abca", [delete("a"), delete("x")])) == "bc"


def test_replace_directive(containers):
    """One item with $patch: replace makes the others the whole list."""
    assert names(containers("ab", [{"$patch": "replace"}, "c"])) == "c"
    assert containers("ab", [{"$patch": "replace"}]) == []


def test_a_deleted_item_can_come_back(containers):
    """A plain item with the key of a deleted one is a new item."""
    original = [{"name": "a", "image": "1", "args": []}]
    assert containers(original, [delete("a"), {"name": "a", "image": "2"}]) == [{"name": "a", "image": "2"}]


def test_new_items_are_taken_as_they_are(containers):
    """Nulls and directives inside a new item of a merged list stay."""
    item = {"name": "c", "image": None, "env": [{"name": "X", "$patch": "delete"}]}
    assert containers("a", [item]) == [item, {"name": "a"}]


def test_repeated_keys(containers):
    """In the original the first of them merges; in the patch they merge into one."""
    original = [{"name": "a", "image": "1"}, {"name": "a", "image": "2"}]
    assert containers(original, [{"name": "a", "image": "3"}])[0]["image"] == "3"
    patch = [{"name": "n", "image": "1"}, {"name": "n", "args": ["x"]}]
    assert containers("a", patch) == [{"name": "n", "image": "1", "args": ["x"]}, {"name": "a"}]


def test_keys_of_other_types_differ(deployment):
    """80 and 80.0 are different merge keys, as int64 and float64 are in Go."""
    original = {"containers": [{"name": "a", "ports": [{"containerPort": 80}]}]}
    patch = {"containers": [{"name": "a", "ports": [{"containerPort": 80.0, "name": "x"}]}]}
    ports = pod(deployment, original, patch)["containers"][0]["ports"]
    assert ports == [{"containerPort": 80.0, "name": "x"}, {"containerPort": 80}]


FAILURES = [
    ([{"image": "i"}], PatchFailed, "map: map[image:i] does not contain declared merge key: name"),
    ([{"$patch": "delete"}], PatchFailed,
     "map: map[$patch:delete] does not contain declared merge key: name"),
    ([{"name": "a", "$patch": "merge"}], PatchFailed, "merging lists cannot yet be specified in the patch"),
    ([{"name": "a", "$patch": 5}], PatchFailed,
     "unknown patch type: %!s(int64=5) in map: map[$patch:5 name:a]"),
]


@pytest.mark.parametrize(("patch", "kind", "text"), FAILURES)
def test_items_that_cannot_be_merged(containers, patch, kind, text):
    """Items need the merge key and a known directive."""
    assert failure(containers, "a", patch) == (kind, text)


TYPES = [
    (["text"], PatchFailed, "list element types are not identical: [[map[name:a]] [text]]"),
    ([None], PatchFailed, "list element types are not identical: [[map[name:a]] [<nil>]]"),
]


@pytest.mark.parametrize(("patch", "kind", "text"), TYPES)
def test_items_of_mixed_types(deployment, patch, kind, text):
    """All items of both lists must be of one type."""
    arguments = deployment, {"containers": [{"name": "a"}]}, {"containers": patch}
    assert failure(pod, *arguments) == (kind, text)


def test_merging_into_an_empty_list(deployment):
    """Then the patch alone decides what kind of items there are."""
    empty = {"containers": []}
    text = "expected a map[string]interface {}, but received a string"
    assert failure(pod, deployment, empty, {"containers": ["x"]}) == (PatchFailed, text)
    assert failure(pod, deployment, empty, {"containers": [[]]}) == (
        Unprocessable, "lists of lists are not supported")
    assert failure(pod, deployment, empty, {"containers": [None]})[0] is PatchCrashed
    text = "cannot merge lists without merge key for string"
    assert failure(meta, deployment, {"finalizers": []}, {"finalizers": [{}]}) == (PatchFailed, text)


def test_lists_without_the_strategy_are_replaced(deployment):
    """Atomic lists are taken whole, directives, nulls and all."""
    patch = {"tolerations": [{"key": "y", "$patch": "delete"}, {"key": None}]}
    assert pod(deployment, {"tolerations": [{"key": "x"}]}, patch) == patch


SCALARS = [
    (["a"], {"finalizers": ["b", "a"]}, ["b", "a"]),
    (["a", "b"], {"finalizers": ["c"]}, ["c", "a", "b"]),
    (["a", "b", "c"], {"$deleteFromPrimitiveList/finalizers": ["b", "x"]}, ["a", "c"]),
    (["a", "b"], {"$deleteFromPrimitiveList/finalizers": ["a", "b"]}, []),
    (["a", "b"], {"finalizers": ["c"], "$setElementOrder/finalizers": ["c", "b", "a"]}, ["c", "b", "a"]),
    (
        ["c", "b", "a"],
        {"$deleteFromPrimitiveList/finalizers": ["b"], "$setElementOrder/finalizers": ["a", "c"]},
        ["a", "c"],
    ),
    (["x", "x", "y"], {"finalizers": ["z"]}, ["z", "x", "y"]),
    (["f1", "f1", "f4", "f2"], {"finalizers": []}, ["f1", "f2", "f4"]),
]


@pytest.mark.parametrize(("original", "patch", "result"), SCALARS)
def test_lists_of_scalars(deployment, original, patch, result):
    """Scalars merge as a set, new ones first; parallel lists delete and order them."""
    assert meta(deployment, {"finalizers": original}, patch) == {"finalizers": result}


def test_parallel_lists_that_meet_nothing(deployment):
    """They do nothing, save that null deletes the list as a plain null does."""
    delete_list, order = "$deleteFromPrimitiveList/finalizers", "$setElementOrder/finalizers"
    assert meta(deployment, {}, {delete_list: ["a"], order: ["a"]}) == {}
    assert meta(deployment, {"finalizers": ["a"]}, {delete_list: "a"}) == {"finalizers": ["a"]}
    assert meta(deployment, {"finalizers": ["a"]}, {delete_list: None}) == {}


PARALLEL = [
    ({"$deleteFromPrimitiveList": []}, BadPatch, "invalid patch format of primitive list"),
    ({"$deleteFromPrimitiveListX/finalizers": []}, BadPatch, "invalid patch format of primitive list"),
    ({"$setElementOrder": []}, BadPatch, "invalid patch format of setElementOrder list"),
    ({"$setElementOrder/finalizers": "a"}, PatchFailed, "expected a []interface {}, but received a string"),
    ({"$setElementOrder/finalizers": None}, PatchFailed,
     "expected a []interface {}, but received a %!s(<nil>)"),
    ({"$setElementOrder/finalizers": [], "finalizers": "a"}, PatchFailed,
     "expected a []interface {}, but received a string"),
    ({"$setElementOrder/name": []}, PatchFailed, "expected a []interface {}, but received a string"),
    ({"$setElementOrder/labels": []}, PatchFailed, "expected slice or array type, but got: struct"),
    ({"$setElementOrder/bogus": []}, PatchFailed,
     'unable to find api field in struct ObjectMeta for the json field "bogus"'),
    ({"$setElementOrder/finalizers": ["a"], "finalizers": []}, PatchFailed,
     "no elements in any of the given slices"),
]


@pytest.mark.parametrize(("patch", "kind", "text"), PARALLEL)
def test_parallel_lists_in_a_bad_format(deployment, patch, kind, text):
    """Names, types and fields of parallel lists are checked, each with its own words."""
    original = {"name": "d"} if "finalizers" in patch else {"name": "d", "finalizers": ["a"]}
    assert failure(meta, deployment, original, patch) == (kind, text)


def test_order_of_objects_without_a_key(deployment):
    """Upstream panics when $setElementOrder names a list whose items it cannot compare."""
    patch = {"$setElementOrder/tolerations": [{"key": "x"}]}
    assert failure(pod, deployment, {"tolerations": [{"key": "x"}]}, patch)[0] is PatchCrashed


def test_a_merge_without_effect_keeps_the_list(deployment):
    """The original list itself comes back."""
    original = {"finalizers": ["a", "b"]}
    assert meta(deployment, original, {"finalizers": ["b"]})["finalizers"] is original["finalizers"]


KEYS = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


@given(original=KEYS, patch=KEYS)
def test_merging_is_a_union_in_the_order_of_the_patch(deployment, original, patch):
    """Every item of both is there once, the patch's in the patch's order, the others in the original's."""
    result = meta(deployment, {"finalizers": original}, {"finalizers": patch})["finalizers"]
    assert sorted(result) == sorted({*original, *patch})
    if patch:
        assert [item for item in result if item in patch] == patch
    assert [item for item in result if item not in patch] == [item for item in original if item not in patch]


@given(original=KEYS, order=KEYS)
def test_the_wanted_order_holds(deployment, original, order):
    """Items that $setElementOrder names stand in its order, the others in theirs."""
    patch = {"$setElementOrder/finalizers": order}
    original = [*original, "z"]
    result = meta(deployment, {"finalizers": original}, patch)["finalizers"]
    assert [item for item in result if item in order] == [item for item in order if item in original]
    assert [item for item in result if item not in order] == [item for item in original if item not in order]
