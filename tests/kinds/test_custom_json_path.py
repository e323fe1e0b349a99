"""JSONPath of definitions finds what client-go's finds, and fails where that fails."""

from __future__ import annotations

import pytest

from orlop.api.tree import Value
from orlop.kinds.custom.json_path import BadMatch, BadPath, JSONPath, text

TREE: dict[str, Value] = {
    "metadata": {"name": "a", "labels": {"example.com/x": "y"}},
    "spec": {"size": 3, "ratio": 1.5, "on": True, "none": None, "list": ["x", "y", "z"],
             "conds": [{"type": "Ready", "status": "True", "n": 1}, {"type": "Other", "status": "False", "n": 2}]}}


@pytest.mark.parametrize(("path", "found"), [
    (".spec.size", [3]), (".spec.nope", []), (".spec.nope.more", []), (".spec.none", [None]), (".spec.size.x", []),
    (".metadata.labels.example\\.com/x", ["y"]), (".metadata.labels['example\\.com/x']", ["y"]),
    (".spec['size']", [3]), (".spec.list[0]", ["x"]), (".spec.list[-1]", ["z"]), (".spec.list[1:]", ["y", "z"]),
    (".spec.list[0:3:2]", ["x", "z"]), (".spec.list[*]", ["x", "y", "z"]), (".spec.list[0,2]", ["x", "z"]),
    ('.spec.conds[?(@.type=="Ready")].status', ["True"]), (".spec.conds[?(@.type=='Other')].n", [2]),
    (".spec.conds[?(@.n>1)].type", ["Other"]), (".spec.conds[?(@.n)].type", ["Ready", "Other"]),
    (".spec.conds[?(@.type != \"Ready\")].n", [2]), (".spec.conds[*].n", [1, 2]), (".spec.conds[?(@.nope==1)]", []),
    ("$.spec.size", [3]), (".spec.conds..type", ["Ready", "Other"]), (".metadata.*", ["a", {"example.com/x": "y"}]),
])
def test_what_is_found(path: str, found: list[Value]) -> None:
    """Each form of a path leads where it says."""
    assert JSONPath(path).find(TREE) == found


@pytest.mark.parametrize("path", [".spec.list[7]", ".spec.size[0]", ".spec[?(@.a==1)]", '.spec.conds[?(@.n=="1")]'])
def test_what_cannot_be_followed(path: str) -> None:
    """An index out of bounds, an index of no list, a filter of no list, a comparison of two types."""
    with pytest.raises(BadMatch):
        JSONPath(path).find(TREE)


@pytest.mark.parametrize("path", [".a[", ".a[x]", ".a[?(@.b==1]", "a"])
def test_what_is_no_path(path: str) -> None:
    """Paths that cannot be read are refused when they are compiled."""
    with pytest.raises(BadPath):
        JSONPath(path)


def test_values_as_text() -> None:
    """Scalars as Go prints them, everything else as JSON."""
    shown = [text(value) for value in ("x", 3, 1.5, 1e21, True, ["a"], {"b": 1, "a": 2})]
    assert shown == ["x", "3", "1.5", "1e+21", "true", '["a"]', '{"a":2,"b":1}']
