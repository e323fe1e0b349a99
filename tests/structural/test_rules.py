"""Rules in CEL of custom kinds, against what a kube-apiserver answered (tests/data/structural/rules.jsonl)."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from orlop.api.field import Path as Place
from orlop.api.gvk import GroupVersionKind
from orlop.structural import rule_answers, rules
from orlop.structural.kind import CustomSchema
from orlop.structural.rule_answers import TOTAL_LIMIT, Judgement
from orlop.structural.rule_programs import Extent
from orlop.structural.rule_tree import RuleNode, build
from orlop.structural.rules import SchemaRules, compile_rules
from orlop.structural.schema import compile

Tree = dict[str, Any]
_GVK = GroupVersionKind("celrules.example.com", "v1", "Widget")
_RECORDED: list[Tree] = [
    orjson.loads(line)
    for line in (Path(__file__).parents[1] / "data" / "structural" / "rules.jsonl").read_bytes().splitlines()]


def read(schema: CustomSchema, tree: Tree) -> Tree:
    """An object as a request brings it."""
    text = orjson.dumps({"apiVersion": _GVK.api_version, "kind": _GVK.kind, **tree})
    found: Tree = orjson.loads(text)
    schema.decode(found, None, text)
    schema.default(found)
    return found


def answer(schema: CustomSchema, new: Tree, old: Tree | None) -> tuple[list[dict[str, str]], list[str]]:
    """Causes and warnings of a write, as a strategy gathers them."""
    warnings: list[str] = []
    found = schema.validate(new) if old is None else schema.validate_update(new, old)
    found += schema.validate_embedded(new) + schema.validate_lists(new, old)
    blocking = schema.blocking(found)
    if schema.rules is not None:
        found += schema.rules.validate(new, old, warnings.append) if blocking is None else [blocking]
    return sorted((one.cause() for one in found), key=lambda one: json.dumps(one, sort_keys=True)), warnings


@pytest.mark.parametrize("row", _RECORDED, ids=[row["about"] for row in _RECORDED])
def test_objects_are_judged_as_upstream_judges_them(row: Tree) -> None:
    """The same causes and the same warnings, for new objects and changed ones."""
    schema = CustomSchema(_GVK, row["root"])
    for case in row["cases"]:
        new, old = read(schema, case["new"]), None
        if "old" in case:
            old = orjson.loads(orjson.dumps(read(schema, case["old"])))
        causes, warnings = answer(schema, new, old)
        assert causes == case.get("causes", []), case
        assert sorted(warnings) == case.get("warnings", []), case


@pytest.mark.parametrize("row", _RECORDED, ids=[row["about"] for row in _RECORDED])
def test_the_quick_check_never_passes_what_the_walk_refuses(row: Tree) -> None:
    """Where the quick check says that all rules hold, the walk with its costs finds neither errors nor warnings."""
    schema = CustomSchema(_GVK, row["root"])
    assert schema.rules is not None and schema.node is not None
    tree = build(schema.node, True)
    assert tree is not None
    for case in row["cases"]:
        new, old = read(schema, case["new"]), read(schema, case["old"]) if "old" in case else None
        if schema.rules._holds(new, old) and not rules.has_whole(new):
            warnings: list[str] = []
            walk = Judgement(warnings.append)
            walk.judge(tree, Place(), new, old, ratchets=True)
            fits = not schema.validate(new)
            assert not fits or (not walk.errors and not warnings), case


def of(root: Tree) -> SchemaRules:
    found = compile_rules(compile(root))
    assert found is not None
    return found


def told(root: Tree, obj: Tree, old: Tree | None = None) -> list[str]:
    return [str(one) for one in of(root).validate(obj, old, pytest.fail)]


def spec(schema: Tree) -> Tree:
    return {"type": "object", "properties": {"spec": schema}}


def test_a_schema_without_rules_costs_nothing() -> None:
    """There is nothing to ask then, and no expression is compiled before it is needed."""
    assert compile_rules(compile({"type": "object", "properties": {"a": {"type": "string"}}})) is None
    assert compile_rules(None) is None


def test_what_cannot_be_compiled_is_told_at_every_write() -> None:
    """Definitions refuse such rules; one that was stored under another server is an error of the object."""
    root = spec({"type": "integer", "x-kubernetes-validations": [{"rule": "self ="}, {"rule": " "}, {"rule": "1"}]})
    first, second = told(root, {"spec": 1})
    assert first.startswith('spec: Invalid value: "integer": rule compile error: compilation failed: ERROR: <input>:1:')
    assert second == 'spec: Invalid value: "integer": rule compile error: cel expression must evaluate to a bool'
    untyped = {"x-kubernetes-preserve-unknown-fields": True, "x-kubernetes-validations": [{"rule": "true"}]}
    assert told(untyped, {"spec": 1}) == [
        '<nil>: Invalid value: "": rule compiler initialization error: failed to convert to declType for CEL '
        "validation rules"]


_PAIRS = {"type": "array", "maxItems": 60, "items": {"type": "string", "maxLength": 9},
          "x-kubernetes-validations": [{"rule": "self.all(x, self.all(y, x == y || x != y))"}]}


def test_no_rule_is_evaluated_beyond_the_budget() -> None:
    """What the rules of one object cost is added up; when it is too much, the rest is not looked at."""
    tree = build(_node(spec({"type": "array", "items": _PAIRS})), True)
    assert tree is not None
    obj = {"spec": [[str(number) for number in range(50)]] * 3}
    free = Judgement(pytest.fail)
    free.judge(tree, Place(), obj, None, ratchets=False)
    cost = TOTAL_LIMIT - free.remaining
    assert not free.errors and cost > 3 * 50 * 50
    for budget, place in ((cost - 1, "spec[2]"), (cost // 3, "spec[1]"), (cost // 3 - 1, "spec[0]")):
        walk = Judgement(pytest.fail, budget)
        walk.judge(tree, Place(), obj, None, ratchets=False)
        assert [str(one) for one in walk.errors] == [
            f'{place}: Invalid value: "array": validation failed due to running out of cost budget, no further '
            "validation rules will be run"]
        assert walk.remaining == -1


def _node(root: Tree) -> Any:
    return compile(root)


def test_one_evaluation_must_not_cost_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule or a message that costs more than the limit of a call ends the validation."""
    monkeypatch.setattr(rule_answers, "CALL_LIMIT", 1000)
    rule = _PAIRS["x-kubernetes-validations"][0]["rule"]
    tree = build(_node(spec(_PAIRS)), True)
    assert tree is not None
    obj = {"spec": [str(number) for number in range(50)]}
    walk = Judgement(pytest.fail)
    walk.judge(tree, Place(), obj, None, ratchets=False)
    assert [str(one) for one in walk.errors] == [
        "spec: Invalid value: \"array\": 'operation cancelled: actual cost limit exceeded': no further validation "
        f"rules will be run due to call cost exceeds limit for rule: {rule}"]
    message = f"{rule} ? 'a' : 'b'"
    dear = {**_PAIRS, "x-kubernetes-validations": [{"rule": "false", "messageExpression": message}]}
    tree = build(_node(spec(dear)), True)
    assert tree is not None
    walk = Judgement(pytest.fail)
    walk.judge(tree, Place(), obj, None, ratchets=False)
    assert [str(one) for one in walk.errors] == [
        'spec: Invalid value: "array": no further validation rules will be run due to call cost exceeds limit for '
        f'messageExpression: "{message}"']
    walk = Judgement(pytest.fail, 10)
    walk.judge(tree, Place(), obj, None, ratchets=False)
    assert [str(one) for one in walk.errors] == [
        'spec: Invalid value: "array": messageExpression evaluation failed due to running out of cost budget, no '
        "further validation rules will be run"]


@pytest.mark.parametrize(("size", "harmless"), [(10, True), (150, False)])
def test_costs_are_counted_where_they_could_matter(size: int, harmless: bool) -> None:
    """Lists without a bound make rules dear in theory; a small object needs no counting all the same."""
    lists = {key: value for key, value in _PAIRS.items() if key != "maxItems"}
    found = of(spec({"type": "array", "items": lists}))
    obj = {"spec": [[str(number) for number in range(size)]] * size}
    assert found._is_harmless(obj, None) is harmless
    assert not found._always_harmless


def test_estimates_grow_with_the_object() -> None:
    """No rule is estimated cheaper for larger objects, and none dearer than for any object at all."""
    tree = build(_node(spec({"type": "array", "items": {k: v for k, v in _PAIRS.items() if k != "maxItems"}})), True)
    assert isinstance(tree, RuleNode)
    for extents in ([Extent(items, 8) for items in (1, 8, 64, 512)], [Extent(8, text) for text in (1, 64, 512, 4096)]):
        found = [max(cost * times for cost, times in tree.costs(extent)) for extent in extents]
        assert found == sorted(found) and found[0] < found[-1]
    assert found[-1] < max(cost * times for cost, times in tree.costs())


def test_defaults_have_to_hold_as_new_ones_too() -> None:
    """A rule that allows a value only where it was before refuses it as a default."""
    node = _node({"type": "string", "default": "x",
                  "x-kubernetes-validations": [{"rule": "oldSelf.hasValue()", "optionalOldSelf": True}]})
    found = compile_rules(node, resource_root=False)
    assert found is not None
    assert [str(one) for one in found.validate_default("x", Place("default"))] == [
        'default: Invalid value: "x": failed rule: oldSelf.hasValue()']


def test_nothing_is_changed_by_looking() -> None:
    """Objects are the same after the rules were asked, whatever they are."""
    row = next(row for row in _RECORDED if row["about"] == "expressions")
    schema = CustomSchema(_GVK, row["root"])
    for case in row["cases"]:
        tree = read(schema, case["new"])
        before = copy.deepcopy(tree)
        answer(schema, tree, tree)
        assert tree == before
