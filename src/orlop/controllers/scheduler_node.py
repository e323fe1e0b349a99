"""A node as the scheduler sees it: what it is, and what the pods on it take.

Kept by `scheduler` from watch events and its own decisions; read by the filters and the score.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from orlop.api import quantity
from orlop.api.tree import Tree
from orlop.controllers.scheduler_pod import MILLI, PodFacts, Port

_PODS: Final = "pods"
_DEFAULTS: Final = {"cpu": 100, "memory": 200 * 1024 * 1024}
"""What a pod counts for in the score when it asks for nothing."""


class NodeState:
    def __init__(self, name: str) -> None:
        self.name = name
        self.exists = False
        """Pods may be bound to a node that is not there (yet)."""
        self.labels: Mapping[str, str] = {}
        self.taints: list[Tree] = []
        self.unschedulable = False
        self.allocatable: dict[str, int] = {}
        self.used: Counter[str] = Counter()
        self.weighed: Counter[str] = Counter()
        """As `used`, with defaults for pods that ask for nothing."""
        self.pods: dict[str, PodFacts] = {}
        self.owners: Counter[str] = Counter()
        self.ports: Counter[Port] = Counter()

    def update(self, node: Tree) -> bool:
        """Whether anything changed that matters here (heartbeats do not)."""
        spec, status = node.get("spec") or {}, node.get("status") or {}
        given = status.get("allocatable") or status.get("capacity") or {}
        allocatable = {name: quantity.parse(str(text)).value(-3 if name in MILLI else 0)
                       for name, text in given.items()}
        new = (True, node["metadata"].get("labels") or {}, spec.get("taints") or [],
               bool(spec.get("unschedulable")), allocatable)
        old = (self.exists, self.labels, self.taints, self.unschedulable, self.allocatable)
        self.exists, self.labels, self.taints, self.unschedulable, self.allocatable = new
        return new != old

    @property
    def most_pods(self) -> int:
        return self.allocatable.get(_PODS, 0)

    def add(self, pod: PodFacts) -> None:
        self.pods[pod.key] = pod
        self.owners[pod.owner] += 1
        self.ports.update(pod.ports)
        self.used.update(pod.amounts)
        self.weighed.update({name: pod.amounts.get(name, least) for name, least in _DEFAULTS.items()})

    def remove(self, key: str) -> None:
        pod = self.pods.pop(key, None)
        if pod is None:
            return
        self.owners[pod.owner] -= 1
        self.owners += Counter()  # what is zero goes
        self.ports.subtract(pod.ports)
        self.ports += Counter()
        self.used.subtract(pod.amounts)
        self.weighed.subtract({name: pod.amounts.get(name, least) for name, least in _DEFAULTS.items()})

    def free_share(self, pod: PodFacts) -> float:
        """From 0 to 1: what would be left of cpu and memory, as a share; the mean of both."""
        shares = []
        for name, least in _DEFAULTS.items():
            most = self.allocatable.get(name, 0)
            left = most - self.weighed[name] - pod.amounts.get(name, least)
            shares.append(max(0.0, left / most) if most else 0.0)
        return sum(shares) / len(shares)

    def conflicts(self, wanted: Port) -> bool:
        if wanted in self.ports:
            return True
        return any(taken.number == wanted.number and taken.protocol == wanted.protocol
                   and "0.0.0.0" in (taken.address, wanted.address) for taken in self.ports)
