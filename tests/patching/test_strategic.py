"""Strategic merges of objects: directives in maps, nulls, strategies of fields."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_trees import NAMES, SCALARS, objects
from merge_fields import Fields, MergeField

from orlop.patching import strategic
from orlop.patching.errors import BadPatch, PatchCrashed, PatchError, PatchFailed


@pytest.fixture
def merge(deployment):
    def run(document, patch):
        return strategic.apply(document, patch, deployment)

    return run


def failure(merge, document, patch):
    with pytest.raises(PatchError) as caught:
        merge(document, patch)
    return type(caught.value), str(caught.value)


def test_objects_merge_and_nulls_delete(merge):
    """Members are set one by one, null deletes, and null for what is absent does nothing."""
    document = {"metadata": {"name": "d", "labels": {"a": "1", "b": "2"}}}
    patch = {"metadata": {"labels": {"a": None, "c": "3", "gone": None}}}
    assert merge(document, patch) == {"metadata": {"name": "d", "labels": {"b": "2", "c": "3"}}}


def test_new_values_lose_nulls_and_directives(merge):
    """What meets nothing is taken without its nulls and without objects that carry $patch."""
    volumes = [{"name": "v", "emptyDir": None}, {"name": "w", "$patch": "delete"}]
    result = merge({"spec": {}}, {"spec": {"template": {"spec": {"volumes": volumes}}}})
    assert result == {"spec": {"template": {"spec": {"volumes": [{"name": "v"}]}}}}


def test_other_directives_of_new_values_stay(merge):
    """Only $patch is taken out of new values; other directives become unknown fields."""
    patch = {"spec": {"strategy": {"type": "Recreate", "$retainKeys": ["type"]}}}
    assert merge({}, patch) == patch


def test_delete_directive_empties_a_map(merge):
    """$patch: delete leaves an empty object where one was, and nothing where none was."""
    patch = {"metadata": {"labels": {"$patch": "delete"}}}
    assert merge({"metadata": {"labels": {"a": "1"}}}, patch) == {"metadata": {"labels": {}}}
    assert merge({"metadata": {"name": "d"}}, patch) == {"metadata": {"name": "d"}}


def test_replace_directive_takes_the_patch(merge):
    """$patch: replace takes the rest of the object, nulls included."""
    patch = {"metadata": {"labels": {"$patch": "replace", "z": "9", "n": None}}}
    result = merge({"metadata": {"labels": {"a": "1"}}}, patch)
    assert result == {"metadata": {"labels": {"z": "9", "n": None}}}


def test_directives_work_at_the_root(merge):
    """The whole object can be replaced or emptied."""
    assert merge({"metadata": {}}, {"$patch": "replace", "spec": {}}) == {"spec": {}}
    assert merge({"metadata": {}}, {"$patch": "delete"}) == {}


@pytest.mark.parametrize(
    ("directive", "text"), [("merge", "merge"), ("frob", "frob"), (5, "%!s(int64=5)"), (None, "%!s(<nil>)")]
)
def test_unknown_directives(merge, directive, text):
    """Anything but replace and delete is a plain error that shows the map."""
    patch = {"metadata": {"labels": {"$patch": directive, "a": "x"}}}
    shown = "<nil>" if directive is None else directive
    kind, message = failure(merge, {"metadata": {"labels": {}}}, patch)
    assert kind is PatchFailed
    assert message == f"unknown patch type: {text} in map: map[$patch:{shown} a:x]"


def test_a_field_of_strategy_replace(merge):
    """The patch takes the place of the object, as it is."""
    document = {"spec": {"selector": {"matchLabels": {"a": "1"}}}}
    patch = {"spec": {"selector": {"matchExpressions": None}}}
    assert merge(document, patch) == patch


def test_values_of_other_types_replace(merge):
    """A scalar takes the place of an object, a list that of a scalar; decoding judges the result."""
    assert merge({"spec": {"replicas": 1}}, {"spec": "text"}) == {"spec": "text"}
    assert merge({"spec": 5}, {"spec": {"replicas": None}}) == {"spec": {}}


def test_retain_keys(merge):
    """Members that $retainKeys does not name go."""
    document = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert merge(document, patch) == {"spec": {"strategy": {"type": "Recreate"}}}


@pytest.mark.parametrize(
    "strategy",
    [{"$retainKeys": "type"}, {"$retainKeys": ["type"], "rollingUpdate": {}}, {"$retainKeys": None}],
)
def test_retain_keys_in_a_bad_format(merge, strategy):
    """$retainKeys must be a list and name every member that the patch sets."""
    error = failure(merge, {"spec": {"strategy": {"type": "x"}}}, {"spec": {"strategy": strategy}})
    assert error == (BadPatch, "invalid patch format of retainKeys")


def test_retain_keys_ignores_nulls(merge):
    """A member set to null need not be named."""
    document = {"spec": {"strategy": {"type": "x", "rollingUpdate": {}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": None}}}
    assert merge(document, patch) == {"spec": {"strategy": {"type": "x"}}}


def test_retain_keys_that_are_no_names(merge):
    """Upstream panics on objects among the names."""
    patch = {"spec": {"strategy": {"$retainKeys": [{}]}}}
    assert failure(merge, {"spec": {"strategy": {}}}, patch)[0] is PatchCrashed


def test_unknown_fields(merge):
    """Objects on both sides of a field nobody knows cannot be merged; the message names the Go type."""
    error = failure(merge, {"bogus": {}}, {"bogus": {}})
    assert error == (PatchFailed, 'unable to find api field in struct Deployment for the json field "bogus"')
    assert merge({}, {"bogus": {"a": None}}) == {"bogus": {}}


def test_objects_of_any_content(merge):
    """Inside a RawExtension only what is no object on both sides can be set."""
    assert merge({"data": {"a": 1}}, {"data": {"b": 2}}) == {"data": {"a": 1, "b": 2}}
    error = failure(merge, {"data": {"a": {}}}, {"data": {"a": {}}})
    assert error[1] == 'unable to find api field in struct RawExtension for the json field "a"'


def test_objects_in_maps(merge):
    """Upstream cannot look below the values of a map."""
    document = {"metadata": {"labels": {"a": {}}}}
    error = failure(merge, document, document)
    assert error == (PatchFailed, "merging an object in json but data type is not struct, instead is: map")


def test_bodies_that_are_no_objects():
    """null is the empty patch, everything else of another type a 400."""
    assert strategic.check(None) == {}
    assert strategic.check({"a": 1}) == {"a": 1}
    with pytest.raises(BadPatch) as caught:
        strategic.check([])
    assert str(caught.value) == "json: cannot unmarshal array into Go value of type map[string]interface {}"


def test_untouched_subtrees_are_shared(merge):
    """What a patch does not reach is the document's own, and a patch without effect gives it back."""
    document = {
        "metadata": {"labels": {"a": "1"}},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "a", "image": "i"}]}}},
    }
    assert merge(document, {"spec": {"replicas": 2}})["metadata"] is document["metadata"]
    spec = {"containers": [{"name": "a", "image": "i"}]}
    same = {"metadata": {"labels": {"a": "1", "b": None}}, "spec": {"template": {"spec": spec}}}
    assert merge(document, same) is document


class Anything:
    """A schema in which every field has one form."""

    def __init__(self, kind):
        self.form = MergeField(kind, frozenset({"merge"}), "a", self)

    def field(self, name):
        return self.form


@given(objects(), objects())
def test_neither_argument_changes(document, patch):
    """Document and patch are the same before and after, whether the merge succeeds or not."""
    for kind in ("object", "list"):
        before = copy.deepcopy((document, patch))
        try:
            strategic.apply(document, patch, Anything(kind))
        except PatchError:
            pass
        assert (document, patch) == before


@given(st.dictionaries(NAMES, SCALARS), st.dictionaries(NAMES, st.one_of(st.none(), SCALARS)))
def test_flat_objects_merge_as_under_a_merge_patch(document, patch):
    """Without lists, objects and directives a strategic merge is a merge patch."""
    expected = {key: value for key, value in {**document, **patch}.items() if value is not None}
    assert strategic.apply(document, patch, Fields("Flat")) == expected
