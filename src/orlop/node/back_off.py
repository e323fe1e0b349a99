"""How long a container that ended waits before it is started again. Pure.

Kept by `lifecycle` for each container. The first time there is no wait; then it doubles with each start, up to a most,
and a long run forgets all of it. Behaviour: client-go `util/flowcontrol/backoff.go`, as kubernetes
`pkg/kubelet/kuberuntime/kuberuntime_manager.go` (doBackOff) uses it.
"""

from __future__ import annotations

from dataclasses import dataclass

from orlop.node.container import Container


@dataclass(frozen=True, slots=True)
class BackOff:
    """Seconds between a container's end and its next start, from the second end on. A run of `reset` forgets."""

    first: float = 10.0
    most: float = 300.0
    reset: float = 600.0

    def ended(self, container: Container, now: float, since: float | None) -> None:
        """It ended `now`, and may start again when it is `due`. `since`: the end that counts, which is an earlier one
        when the node ended it; None when there is none."""
        if since is None or since - container.backed_off > self.reset:
            container.back_off = 0.0
        container.counted = since is not None
        held = since is not None and now < since + container.back_off
        container.due = now + container.back_off if held else now

    def starts(self, container: Container, now: float) -> None:
        """It starts again."""
        container.back_off = min(self.most, container.back_off * 2) or self.first
        container.backed_off = now


def go_seconds(seconds: float) -> str:
    """A whole number of seconds as Go prints a duration."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
