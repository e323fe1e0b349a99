"""How containers are brought to their end, step by step. Pure; used by `lifecycle`.

Each first has its preStop hook, then is told to end, and is ended by force when its grace is over. When a whole pod
ends, sidecars wait for the others, the last sidecar going first; their grace runs meanwhile. Behaviour: kubernetes
`pkg/kubelet/kuberuntime/kuberuntime_container.go` (killContainer), `kuberuntime_termination_order.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from orlop.node.container import Container, Role, State, Stopping

NORMAL: Final = "Normal"
WARNING: Final = "Warning"
LEAST_GRACE: Final = 2.0
"""Seconds that every container gets between being told and force."""


class Start(NamedTuple):
    container: Container


class PreStop(NamedTuple):
    """Run its hook, for `grace` seconds at most, and say when it has ended."""

    container: Container
    grace: float


class Stop(NamedTuple):
    """Ask it to end; by force after `grace` seconds."""

    container: Container
    grace: float


class Notice(NamedTuple):
    """Something to tell in an event about a container of the pod, or about the pod."""

    container: Container | None
    type: str
    reason: str
    message: str


Action = Start | PreStop | Stop | Notice


def end(container: Container, now: float, grace: float, message: str, turn: bool, hooks: bool) -> Iterator[Action]:
    """What is to be done now. `turn`: nobody has to end before it. `hooks`: they are run."""
    if container.stopping is Stopping.NOT:
        container.deadline = now + grace
        yield Notice(container, NORMAL, "Killing", message or f"Stopping container {container.name}")
        if hooks and grace > 0 and container.hook("preStop"):
            container.stopping = Stopping.HOOK
            yield PreStop(container, grace)
        else:
            container.stopping = Stopping.TURN
    late = now >= container.deadline
    if (container.stopping is Stopping.TURN and (turn or late)) or (container.stopping is Stopping.HOOK and late):
        container.stopping = Stopping.TOLD
        yield Stop(container, max(LEAST_GRACE, container.deadline - now))


def hasten(container: Container, deadline: float) -> None:
    """It is to be ended earlier than was said."""
    if deadline < container.deadline and container.stopping is not Stopping.NOT:
        container.deadline = deadline
        if container.stopping is Stopping.TOLD:
            container.stopping = Stopping.TURN


def has_turn(container: Container, containers: Sequence[Container]) -> bool:
    if container.role is not Role.SIDECAR:
        return True
    after = containers[containers.index(container) + 1:]
    return not any(c.alive for c in after if c.role in (Role.SIDECAR, Role.MAIN))


def waits(container: Container) -> bool:
    """Something is to be done about it at its deadline."""
    return container.state is State.RUNNING and container.stopping in (Stopping.HOOK, Stopping.TURN)
