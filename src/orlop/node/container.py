"""One container of a pod on this node: what it is, and what became of it so far.

Kept by `lifecycle`, which alone changes it; `pod_status` prints it. Whether a container is started again is decided
here. Behaviour: kubernetes `pkg/api/v1/pod/util.go` (ContainerShouldRestart, FindMatchingContainerRestartRule).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from orlop.api.tree import Tree

SIGNAL_BASE: Final = 128
"""A process ended by signal N has the exit code 128 + N."""


RESTART_ALL: Final = "RestartAllContainers"
"""What a container's rule says when its end is to restart the whole pod."""


class Role(Enum):
    INIT = "init"
    SIDECAR = "sidecar"
    MAIN = "main"
    EPHEMERAL = "ephemeral"


class State(Enum):
    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    TERMINATED = "terminated"


class Stopping(Enum):
    """How far the end of a running container has come: nobody wants it; its preStop hook runs; others must end before
    it; it was told to end."""

    NOT = "not"
    HOOK = "hook"
    TURN = "turn"
    TOLD = "told"


class Doom(NamedTuple):
    """Why a container is ended although its pod lives. `grace`: seconds until force."""

    message: str
    grace: float


class Ended(NamedTuple):
    """How one run ended. Times in seconds since 1970."""

    code: int
    started: float
    finished: float
    id: str = ""
    reason: str = ""
    message: str = ""

    @property
    def why(self) -> str:
        return self.reason or ("Completed" if self.code == 0 else "Error")


@dataclass(slots=True)
class Container:
    """`last` and `earlier` are the runs before, `ran` says that the newest is none to come. `due`: when it may be
    started (again). `back_off`: seconds that it waits before that, 0 for at once, since `backed_off`; `counted`: its
    next start makes them more. `up`: its startup probe has succeeded; `ready`: as its readiness probe says, or from
    `ready_at` on. `hooked`: its postStart hook has not ended, and before that it does not count as running. `changed`:
    it is to be another. `deadline`: when it is ended by force."""

    spec: Tree
    role: Role
    state: State = State.WAITING
    reason: str = ""
    message: str = ""
    id: str = ""
    started: float = 0.0
    ended: Ended | None = None
    last: Ended | None = None
    earlier: Ended | None = None
    ran: bool = False
    restarts: int = 0
    due: float = 0.0
    back_off: float = 0.0
    backed_off: float = -math.inf
    counted: bool = False
    up: bool = False
    ready: bool = False
    ready_at: float = math.inf
    hooked: bool = False
    hook_failure: str = ""
    changed: bool = False
    doom: Doom | None = None
    stopping: Stopping = Stopping.NOT
    deadline: float = math.inf

    @property
    def name(self) -> str:
        name: str = self.spec["name"]
        return name

    @property
    def image(self) -> str:
        return self.spec.get("image") or ""

    @property
    def alive(self) -> bool:
        return self.state in (State.STARTING, State.RUNNING)

    @property
    def runs(self) -> bool:
        """It is said to be running."""
        return self.state is State.RUNNING and not self.hooked

    def probe(self, kind: str) -> Tree | None:
        """Its startup, readiness or liveness probe."""
        found: Tree | None = self.spec.get(kind + "Probe")
        return found

    def hook(self, kind: str) -> Tree | None:
        """What is to be done at its postStart or preStop."""
        found: Tree | None = (self.spec.get("lifecycle") or {}).get(kind)
        return found

    @property
    def attempt(self) -> int:
        """Number of the run that is next, or under way."""
        return self.restarts

    def restarts_after(self, code: int, policy: str) -> bool:
        """Whether a run that ended so is followed by another, in a pod with that restartPolicy."""
        if self.role is Role.EPHEMERAL:
            return False
        if self.role is Role.SIDECAR or self.changed:
            return True
        if self.role is Role.INIT and code == 0:
            return False
        if self.rule_after(code):
            return True
        policy = self.spec.get("restartPolicy") or policy
        return policy == "Always" or (policy == "OnFailure" and code != 0)

    def rule_after(self, code: int) -> str:
        """The action of the first of the container's own rules that fits: Restart or RestartAllContainers."""
        for rule in (self.spec.get("restartPolicyRules") or ()) if self.spec.get("restartPolicy") else ():
            if _matches(rule.get("exitCodes") or {}, code):
                action: str = rule.get("action") or ""
                return action
        return ""

    @property
    def restarts_all(self) -> bool:
        """One of its rules makes the whole pod begin anew."""
        return any(rule.get("action") == RESTART_ALL for rule in self.spec.get("restartPolicyRules") or ())

    def restarts_when_killed(self, policy: str) -> bool:
        """Whether it is to be started again when its node ends it: its exit code is not known yet."""
        return self.role is Role.SIDECAR or (self.spec.get("restartPolicy") or policy) != "Never"


def _matches(exit_codes: Tree, code: int) -> bool:
    within = code in (exit_codes.get("values") or ())
    return within if exit_codes.get("operator") == "In" else not within


def containers_of(pod: Tree) -> Iterator[Container]:
    """In the order in which they are started."""
    spec = pod["spec"]
    for one in spec.get("initContainers") or ():
        yield Container(one, Role.SIDECAR if one.get("restartPolicy") == "Always" else Role.INIT)
    for one in spec.get("containers") or ():
        yield Container(one, Role.MAIN)
    for one in spec.get("ephemeralContainers") or ():
        yield Container(one, Role.EPHEMERAL)
