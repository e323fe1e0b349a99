"""Figures of a node and its pods: /stats/summary, /metrics and /metrics/resource.

Called by `endpoint`. What processes use is read from /proc; pods in fake mode use nothing. The node's own figures are
the sums over its pods, of what it claims to have; the machine is not described. Shapes: kubelet
`pkg/apis/stats/v1alpha1/types.go`, kubernetes `pkg/kubelet/server/stats/summary.go`,
`pkg/kubelet/metrics/collectors/resource_metrics.go`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from orlop.api import quantity
from orlop.api.tree import Tree
from orlop.node.agent import Agent, Work
from orlop.node.container import Container, State
from orlop.node.runtime import Runtime
from orlop.node.settings import NodeSettings
from orlop.node.usage import Usage, total, usages
from orlop.registry import times
from orlop.world.clock import Clock

RATE_SECONDS: Final = 1.0
"""Rates are between two readings that lie so far apart at least; one that comes earlier has the rate before."""

_Key = tuple[str, str]


class _Reading(NamedTuple):
    """`rate` in nanoseconds of processor time a second."""

    time: float
    cpu: int
    rate: int | None = None


class Stats:
    def __init__(self, settings: NodeSettings, agent: Agent, runtime: Runtime, clock: Clock) -> None:
        self._settings, self._agent, self._runtime, self._clock = settings, agent, runtime, clock
        self._began = clock.now()
        self._readings: dict[_Key, _Reading] = {}
        """By uid and container, ("", "") for the node; only what runs, others go with the next reading."""

    # --- summary -------------------------------------------------------------------------------------------------

    async def summary(self, brief: bool) -> Tree:
        """`brief`: processor and memory only."""
        used = await self._read()
        now = times.text(self._clock.now())
        whole = total(used.values())
        node: Tree = {"nodeName": self._settings.name, "startTime": times.text(self._began),
                      "cpu": self._cpu(("", ""), whole, now), "memory": self._memory(whole, now, claimed=True)}
        if not brief:
            node["fs"] = self._disk(now)
            node["runtime"] = {"imageFs": self._disk(now), "containerFs": self._disk(now)}
            node["rlimit"] = {"time": now, "maxpid": self._most_processes(), "curproc": whole.processes}
        return {"node": node, "pods": [self._pod(work, used, now, brief) for work in self._agent.works()
                                       if any(_runs(c) for c in work.life.containers)]}

    def _pod(self, work: Work, used: Mapping[_Key, Usage], now: str, brief: bool) -> Tree:
        metadata = work.pod["metadata"]
        uid = metadata["uid"]
        own = {c.name: used.get((uid, c.name), Usage()) for c in work.life.containers if _runs(c)}
        whole = total(own.values())
        pod: Tree = {
            "podRef": {key: metadata[key] for key in ("name", "namespace", "uid")},
            "startTime": times.text(work.life.accepted),
            "containers": [{"name": c.name, "startTime": times.text(c.started),
                            "cpu": self._cpu((uid, c.name), own[c.name], now), "memory": self._memory(own[c.name], now)}
                           for c in work.life.containers if _runs(c)],
            "cpu": self._cpu((uid, ""), whole, now), "memory": self._memory(whole, now)}
        if not brief:
            pod["process_stats"] = {"process_count": whole.processes}
        return pod

    def _cpu(self, key: _Key, usage: Usage, now: str) -> Tree:
        found: Tree = {"time": now}
        rate = self._readings[key].rate if key in self._readings else None
        if rate is not None:
            found["usageNanoCores"] = rate
        return {**found, "usageCoreNanoSeconds": usage.cpu}

    def _memory(self, usage: Usage, now: str, claimed: bool = False) -> Tree:
        room = quantity.parse(self._settings.memory).value(0)
        available = {"availableBytes": max(0, room - usage.memory)} if claimed else {}
        return {"time": now, **available, "usageBytes": usage.memory, "workingSetBytes": usage.memory,
                "rssBytes": usage.memory, "pageFaults": usage.faults, "majorPageFaults": usage.major_faults}

    def _disk(self, now: str) -> Tree:
        place = self._settings.data_dir
        while place is not None and not place.exists() and place != place.parent:
            place = place.parent
        found = os.statvfs(place or "/")
        return {"time": now, "availableBytes": found.f_bavail * found.f_frsize,
                "capacityBytes": found.f_blocks * found.f_frsize,
                "usedBytes": (found.f_blocks - found.f_bfree) * found.f_frsize,
                "inodesFree": found.f_ffree, "inodes": found.f_files, "inodesUsed": found.f_files - found.f_ffree}

    @staticmethod
    def _most_processes() -> int:
        return os.sysconf("SC_CHILD_MAX")

    # --- readings ------------------------------------------------------------------------------------------------

    def _running(self) -> Iterator[tuple[Work, Container]]:
        return ((work, c) for work in self._agent.works() for c in work.life.containers if _runs(c))

    async def _read(self) -> dict[_Key, Usage]:
        """What each running container uses."""
        sessions = {(work.pod["metadata"]["uid"], c.name): self._runtime.sessions(work.pod["metadata"]["uid"], c.name)
                    for work, c in self._running()}
        wanted = {one for several in sessions.values() for one in several}
        by_session = await asyncio.get_running_loop().run_in_executor(None, usages, wanted) if wanted else {}
        found = {key: total(by_session.get(one, Usage()) for one in several) for key, several in sessions.items()}
        self._note(found)
        return found

    def _note(self, found: Mapping[_Key, Usage]) -> None:
        now = self._clock.monotonic()
        sums: dict[_Key, int] = {("", ""): total(found.values()).cpu}
        for (uid, name), usage in found.items():
            sums[uid, name] = usage.cpu
            sums[uid, ""] = sums.get((uid, ""), 0) + usage.cpu
        self._readings = {key: _next(self._readings.get(key), now, cpu) for key, cpu in sums.items()}

    # --- metrics -------------------------------------------------------------------------------------------------

    def metrics(self) -> str:
        """Of the kubelet itself."""
        works = self._agent.works()
        pods = sum(any(_runs(c) for c in work.life.containers) for work in works)
        states = [c.state.value for work in works for c in work.life.containers]
        running, ended = states.count("running"), states.count("terminated")
        return "".join((
            *_metric("kubelet_node_name", "gauge", "[ALPHA] The node's name. The count is always 1.",
                     [(f'{{node="{self._settings.name}"}}', "1")]),
            *_metric("kubelet_running_containers", "gauge", "[ALPHA] Number of containers currently running",
                     [('{container_state="exited"}', str(ended)), ('{container_state="running"}', str(running))]),
            *_metric("kubelet_running_pods", "gauge", "[ALPHA] Number of pods that have a running pod sandbox",
                     [("", str(pods))])))

    async def resources(self) -> str:
        """What the metrics server asks for."""
        used = await self._read()
        stamp = int(self._clock.now() * 1000)
        containers = [(_labels(work, c.name), used.get((work.pod["metadata"]["uid"], c.name), Usage()), c.started)
                      for work, c in self._running()]
        sums: dict[str, Usage] = {}
        for (uid, _), one in used.items():
            sums[uid] = sums.get(uid, Usage()) + one
        pods = [(_labels(work), sums[work.pod["metadata"]["uid"]]) for work in self._agent.works()
                if work.pod["metadata"]["uid"] in sums]
        whole = total(used.values())
        return "".join((
            *_metric("container_cpu_usage_seconds_total", "counter",
                     "[STABLE] Cumulative cpu time consumed by the container in core-seconds",
                     [(labels, f"{one.cpu / 1e9} {stamp}") for labels, one, _ in containers]),
            *_metric("container_memory_working_set_bytes", "gauge",
                     "[STABLE] Current working set of the container in bytes",
                     [(labels, f"{one.memory} {stamp}") for labels, one, _ in containers]),
            *_metric("container_start_time_seconds", "gauge",
                     "[STABLE] Start time of the container since unix epoch in seconds",
                     [(labels, str(started)) for labels, _, started in containers]),
            *_metric("node_cpu_usage_seconds_total", "counter",
                     "[STABLE] Cumulative cpu time consumed by the node in core-seconds",
                     [("", f"{whole.cpu / 1e9} {stamp}")]),
            *_metric("node_memory_working_set_bytes", "gauge", "[STABLE] Current working set of the node in bytes",
                     [("", f"{whole.memory} {stamp}")]),
            *_metric("pod_cpu_usage_seconds_total", "counter",
                     "[STABLE] Cumulative cpu time consumed by the pod in core-seconds",
                     [(labels, f"{one.cpu / 1e9} {stamp}") for labels, one in pods]),
            *_metric("pod_memory_working_set_bytes", "gauge", "[STABLE] Current working set of the pod in bytes",
                     [(labels, f"{one.memory} {stamp}") for labels, one in pods]),
            *_metric("resource_scrape_error", "gauge",
                     "[STABLE] 1 if there was an error while getting container metrics, 0 otherwise", [("", "0")])))


def _runs(container: Container) -> bool:
    return container.state is State.RUNNING


def _next(former: _Reading | None, now: float, cpu: int) -> _Reading:
    if former is None:
        return _Reading(now, cpu)
    passed = now - former.time
    return former if passed < RATE_SECONDS else _Reading(now, cpu, max(0, round((cpu - former.cpu) / passed)))


def _labels(work: Work, container: str = "") -> str:
    metadata = work.pod["metadata"]
    first = f'container="{container}",' if container else ""
    return f'{{{first}namespace="{metadata["namespace"]}",pod="{metadata["name"]}"}}'


def _metric(name: str, kind: str, about: str, samples: list[tuple[str, str]]) -> list[str]:
    """Nothing when there are no samples."""
    if not samples:
        return []
    lines = (f"{name}{labels} {value}\n" for labels, value in samples)
    return [f"# HELP {name} {about}\n# TYPE {name} {kind}\n", *lines]
