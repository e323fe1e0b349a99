"""What the scheduler must know of a pod, read once from each of its states.

Used by `scheduler` and its filters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from orlop.admission.quota_pod_sums import pod_requests
from orlop.api.tree import Tree
from orlop.registry import times

DEFAULT_SCHEDULER: Final = "default-scheduler"
MILLI: Final = frozenset({"cpu"})
"""Resources counted in thousandths."""


class Port(NamedTuple):
    """A port of the machine itself."""

    protocol: str
    address: str
    number: int


@dataclass(frozen=True, slots=True)
class PodFacts:
    """`amounts` by resource, cpu in thousandths. `owner`: the uid of what controls it."""

    key: str
    namespace: str
    name: str
    uid: str
    version: str
    labels: Mapping[str, str]
    spec: Tree
    amounts: Mapping[str, int]
    ports: tuple[Port, ...]
    owner: str
    priority: int
    created: float
    node: str
    waiting: bool
    """It wants a node from this scheduler."""
    holding: bool
    """It takes room on its node."""

    @property
    def order(self) -> tuple[int, float, str]:
        """The most important first, then the oldest."""
        return -self.priority, self.created, self.key

    def affinity(self, member: str) -> list[Tree]:
        """Required terms of `podAffinity` or `podAntiAffinity`."""
        found: list[Tree] = ((self.spec.get("affinity") or {}).get(member) or {}).get(
            "requiredDuringSchedulingIgnoredDuringExecution") or []
        return found


def facts_of(key: str, pod: Tree) -> PodFacts:
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    over = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    node = spec.get("nodeName") or ""
    deleting = bool(metadata.get("deletionTimestamp"))
    waiting = (not node and not over and not deleting and not spec.get("schedulingGates")
               and (spec.get("schedulerName") or DEFAULT_SCHEDULER) == DEFAULT_SCHEDULER)
    owners = [one.get("uid", "") for one in metadata.get("ownerReferences") or () if one.get("controller")]
    created = metadata.get("creationTimestamp")
    return PodFacts(
        key, metadata.get("namespace", ""), metadata["name"], metadata.get("uid", ""),
        metadata.get("resourceVersion", ""), metadata.get("labels") or {}, spec, amounts_of(pod), _ports(spec),
        owners[0] if owners else "", spec.get("priority") or 0, times.seconds(created) if created else 0.0, node,
        waiting, bool(node) and not over)


def amounts_of(pod: Tree) -> dict[str, int]:
    return {name: amount.value(-3 if name in MILLI else 0) for name, amount in pod_requests(pod).items()
            if amount.unscaled}


def _ports(spec: Tree) -> tuple[Port, ...]:
    return tuple(Port(port.get("protocol") or "TCP", port.get("hostIP") or "0.0.0.0", port["hostPort"])
                 for container in spec.get("containers") or () for port in container.get("ports") or ()
                 if port.get("hostPort"))
