"""Jobs and CronJobs."""

from __future__ import annotations

from typing import Any

import pytest
from kind_bench import Kind, Tree

from orlop.kinds.workloads.cron_schedule import BadSchedule, check_schedule, zone_complaints
from orlop.kinds.workloads.job_policies import BadIndexes, indexes
from orlop.registry.strategy import ORPHAN

POD = {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": POD}


def jobs() -> Kind:
    return Kind("jobs", "batch")


def changed(tree: Tree, **members: Any) -> Tree:
    return {"spec": {**tree["spec"], **members}}


def test_a_job_gets_selector_and_labels() -> None:
    """From its uid and name, on the template and on the Job, whose labels came from there."""
    made = jobs().create(metadata={"name": "j"}, spec={"template": TEMPLATE})
    uid = made["metadata"]["uid"]
    labels = {"a": "b", "controller-uid": uid, "batch.kubernetes.io/controller-uid": uid, "job-name": "j",
              "batch.kubernetes.io/job-name": "j"}
    assert made["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    assert made["spec"]["template"]["metadata"]["labels"] == made["metadata"]["labels"] == labels
    assert jobs().strategy().garbage_collection == ORPHAN


@pytest.mark.parametrize(("members", "expected"), [
    ({}, {"completions": 1, "parallelism": 1, "backoffLimit": 6, "podReplacementPolicy": "TerminatingOrFailed"}),
    ({"parallelism": 3}, {"completions": None, "parallelism": 3}),
    ({"completionMode": "Indexed", "completions": 2, "backoffLimitPerIndex": 1}, {"backoffLimit": 2147483647}),
    ({"podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "X"}]}]}},
     {"podReplacementPolicy": "Failed"}),
])
def test_job_defaults(members: Tree, expected: Tree) -> None:
    """Completions follow parallelism, retries and replacement the policies."""
    spec = jobs().create(spec={"template": TEMPLATE, **members})["spec"]
    assert {name: spec.get(name) for name in expected} == expected


@pytest.mark.parametrize(("members", "wrong"), [
    ({"template": {"spec": {**POD, "restartPolicy": "Always"}}},
     ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"']),
    ({"completionMode": "Sometimes"},
     ['spec.completionMode: Unsupported value: "Sometimes": supported values: "NonIndexed", "Indexed"']),
    ({"completionMode": "Indexed", "parallelism": 1}, [
        "spec.completions: Required value: when completion mode is Indexed"]),
    ({"maxFailedIndexes": 1, "completionMode": "Indexed", "completions": 2},
     ["spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified"]),
    ({"successPolicy": {"rules": []}},
     ['spec.successPolicy: Invalid value: {"Rules":[]}: requires indexed completion mode']),
    ({"managedBy": "no domain"},
     ['spec.managedBy: Invalid value: "no domain": must be a domain-prefixed path (such as "acme.io/foo")']),
    ({"manualSelector": True}, [
        "spec.selector: Required value",
        'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`']),
    ({"podFailurePolicy": {"rules": [{"action": "Bad", "onExitCodes": {"operator": "In", "values": [3, 0]}}]}}, [
        'spec.podFailurePolicy.rules[0].action: Unsupported value: "Bad": '
        'supported values: "Count", "FailIndex", "FailJob", "Ignore"',
        "spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator",
        "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [3,0]: must be ordered"]),
])
def test_job_rules(members: Tree, wrong: list[str]) -> None:
    """Modes, policies and selectors."""
    assert jobs().refused(spec={"template": TEMPLATE, **members}) == wrong


def test_what_of_a_job_stays() -> None:
    """Completions of plain Jobs, the mode, the manager."""
    kind = jobs()
    made = kind.create(spec={"template": TEMPLATE})
    assert kind.refused_update(made, changed(made, completions=2, managedBy="example.com/x")) == [
        "spec.completions: Invalid value: 2: field is immutable",
        'spec.managedBy: Invalid value: "example.com/x": field is immutable']
    assert kind.update(made, changed(made, parallelism=4))["metadata"]["generation"] == 2


def test_indexed_jobs_are_elastic() -> None:
    """Completions move together with parallelism."""
    kind = jobs()
    made = kind.create(spec={"template": TEMPLATE, "completionMode": "Indexed", "completions": 3, "parallelism": 3})
    assert kind.update(made, changed(made, completions=5, parallelism=5))["spec"]["completions"] == 5
    assert kind.refused_update(made, changed(made, completions=2)) == [
        "spec.completions: Invalid value: 2: can only be modified in tandem with spec.parallelism"]


def test_a_suspended_job_may_move() -> None:
    """Once its controller says that it is suspended, and nothing else of the template changes."""
    kind = jobs()
    made = kind.create(spec={"template": TEMPLATE, "suspend": True})
    inner = made["spec"]["template"]
    moved = changed(made, template={**inner, "spec": {**inner["spec"], "nodeSelector": {"a": "b"}}})
    [text] = kind.refused_update(made, moved)
    assert text.startswith('spec.template: Invalid value: {"labels":{"a":"b",') and text.endswith("field is immutable")
    halted = {**made, "status": {"conditions": [{"type": "Suspended", "status": "True"}]}}
    assert kind.update(halted, moved)["metadata"]["generation"] == 2
    retagged = changed(made, template={**inner, "spec": {**inner["spec"], "dnsPolicy": "Default"}})
    assert len(kind.refused_update(halted, retagged)) == 1


@pytest.mark.parametrize(("status", "wrong"), [
    ({"ready": 3}, ["status.ready: Invalid value: 3: cannot set more ready pods than active"]),
    ({"conditions": [{"type": "Complete", "status": "True"}]}, [
        "status.completionTime: Required value: completionTime is required for Complete jobs",
        "status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true "
        "condition",
        "status.startTime: Required value: startTime is required for finished job"]),
    ({"completedIndexes": "0"}, [
        'status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed '
        "completion mode"]),
    ({"failedIndexes": "0"}, [
        'status.failedIndexes: Invalid value: "0": cannot set non-null failedIndexes when backoffLimitPerIndex is '
        "null"]),
    ({"uncountedTerminatedPods": {"succeeded": ["u"], "failed": ["u", ""]}}, [
        'status.uncountedTerminatedPods.failed[0]: Duplicate value: "u"',
        'status.uncountedTerminatedPods.failed[1]: Invalid value: "": must not be empty']),
])
def test_job_status_rules(status: Tree, wrong: list[str]) -> None:
    """Conditions and counters agree."""
    kind = jobs()
    assert kind.refused_update(kind.create(spec={"template": TEMPLATE}), {"status": status}, "status") == wrong


def test_counters_of_jobs_only_grow() -> None:
    """What failed has failed."""
    kind = jobs()
    counted = kind.update(kind.create(spec={"template": TEMPLATE}), {"status": {"failed": 2}}, "status")
    assert kind.refused_update(counted, {"status": {"failed": 1}}, "status") == [
        "status.failed: Invalid value: 1: cannot decrease the failed counter"]


@pytest.mark.parametrize(("text", "wrong"), [
    ("5-2", 'too large index: "5"'), ("x", 'cannot convert string to integer for index: "x"'),
    ("2-1", "non-increasing order, previous: 2, current: 1"), ("1,0", "non-increasing order, previous: 1, current: 0"),
    ("0-1-2", 'the fragment "0-1-2" violates the requirement that an index interval can have at most two parts '
              "separated by '-'"),
])
def test_unreadable_indexes(text: str, wrong: str) -> None:
    """Each with its reason."""
    with pytest.raises(BadIndexes) as caught:
        indexes(text, 4)
    assert str(caught.value) == wrong


def test_indexes_are_counted() -> None:
    """Single ones and ranges."""
    assert indexes("", 4) == 0 and indexes("0,2-3", 4) == 3


@pytest.mark.parametrize("text", ["* * * * *", "*/5 0-6 1,15 JAN mon-fri", "@hourly", "@every 1h30m", "? * * * 0"])
def test_good_schedules(text: str) -> None:
    """Five fields or a descriptor."""
    check_schedule(text)


@pytest.mark.parametrize(("text", "wrong"), [
    ("every day", "expected exactly 5 fields, found 2: [every day]"),
    ("60 * * * *", "end of range (60) above maximum (59): 60"),
    ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
    ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
    ("*/0 * * * *", "step of range should be a positive number: */0"),
    ("1-2-3 * * * *", "too many hyphens: 1-2-3"), ("1/2/3 * * * *", "too many slashes: 1/2/3"),
    ("a * * * *", 'failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax'),
    ("@often", "unrecognized descriptor: @often"),
    ("@every 1x", 'failed to parse duration @every 1x: time: unknown unit "x" in duration "1x"'),
    ("TZ=Mars * * * * *", "provided bad location Mars: unknown time zone Mars"),
])
def test_bad_schedules(text: str, wrong: str) -> None:
    """The parser's own words."""
    with pytest.raises(BadSchedule) as caught:
        check_schedule(text)
    assert str(caught.value) == wrong


def test_time_zones() -> None:
    """Named ones only."""
    assert zone_complaints("Europe/Rome") == [] and zone_complaints("Etc/UTC") == []
    assert zone_complaints("Mars/Base") == ["unknown time zone Mars/Base"]
    assert zone_complaints("") == ["timeZone must be nil or non-empty string"]
    assert zone_complaints("Local") == [
        "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"]


@pytest.mark.parametrize(("members", "wrong"), [
    ({"schedule": ""}, ["spec.schedule: Required value"]),
    ({"concurrencyPolicy": "Maybe", "startingDeadlineSeconds": -1}, [
        "spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
        'spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"']),
    ({"jobTemplate": {"spec": {"template": TEMPLATE, "manualSelector": True, "selector": {}}}}, [
        "spec.jobTemplate.spec.selector: Invalid value: {}: `selector` will be auto-generated",
        'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"']),
])
def test_cron_job_rules(members: Tree, wrong: list[str]) -> None:
    """The schedule and the Job inside."""
    spec = {"schedule": "@daily", "jobTemplate": {"spec": {"template": TEMPLATE}}, **members}
    assert Kind("cronjobs", "batch").refused(spec=spec) == wrong


def test_a_zone_in_a_schedule_is_kept() -> None:
    """Where it was stored before; new ones are refused."""
    kind = Kind("cronjobs", "batch")
    made = kind.create(spec={"schedule": "@daily", "jobTemplate": {"spec": {"template": TEMPLATE}}})
    zoned = {**made, "spec": {**made["spec"], "schedule": "TZ=UTC 0 0 * * *"}}
    assert kind.refused_update(made, changed(made, schedule="TZ=UTC 0 0 * * *")) == [
        'spec.schedule: Invalid value: "TZ=UTC 0 0 * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field '
        "instead"]
    assert kind.update(zoned, changed(zoned, suspend=True))["spec"]["suspend"] is True
