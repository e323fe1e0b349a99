"""Rules in CEL of definitions, against answers of a kube-apiserver (`tests/data/definitions/rules.jsonl`)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
from kind_bench import Kind

Tree = dict[str, Any]
_DATA = Path(__file__).parents[1] / "data" / "definitions" / "rules.jsonl"
_FIRST, *_ROWS = map(orjson.loads, _DATA.read_bytes().splitlines())
_GROUP = "celrules.example.com"
_NAMES = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
_RULES = "x-kubernetes-validations"


def definition(root: Tree) -> Tree:
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": root}}
    return {"metadata": {"name": f"widgets.{_GROUP}"},
            "spec": {"group": _GROUP, "names": _NAMES, "scope": "Namespaced", "versions": [version]}}


def spec(schema: Tree) -> Tree:
    return {"type": "object", "properties": {"spec": {"type": "object", **schema}}}


def refused(bench: Kind, root: Tree) -> list[str]:
    """What is wrong with a schema. Upstream makes up a new name for the type of `self` each time."""
    return sorted(re.sub(r"selfType\d+", "selfType1", cause) for cause in bench.refused(definition(root)))


def test_expressions_are_judged_as_upstream_judges_them() -> None:
    """Compilation, types, costs, transitions and defaults: the same causes in the same words."""
    bench = Kind("customresourcedefinitions", "apiextensions.k8s.io")
    assert len(_ROWS) > 300
    for row in _ROWS:
        root = row.get("root") or spec({"properties": _FIRST["properties"], _RULES: [row["rule"]]})
        assert refused(bench, root) == row["causes"], row


_DEAR = {"type": "array", "items": {"type": "string"}, _RULES: [{"rule": "self.all(x, x.contains('a'))"}]}


def test_dear_rules_may_stay() -> None:
    """A schema that did not change is not refused for the cost of one rule, but for the cost of all together."""
    bench = Kind("customresourcedefinitions", "apiextensions.k8s.io")
    cheap = {**_DEAR, "items": {"type": "string", "maxLength": 9}, "maxItems": 9}
    costs = {**_DEAR, "items": {"type": "string", "maxLength": 10_000}, "maxItems": 20_000}
    for before, after, expected in ((cheap, costs, True), (costs, costs, False)):
        old = bench.decoded(definition(spec({"properties": {"a": before}})))
        old["metadata"].update(resourceVersion="1", uid="u", creationTimestamp="2020-01-01T00:00:00Z")
        new = definition(spec({"properties": {"a": after}}))
        found = bench.refused_update(old, new)
        assert any("estimated rule cost exceeds budget" in cause for cause in found) is expected, found


def test_rules_are_not_compiled_where_a_schema_is_wrong() -> None:
    """What is wrong with a schema is told first, without the expressions within."""
    bench = Kind("customresourcedefinitions", "apiextensions.k8s.io")
    wrong = {"type": "object", "properties": {"b": {"type": "string", "uniqueItems": True}}, _RULES: [{"rule": "("}]}
    assert all("compilation" not in cause for cause in refused(bench, spec({"properties": {"a": wrong}})))
    apart = {"a": {"type": "integer", _RULES: [{"rule": "("}]}, "b": {"type": "string", "uniqueItems": True}}
    assert any("compilation" in cause for cause in refused(bench, spec({"properties": apart})))
