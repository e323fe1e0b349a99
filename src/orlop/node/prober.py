"""Carries out the probes of the containers that run, each in its own time.

Used by `agent` in process mode: it begins probes when a container runs, is told of every attempt and every verdict, and
ends them with the container. What is due when is decided by `probe`, one attempt made by `probe_action`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from orlop.api.tree import Tree
from orlop.node.probe import Outcome, Probing
from orlop.node.probe_action import Target
from orlop.world.clock import Clock

log = logging.getLogger(__name__)

AT_ONCE: Final = 32
"""Attempts that are under way on a node at one time; more wait for their turn."""

Attempt = Callable[[Tree, Target, float], Awaitable[Outcome]]
"""Called with the probe, what it is about, and seconds until it has failed."""
OnOutcome = Callable[[str, Outcome, bool | None], None]
"""Called with the kind of probe, what came of an attempt, and the verdict if there is one."""


class Prober:
    def __init__(self, attempt: Attempt, clock: Clock) -> None:
        self._attempt, self._clock = attempt, clock
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[tuple[str, str], dict[str, asyncio.Task[None]]] = {}
        """By pod and container, then by kind: at most three of each container that runs."""

    def begin(self, target: Target, kinds: Iterable[str], started: float, on_outcome: OnOutcome) -> None:
        """Those of the kinds that the container has; `started`: when it was."""
        key = target.uid, target.name
        for kind in kinds:
            probe = target.container.get(kind + "Probe")
            if probe is None or kind in self._tasks.get(key, ()):
                continue
            probing = Probing(kind, probe, started, self._clock.now())
            work = self._run(probing, probe, target, on_outcome)
            task = asyncio.create_task(work, name=f"probe-{target.name}-{kind}")
            self._tasks.setdefault(key, {})[kind] = task
            task.add_done_callback(report)

    async def _run(self, probing: Probing, probe: Tree, target: Target, on_outcome: OnOutcome) -> None:
        while not probing.over:
            await asyncio.sleep(probing.due - self._clock.now())
            async with self._turn:
                outcome = await self._attempt(probe, target, probing.timeout)
            verdict = probing.took(outcome, self._clock.now())
            on_outcome(probing.kind, outcome, verdict)

    def end(self, uid: str, container: str, kinds: Iterable[str] = ()) -> None:
        """All kinds if none is named."""
        found = self._tasks.get((uid, container), {})
        for kind in list(kinds) or list(found):
            if task := found.pop(kind, None):
                task.cancel()
        if not found:
            self._tasks.pop((uid, container), None)

    async def close(self) -> None:
        tasks = [task for found in self._tasks.values() for task in found.values()]
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def report(task: asyncio.Task[None]) -> None:
    """A task that ended as it should not is told of in the log."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s ended", task.get_name(), exc_info=error)
