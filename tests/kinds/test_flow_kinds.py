"""Flow schemas and priority levels; each rule as a real server answers to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import flow_cases as cases
import pytest
from flow_cases import limited, schema
from kind_bench import Kind, copied

from orlop.controllers.bootstrap_objects import packaged

GROUP = "flowcontrol.apiserver.k8s.io"
ANSWERS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data/kinds/flow-control.json").read_text())


def said(refusals: list[str], expected: list[list[str]]) -> None:
    assert refusals == [f"{field}: {message}" for field, _, message in expected]


@pytest.mark.parametrize("name", cases.SCHEMAS)
def test_schemas(name: str) -> None:
    """Every rule of a schema."""
    said(Kind("flowschemas", GROUP).refused(spec=cases.SCHEMAS[name]), ANSWERS["flowschemas"][name])


@pytest.mark.parametrize("name", cases.LEVELS)
def test_levels(name: str) -> None:
    """Every rule of a level."""
    said(Kind("prioritylevelconfigurations", GROUP).refused(spec=cases.LEVELS[name]),
         ANSWERS["prioritylevelconfigurations"][name])


def test_empty_types() -> None:
    """No value is a wrong value, as 1.36.0 has it (1.36.3 says that one is required)."""
    levels = Kind("prioritylevelconfigurations", GROUP)
    assert levels.refused(spec={}) == ['spec.type: Unsupported value: "": supported values: "Exempt", "Limited"']
    assert levels.refused(spec=limited(limitResponse={})) == [
        'spec.limited.limitResponse.type: Unsupported value: "": supported values: "Queue", "Reject"']


def test_annotation_of_an_old_version() -> None:
    """What v1beta3 wrote down in an annotation has no place in v1."""
    name = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares"
    assert Kind("prioritylevelconfigurations", GROUP).refused(metadata={"annotations": {name: ""}}, spec=limited()) == [
        f"metadata.annotations: Forbidden: annotation '{name}' is forbidden"]


def test_mandatory_objects() -> None:
    """What every server needs is as it is, but for what the exempt level lends."""
    objects = {(plural, obj["metadata"]["name"]): obj for plural, listed in packaged().items() for obj in listed}
    schemas, levels = Kind("flowschemas", GROUP), Kind("prioritylevelconfigurations", GROUP)
    exempt = schemas.create(objects["flowschemas", "exempt"])
    (refusal,) = schemas.refused_update(exempt, {"spec": {**exempt["spec"], "matchingPrecedence": 7, "rules": []}})
    assert refusal == ('spec: Invalid value: {"PriorityLevelConfiguration":{"Name":"exempt"},"MatchingPrecedence":7,'
                       '"DistinguisherMethod":null,"Rules":null}: spec of \'exempt\' must equal the fixed value')
    level = levels.create(objects["prioritylevelconfigurations", "exempt"])
    lending = copied(level["spec"])
    lending["exempt"]["lendablePercent"] = 10
    assert levels.refused_update(level, {"spec": lending}) == []
    assert levels.refused_update(level, {"spec": limited()})[0] == (
        'spec.type: Invalid value: "Limited": must be \'Exempt\' if and only if `name` is \'exempt\'')
    assert levels.refused_update(level, {"spec": limited()})[1].endswith(
        "spec of 'exempt' except the 'spec.exempt' field must equal the fixed value")
    rest = levels.create(objects["prioritylevelconfigurations", "catch-all"])
    (refusal,) = levels.refused_update(rest, {"spec": limited(nominalConcurrencyShares=6)})
    assert refusal == ('spec: Invalid value: {"Type":"Limited","Limited":{"NominalConcurrencyShares":6,"LimitResponse":'
                       '{"Type":"Reject","Queuing":null},"LendablePercent":0,"BorrowingLimitPercent":null},"Exempt":'
                       "null}: spec of 'catch-all' must equal the fixed value")


@pytest.mark.parametrize(("plural", "spec"), [("flowschemas", schema()), ("prioritylevelconfigurations", limited())])
def test_rooms(plural: str, spec: dict[str, Any]) -> None:
    """The main room resets the status and counts generations; the status room changes nothing else."""
    kind = Kind(plural, GROUP)
    conditions = [{"type": "X", "status": "True"}]
    stored = kind.create(spec=spec, status={"conditions": conditions})
    assert stored["metadata"]["generation"] == 1 and not stored.get("status", {}).get("conditions")
    assert kind.update(stored, {"metadata": {"labels": {"a": "b"}}})["metadata"]["generation"] == 1
    written = kind.update(stored, {"metadata": {"labels": {"a": "b"}}, "spec": {},
                                   "status": {"conditions": conditions}}, "status")
    assert written["spec"] == stored["spec"] and "labels" not in written["metadata"]
    assert [each["type"] for each in written["status"]["conditions"]] == ["X"]
    assert kind.refused_update(stored, {"status": {"conditions": [{"type": "X"}, {"type": "X"}, {}]}}, "status") == [
        'status.conditions[1].type: Duplicate value: "X"', "status.conditions[2].type: Required value"]


def test_defaults() -> None:
    """Precedence, shares, queues."""
    assert Kind("flowschemas", GROUP).create(spec=schema())["spec"]["matchingPrecedence"] == 1000
    made = Kind("prioritylevelconfigurations", GROUP).create(spec=cases.LEVELS["queues"])["spec"]["limited"]
    assert made == {"nominalConcurrencyShares": 30, "lendablePercent": 0, "limitResponse": {
        "type": "Queue", "queuing": {"queues": 64, "handSize": 8, "queueLengthLimit": 50}}}
