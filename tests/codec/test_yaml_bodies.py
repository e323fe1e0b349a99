"""YAML bodies as JSON, and trees as YAML."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.codec.yaml import YAMLError, from_tree, to_json

TEXTS = st.text(st.characters(
    codec="utf-8", exclude_characters="\x85\u2028\u2029\ufeff", exclude_categories=["Cc", "Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e15, 1e15) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=15)


@pytest.mark.parametrize(("body", "value"), [
    ("", None),
    ("# nothing", None),
    ("a: b\n---\nc: [", {"a": "b"}),
    ("yes: on\n1: 2\n1.5: ~\n", {"true": True, "1": 2, "1.5": None}),
    ("a: 0777\nb: 0x1F\nc: 0b11\nd: 1_000\ne: 08\nf: 12:30\ng: 1.0\nh: .5\n",
     {"a": 511, "b": 31, "c": 3, "d": 1000, "e": 8, "f": "12:30", "g": 1, "h": 0.5}),
    ("a: 2024-01-01\nb: 2024-01-01T00:00:00Z\n", {"a": "2024-01-01", "b": "2024-01-01T00:00:00Z"}),
    ("a: !!str 5\nb: !!int '7'\nc: !!float 3\nd: !!binary aGVsbG8=\ne: !foo bar\n",
     {"a": "5", "b": 7, "c": 3, "d": "hello", "e": "bar"}),
    ("base: &x {k: v, l: w}\nuse: {<<: *x, l: z}\nlist: [*x]\n",
     {"base": {"k": "v", "l": "w"}, "use": {"k": "v", "l": "z"}, "list": [{"k": "v", "l": "w"}]}),
    ('{"json": ["too", 1, null]}', {"json": ["too", 1, None]}),
    ("k: |\n  line\n  two\n", {"k": "line\ntwo\n"}),
])
def test_yaml_is_read_as_upstream_reads_it(body: str, value: Any) -> None:
    """YAML 1.1 with Go's ideas of numbers; only the first document counts."""
    assert json.loads(to_json(body.encode()).text) == value


@pytest.mark.parametrize(("body", "error"), [
    ("apiVersion: v1\nkind: [unclosed\n", "yaml: line 2: did not find expected ',' or ']'"),
    ("a: b: c\n", "yaml: mapping values are not allowed in this context"),
    ("a: *missing", "yaml: unknown anchor 'missing' referenced"),
    ("a: &a [*a]", "yaml: anchor 'a' value contains itself"),
    ("a: !!int x", "yaml: cannot decode !!str `x` as a !!int"),
    ("a: .nan", "json: unsupported value: NaN"),
    ("? [a]\n: b\n", 'yaml: invalid map key: []interface {}{"a"}'),
    ("{{ x }}: 1", 'yaml: invalid map key: map[interface {}]interface {}{"x":interface {}(nil)}'),
    ("~: 1", "unsupported map key of type: %!s(<nil>), key: <nil>, value: 1"),
    ("a: {<<: 5}", "yaml: map merge requires map or sequence of maps as the value"),
    ("\x01", "yaml: control characters are not allowed"),
])
def test_a_body_that_is_no_yaml_is_refused(body: str, error: str) -> None:
    """The message is upstream's, line numbers included."""
    with pytest.raises(YAMLError) as caught:
        to_json(body.encode())
    assert str(caught.value) == error


def test_repeated_keys_are_reported_and_the_last_counts() -> None:
    """One strict error for all of them, one line for each."""
    found = to_json(b"a: 1\nb:\n  k: v\n  k: w\na: 2\n")
    assert json.loads(found.text) == {"a": 2, "b": {"k": "w"}}
    assert found.repeated == ('line 4: key "k" already set in map', 'line 5: key "a" already set in map')
    assert found.strict_error() == (
        'yaml: unmarshal errors:\n  line 4: key "k" already set in map\n  line 5: key "a" already set in map')
    assert to_json(b"a: 1").strict_error() == ""


def test_keys_are_sorted_in_the_text() -> None:
    """The order of complaints about a YAML body is that of its keys."""
    assert to_json(b"b: 1\na: {d: 1, c: 2}\n").text == b'{"a":{"c":2,"d":1},"b":1}'


def test_an_alias_bomb_is_refused() -> None:
    """Aliases may not multiply a small body into a large one."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(YAMLError, match="document contains excessive aliasing"):
        to_json("\n".join(lines).encode())


def test_deep_nesting_is_refused() -> None:
    """A body nested beyond the stack is an error, not a crash."""
    with pytest.raises(YAMLError, match="exceeded max depth"):
        to_json(b"[" * 9000 + b"]" * 9000)


@pytest.mark.parametrize(("value", "text"), [
    ({"b": [1, {"c": "d"}], "a": {}}, "a: {}\nb:\n- 1\n- c: d\n"),
    ({"a10": 1, "a2": 2, "b": None, "_": []}, "_: []\na2: 2\na10: 1\nb: null\n"),
    ({"k": "yes", "l": "1", "m": "", "n": "a: b", "o": "12:30:45", "p": "2024-01-01T00:00:00Z"},
     'k: "yes"\nl: "1"\nm: ""\n"n": \'a: b\'\no: "12:30:45"\np: "2024-01-01T00:00:00Z"\n'),
    ({"t": "two\nlines\n", "u": "open\nend"}, "t: |\n  two\n  lines\nu: |-\n  open\n  end\n"),
    ([1.5, 1234567.5, 1e-7, True], "- 1.5\n- 1.2345675e+06\n- 1e-07\n- true\n"),
    ("x", "x\n"),
])
def test_trees_are_written_as_upstream_writes_them(value: Any, text: str) -> None:
    """Natural order of keys, block style, quotes where needed, the end left plain."""
    assert from_tree(value).decode() == text


@given(VALUES)
def test_what_is_written_is_read_back(value: Any) -> None:
    """A tree survives the way through YAML."""
    assert json.loads(to_json(from_tree(value)).text) == value


@given(VALUES)
def test_json_is_yaml(value: Any) -> None:
    """A JSON body read as YAML is the same value."""
    body = json.dumps(value, ensure_ascii=False).encode()
    assert json.loads(to_json(body).text) == value
