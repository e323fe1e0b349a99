"""JSON patches applied: RFC 6902, and where evanphx/json-patch leaves it."""

from __future__ import annotations

import copy

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_trees import objects, values

from orlop.patching import json_patch
from orlop.patching.errors import PatchCrashed, PatchError, TestFailed, Unprocessable


def run(document, *operations):
    return json_patch.apply(document, json_patch.operations(list(operations)))


def run_text(document, text):
    body = text.encode()
    return json_patch.apply(document, json_patch.operations(orjson.loads(body), body))


def op(kind, path, **members):
    return {"op": kind, "path": path, **members}


RFC = [
    ({"foo": "bar"}, [op("add", "/baz", value="qux")], {"baz": "qux", "foo": "bar"}),
    ({"foo": ["bar", "baz"]}, [op("add", "/foo/1", value="qux")], {"foo": ["bar", "qux", "baz"]}),
    ({"baz": "qux", "foo": "bar"}, [op("remove", "/baz")], {"foo": "bar"}),
    ({"foo": ["bar", "qux", "baz"]}, [op("remove", "/foo/1")], {"foo": ["bar", "baz"]}),
    ({"baz": "qux", "foo": "bar"}, [op("replace", "/baz", value="boo")], {"baz": "boo", "foo": "bar"}),
    (
        {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
        [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
        {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
    ),
    (
        {"foo": ["all", "grass", "cows", "eat"]},
        [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
        {"foo": ["all", "cows", "eat", "grass"]},
    ),
    (
        {"baz": "qux", "foo": ["a", 2, "c"]},
        [op("test", "/baz", value="qux"), op("test", "/foo/1", value=2)],
        {"baz": "qux", "foo": ["a", 2, "c"]},
    ),
    (
        {"foo": "bar"},
        [op("add", "/child", value={"grandchild": {}})],
        {"foo": "bar", "child": {"grandchild": {}}},
    ),
    ({"foo": "bar"}, [op("add", "/baz", value="qux", xyz=123)], {"foo": "bar", "baz": "qux"}),
    ({"/": 9, "~1": 10}, [op("test", "/~01", value=10)], {"/": 9, "~1": 10}),
    ({"foo": ["bar"]}, [op("add", "/foo/-", value=["abc"])], {"foo": ["bar", ["abc"]]}),
]


@pytest.mark.parametrize(("document", "operations", "result"), RFC)
def test_rfc_examples(document, operations, result):
    """The examples of RFC 6902 appendix A that succeed come out as printed there."""
    assert run(document, *operations) == result


DEVIATIONS = [
    ("replace adds", {"a": {}}, [op("replace", "/a/k", value=1)], {"a": {"k": 1}}),
    ("copy from nothing is null", {}, [{"op": "copy", "from": "/x", "path": "/k"}], {"k": None}),
    ("add without value is null", {}, [op("add", "/k")], {"k": None}),
    ("index -1 removes the last", {"l": [1, 2]}, [op("remove", "/l/-1")], {"l": [1]}),
    ("index -1 appends", {"l": [1, 2]}, [op("add", "/l/-1", value=3)], {"l": [1, 2, 3]}),
    ("index -3 inserts first", {"l": [1, 2]}, [op("add", "/l/-3", value=0)], {"l": [0, 1, 2]}),
    ("index with sign and zeros", {"l": [1, 2]}, [op("replace", "/l/+01", value=0)], {"l": [1, 0]}),
    ("the first token is dropped", {}, [op("replace", "data/k", value=1)], {"k": 1}),
    ("absent passes a test for null", {"a": {}}, [op("test", "/a/k", value=None)], {"a": {}}),
    ("absent passes a test for nothing", {"a": {}}, [op("test", "/a/k")], {"a": {}}),
    ("the root can be replaced", {"a": 1}, [op("replace", "", value={"b": 2})], {"b": 2}),
    ("even by a list", {"a": 1}, [op("replace", "", value=[1]), op("add", "/-", value=2)], [1, 2]),
    ("the empty key", {"": 1}, [op("replace", "/", value=2)], {"": 2}),
    ("moving onto itself", {"a": 1}, [{"op": "move", "from": "/a", "path": "/a"}], {"a": 1}),
    ("an int equals a whole float", {"a": 1.0}, [op("test", "/a", value=1)], {"a": 1.0}),
]


@pytest.mark.parametrize(("document", "operations", "result"), [case[1:] for case in DEVIATIONS],
                         ids=[case[0] for case in DEVIATIONS])
def test_where_upstream_leaves_the_rfc(document, operations, result):
    """What the library accepts beyond the RFC works as it does there."""
    assert run(document, *operations) == result


MISSING = "missing value"
INDEX = "Unable to access invalid index:"
RANGE = "invalid index referenced"
ERRORS = [
    (op("frob", "/a"), "Unexpected kind: frob"),
    ({"path": "/a"}, "Unexpected kind: unknown"),
    ({"op": 5}, "Unexpected kind: unknown"),
    ({"op": "add", "value": 1}, f"add operation failed to decode path: {MISSING}"),
    (op("remove", 5), f"remove operation failed to decode path: {MISSING}"),
    (op("replace", 5, value=1),
     "replace operation failed to decode path: json: cannot unmarshal number into Go value of type string"),
    ({"op": "test"}, f"test operation failed to decode path: operation missing path field: {MISSING}"),
    ({"op": "move", "path": "/x"},
     f"move operation failed to decode from: operation, missing from field: {MISSING}"),
    ({"op": "copy", "from": [], "path": "/x"},
     "copy operation failed to decode from: json: cannot unmarshal array into Go value of type string"),
    (op("add", "/x/y", value=1), f'add operation does not apply: doc is missing path: "/x/y": {MISSING}'),
    (op("add", "", value=1), f'add operation does not apply: doc is missing path: "": {MISSING}'),
    (op("add", "/n/y", value=1), f'add operation does not apply: doc is missing path: "/n/y": {MISSING}'),
    (op("add", "/l/3", value=1), f"error in add for path: '/l/3': {INDEX} 3: {RANGE}"),
    (op("add", "/l/-4", value=1), f"error in add for path: '/l/-4': {INDEX} -4: {RANGE}"),
    (op("add", "/l/x", value=1),
     "error in add for path: '/l/x': value was not a proper array index: 'x': "
     'strconv.Atoi: parsing "x": invalid syntax'),
    (op("remove", ""), f'remove operation does not apply: doc is missing path: "": {MISSING}'),
    (op("remove", "/x"), f"error in remove for path: '/x': Unable to remove nonexistent key: x: {MISSING}"),
    (op("remove", "/l/2"), f"error in remove for path: '/l/2': {INDEX} 2: {RANGE}"),
    (op("remove", "/l/99999999999999999999"),
     "error in remove for path: '/l/99999999999999999999': "
     'strconv.Atoi: parsing "99999999999999999999": value out of range'),
    (op("replace", "/x/y", value=1),
     f"replace operation does not apply: doc is missing path: /x/y: {MISSING}"),
    (op("replace", "/l/9", value=1),
     f"replace operation does not apply: doc is missing key: /l/9: {MISSING}"),
    (op("replace", "", value=5), "replace operation value must be object or array: %!w(<nil>)"),
    ({"op": "move", "from": "/x", "path": "/y"},
     f"error in move for path: 'x': Unable to remove nonexistent key: x: {MISSING}"),
    ({"op": "move", "from": "/x/y", "path": "/y"},
     f"move operation does not apply: doc is missing from path: /x/y: {MISSING}"),
    ({"op": "move", "from": "/n", "path": "/x/y"},
     f"move operation does not apply: doc is missing destination path: /x/y: {MISSING}"),
    ({"op": "move", "from": "/a", "path": "/a/b"},
     f"move operation does not apply: doc is missing destination path: /a/b: {MISSING}"),
    ({"op": "copy", "from": "/l/9", "path": "/y"},
     f"error in copy for from: '/l/9': {INDEX} 9: {RANGE}"),
    ({"op": "copy", "from": "/n", "path": "/x/y"},
     f"copy operation does not apply: doc is missing destination path: /x/y: {MISSING}"),
    ({"op": "copy", "from": "/n", "path": "/l/x"},
     "error while adding value during copy: value was not a proper array index: 'x': "
     'strconv.Atoi: parsing "x": invalid syntax'),
    (op("test", "/n", value=2), "testing value /n failed: test failed"),
    (op("test", "/n", value=1.0), "testing value /n failed: test failed"),
    (op("test", "/n", value=True), "testing value /n failed: test failed"),
    (op("test", "/n"), "testing value /n failed: test failed"),
    (op("test", "", value=None), "testing value  failed: test failed"),
    (op("test", "/l/x", value=1),
     "error in test for path: '/l/x': strconv.Atoi: parsing \"x\": invalid syntax"),
    (op("test", "/x/y", value=1), f"test operation does not apply: is missing path: /x/y: {MISSING}"),
]


@pytest.mark.parametrize(("operation", "text"), ERRORS)
def test_errors_in_the_words_of_upstream(operation, text):
    """What does not apply fails with the library's text, which mutating webhooks pass on to clients."""
    with pytest.raises(Unprocessable) as caught:
        run({"a": {"b": 1}, "n": 1, "l": [1, 2]}, operation)
    assert str(caught.value) == text


CRASHES = [
    op("replace", ""),
    op("test", ""),
    op("test", "/l", value=[1, None]),
    op("test", "/m", value=[1, 2]),
]


@pytest.mark.parametrize("operation", CRASHES)
def test_what_makes_upstream_panic(operation):
    """Missing values at the root and nulls in compared lists end as upstream's panic does."""
    with pytest.raises(PatchCrashed):
        run({"l": [1, 2], "m": [1, None]}, operation)


def test_a_failed_test_is_told_apart():
    """Mutating policies skip a patch whose `test` fails, and no other."""
    with pytest.raises(TestFailed):
        run({"a": 1}, op("add", "/b", value=1), op("test", "/a", value=2))


def test_operations_see_the_ones_before():
    """Operations run in order on one document."""
    result = run(
        {"k": "0"},
        op("add", "/a", value="1"),
        {"op": "copy", "from": "/a", "path": "/c"},
        op("replace", "/a", value="3"),
        op("test", "/c", value="1"),
        {"op": "move", "from": "/c", "path": "/d"},
        op("remove", "/k"),
    )
    assert result == {"a": "3", "d": "1"}


SPELLINGS = [
    ('"a\\u003cb"', True),
    ('"a<b"', False),
    ('"a\\nb"', True),
    ('"a\\u000ab"', False),
    ('"ü"', True),
    ('"\\u00fc"', False),
    ('"say \\"hi\\""', True),
    ('"\\u2028"', True),
    ('"\u2028"', False),
    ('"a\\/b"', False),
]


@pytest.mark.parametrize(("token", "holds"), SPELLINGS)
def test_a_test_compares_spellings(token, holds):
    """Upstream compares a string's text with its own encoder's, which escapes < > & and little else."""
    document = {"k": orjson.loads(token)}
    patch = f'[{{"op": "test", "path": "/k", "value": {token}}}]'
    if holds:
        assert run_text(document, patch) is document
    else:
        with pytest.raises(TestFailed):
            run_text(document, patch)


def test_a_value_put_by_the_patch_keeps_its_spelling():
    """A test finds what an operation before it put, in the same spelling."""
    patch = '[{"op":"add","path":"/k","value":["<"]},{"op":"test","path":"/k","value":["<"]}]'
    assert run_text({}, patch) == {"k": ["<"]}


def test_copies_are_limited_in_size():
    """Doubling a value again and again stops at 3 MiB."""
    operations = [{"op": "copy", "from": "/l", "path": "/l/-"} for _ in range(30)]
    with pytest.raises(Unprocessable, match="exceeding the limit 3145728"):
        run({"l": ["x" * 100]}, *operations)


def test_a_copy_is_a_value_of_its_own():
    """Changing the copy leaves the source alone, and the other way round."""
    result = run(
        {"a": {"x": {"y": 1}}},
        op("add", "/a/x/z", value=2),
        {"op": "copy", "from": "/a", "path": "/b"},
        op("replace", "/b/x/y", value=3),
        op("replace", "/a/x/z", value=4),
    )
    assert result == {"a": {"x": {"y": 1, "z": 4}}, "b": {"x": {"y": 3, "z": 2}}}


def test_untouched_subtrees_are_shared():
    """Only containers on the way to a change are copied."""
    document = {"metadata": {"labels": {}}, "data": {"k": "v"}}
    result = run(document, op("replace", "/data/k", value="w"))
    assert result["metadata"] is document["metadata"]
    assert document["data"] == {"k": "v"}


def test_without_operations_the_document_comes_back():
    """An empty patch, and one of tests only, copy nothing."""
    document = {"a": {"b": 1}}
    assert run(document) is document
    assert run(document, op("test", "/a", value={"b": 1})) is document


def escape(key):
    return key.replace("~", "~0").replace("/", "~1")


def difference(old, new, path=""):
    """The operations from one object to another."""
    for key in old.keys() - new.keys():
        yield op("remove", f"{path}/{escape(key)}")
    for key, value in new.items():
        place = f"{path}/{escape(key)}"
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            yield from difference(old[key], value, place)
        else:
            yield op("add", place, value=value)


@given(objects(), objects())
def test_there_and_back_again(old, new):
    """The operations from a to b give b, those back give a, and both pass through parsing."""
    there = json_patch.parse(orjson.dumps(list(difference(old, new))))
    back = json_patch.parse(orjson.dumps(list(difference(new, old))))
    assert json_patch.apply(old, there) == new
    assert json_patch.apply(json_patch.apply(old, there), back) == old


def pointers(value, path=""):
    yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from pointers(inner, f"{path}/{escape(str(key))}")


@st.composite
def documents_and_patches(draw):
    document = draw(objects())
    places = st.sampled_from(list(pointers(document))).flatmap(
        lambda place: st.sampled_from([place, f"{place}/a", f"{place}/-", f"{place}/-1"]))
    kinds = st.sampled_from(["add", "remove", "replace", "move", "copy", "test"])
    operation = st.fixed_dictionaries({"op": kinds, "path": places, "from": places, "value": values()})
    return document, draw(st.lists(operation, min_size=1, max_size=5))


@given(documents_and_patches())
def test_neither_document_nor_operations_change(case):
    """Whatever a patch does or fails at, the object it started from and the patch stay as they were."""
    document, patch = case
    before = copy.deepcopy(case)
    try:
        run(document, *patch)
    except PatchError:
        pass
    assert (document, patch) == before


@given(objects(nulls=False))
def test_every_place_equals_itself(document):
    """A test of each place for the value that stands there holds."""
    for place in pointers(document):
        value = document
        for token in place.split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            value = value[key] if isinstance(value, dict) else value[int(key)]
        assert run(document, op("test", place, value=copy.deepcopy(value))) is document
