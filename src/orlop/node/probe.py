"""What a container's probe has come to: when it is due, how often it has to succeed or fail, and what is told of it.
Pure.

Driven by `prober`, which carries probes out with `probe_action`. One of these belongs to one probe of one run of a
container. Behaviour and texts: kubernetes `pkg/kubelet/prober/worker.go`, `prober.go`, `pkg/probe/probe.go`.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from orlop.api.tree import Tree
from orlop.node.ending import WARNING

STARTUP: Final = "startup"
READINESS: Final = "readiness"
LIVENESS: Final = "liveness"
UNHEALTHY: Final = "Unhealthy"
PROBE_WARNING: Final = "ProbeWarning"


class Result(Enum):
    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"
    UNKNOWN = "unknown"


class Outcome(NamedTuple):
    """Of one attempt. With an `error` it says nothing about the container."""

    result: Result
    output: str = ""
    error: str = ""


class Told(NamedTuple):
    """An event about the container."""

    type: str
    reason: str
    message: str


def told_of(kind: str, outcome: Outcome) -> Told | None:
    """What is to be said about an attempt."""
    name = f"{kind.capitalize()} probe"
    if outcome.error:
        state = outcome.result.value
        return Told(WARNING, UNHEALTHY, f"{name} errored and resulted in {state} state: {outcome.error}")
    if outcome.result is Result.WARNING:
        return Told(WARNING, PROBE_WARNING, f"{name} warning: {outcome.output}")
    if outcome.result is Result.FAILURE:
        return Told(WARNING, UNHEALTHY, f"{name} failed: {outcome.output}")
    return None


class Probing:
    """`started`: when the container was, in seconds since 1970."""

    def __init__(self, kind: str, spec: Tree, started: float, now: float) -> None:
        self.kind = kind
        self.due = max(now, started + (spec.get("initialDelaySeconds") or 0))
        self.timeout = float(spec.get("timeoutSeconds") or 1)
        self._period = float(spec.get("periodSeconds") or 10)
        self._successes = int(spec.get("successThreshold") or 1)
        self._failures = int(spec.get("failureThreshold") or 3)
        self._last: bool | None = None
        self._times = 0
        self.over = False
        """This run of the container is not probed any more."""

    def took(self, outcome: Outcome, now: float) -> bool | None:
        """An attempt has ended: the verdict, if there is one."""
        self.due = max(now, self.due + self._period)
        if outcome.error:
            return None
        success = outcome.result in (Result.SUCCESS, Result.WARNING)
        self._times = self._times + 1 if success is self._last else 1
        self._last = success
        if self._times < (self._successes if success else self._failures):
            return None
        self.over = self.kind == STARTUP or (self.kind == LIVENESS and not success)
        return success
