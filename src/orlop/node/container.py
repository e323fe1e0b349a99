"""One container of a pod on this node: what it is, and what became of it so far.

Kept by `lifecycle`, which alone changes it; `pod_status` prints it. Whether a container is started again is decided
here. Behaviour: kubernetes `pkg/api/v1/pod/util.go` ContainerShouldRestart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from orlop.api.tree import Tree

SIGNAL_BASE: Final = 128
"""A process ended by signal N has the exit code 128 + N."""


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
    """`due`: when it may be started (again). `back_off`: seconds that it waits before that, 0 for at once."""

    spec: Tree
    role: Role
    state: State = State.WAITING
    reason: str = ""
    message: str = ""
    id: str = ""
    started: float = 0.0
    ended: Ended | None = None
    last: Ended | None = None
    restarts: int = 0
    due: float = 0.0
    back_off: float = 0.0
    stopping: bool = False

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
    def attempt(self) -> int:
        """Number of the run that is next, or under way."""
        return self.restarts

    def restarts_after(self, code: int, policy: str) -> bool:
        """Whether a run that ended so is followed by another, in a pod with that restartPolicy."""
        if self.role is Role.EPHEMERAL:
            return False
        if self.role is Role.SIDECAR:
            return True
        if self.role is Role.INIT and code == 0:
            return False
        for rule in self.spec.get("restartPolicyRules") or ():
            if rule.get("action") == "Restart" and _matches(rule.get("exitCodes") or {}, code):
                return True
        policy = self.spec.get("restartPolicy") or policy
        return policy == "Always" or (policy == "OnFailure" and code != 0)


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
