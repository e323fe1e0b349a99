"""What a probe comes to, by the clock that is handed in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.node.probe import LIVENESS, READINESS, STARTUP, Outcome, Probing, Result, told_of

GOOD, BAD = Outcome(Result.SUCCESS), Outcome(Result.FAILURE, "no")
LOST = Outcome(Result.UNKNOWN, error="gone")


def verdicts(probing: Probing, *outcomes: Outcome) -> list[bool | None]:
    found = []
    for outcome in outcomes:
        found.append(probing.took(outcome, probing.due))
    return found


def test_the_first_attempt_is_after_the_delay_and_the_others_a_period_apart() -> None:
    """What a slow attempt misses is made up for at once, and only once."""
    probing = Probing(READINESS, {"initialDelaySeconds": 5, "periodSeconds": 10}, 100, 101)
    assert probing.due == 105
    probing.took(GOOD, 105.5)
    assert probing.due == 115
    probing.took(GOOD, 128)
    assert probing.due == 128


def test_a_probe_that_begins_late_is_due_at_once() -> None:
    """Readiness probes begin when the startup probe has succeeded, long after the delay."""
    assert Probing(READINESS, {"initialDelaySeconds": 5}, 100, 160).due == 160


def test_thresholds_are_counted_in_a_row() -> None:
    probing = Probing(READINESS, {"successThreshold": 2, "failureThreshold": 3}, 0, 0)
    assert verdicts(probing, GOOD, GOOD, BAD, BAD, GOOD, BAD, BAD, BAD) == [
        None, True, None, None, None, None, None, False]
    assert not probing.over


def test_an_attempt_that_says_nothing_does_not_count() -> None:
    """Neither for a row nor against it."""
    probing = Probing(LIVENESS, {"failureThreshold": 2}, 0, 0)
    assert verdicts(probing, BAD, LOST, BAD) == [None, None, False]


@pytest.mark.parametrize(("kind", "outcome", "over"), [
    (STARTUP, GOOD, True), (STARTUP, BAD, True), (LIVENESS, GOOD, False), (LIVENESS, BAD, True),
    (READINESS, GOOD, False), (READINESS, BAD, False)])
def test_when_a_run_is_not_probed_any_more(kind: str, outcome: Outcome, over: bool) -> None:
    """After any verdict on its start, and when it is to be killed."""
    probing = Probing(kind, {"failureThreshold": 1}, 0, 0)
    verdicts(probing, outcome)
    assert probing.over is over


def test_what_is_told() -> None:
    """The words of kubelets."""
    assert told_of(READINESS, GOOD) is None
    told = [told_of(LIVENESS, BAD), told_of(STARTUP, LOST), told_of(READINESS, Outcome(Result.WARNING, "went away"))]
    assert [(one.reason, one.message) for one in told if one is not None] == [
        ("Unhealthy", "Liveness probe failed: no"),
        ("Unhealthy", "Startup probe errored and resulted in unknown state: gone"),
        ("ProbeWarning", "Readiness probe warning: went away")]


@given(st.integers(1, 4), st.integers(1, 4), st.lists(st.booleans(), max_size=40))
def test_verdicts_are_the_rows(successes: int, failures: int, results: list[bool]) -> None:
    """A verdict is given exactly when the newest results are the same, as often as the threshold says."""
    spec: dict[str, Any] = {"successThreshold": successes, "failureThreshold": failures}
    probing = Probing(READINESS, spec, 0, 0)
    for number, result in enumerate(results):
        most = successes if result else failures
        row = results[max(0, number + 1 - most):number + 1]
        expected = result if len(row) == most and len(set(row)) == 1 else None
        assert probing.took(GOOD if result else BAD, float(number)) is expected
