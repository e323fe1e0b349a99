"""PodResizeValidator: a pod on a node is resized only on Linux, and not beyond what the node has.

Behaviour: kubernetes `plugin/pkg/admission/podresize/admission.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orlop.admission.interface import UPDATE, Attributes
from orlop.admission.quota_pod_sums import pod_requests
from orlop.admission.second_look import CatchUp, second_look
from orlop.api.amounts import ZERO, read
from orlop.api.errors import APIError
from orlop.api.field import quote
from orlop.api.gvk import GroupResource, GroupVersionResource
from orlop.api.tree import Tree

_PODS: Final = GroupResource("", "pods")
_SYSTEM: Final = "kubernetes.io/os"

Node = Callable[[str], Tree | None]


class PodResizeValidator:
    """`node` gives a node by its name."""

    name = "PodResizeValidator"

    def __init__(self, node: Node, catch_up: CatchUp | None = None) -> None:
        self._node = node
        self.validate = second_look(self._validate, catch_up)

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == _PODS and subresource == "resize" and operation == UPDATE

    def _validate(self, attributes: Attributes) -> None:
        pod, old = attributes.obj, attributes.old
        assert pod is not None and old is not None
        name = (pod.get("spec") or {}).get("nodeName")
        if not name or pod["metadata"].get("generation") == old["metadata"].get("generation"):
            return
        node = self._node(name)
        if node is None:
            raise attributes.forbidden(f"node {quote(name)} not found")
        system = (node["metadata"].get("labels") or {}).get(_SYSTEM, "linux")
        if system != "linux":
            raise _refusal(attributes, "UnsupportedPlatform", "pod resize is only supported on linux nodes, node "
                                                              f"{quote(name)} is {quote(system)}")
        if lacking := _lacking(pod, node):
            raise _refusal(attributes, "NodeCapacity", f"node didn't have enough allocatable resources: {lacking}")


def _refusal(attributes: Attributes, cause: str, why: str) -> APIError:
    refusal = attributes.forbidden(why)
    refusal.details = {**(refusal.details or {}), "causes": [{"reason": cause}]}
    return refusal


def _lacking(pod: Tree, node: Tree) -> str:
    wanted = pod_requests({"metadata": pod["metadata"], "spec": pod["spec"]})
    given = read((node.get("status") or {}).get("allocatable"))
    found = []
    cpu, has_cpu = wanted.get("cpu", ZERO), given.get("cpu", ZERO)
    if cpu.compare(has_cpu) > 0:
        found.append(f"cpu, requested: {cpu.milli_value()}, allocatable: {has_cpu.milli_value()}")
    memory, has_memory = wanted.get("memory", ZERO), given.get("memory", ZERO)
    if memory.compare(has_memory) > 0:
        found.append(f"memory, requested: {memory.value()}, allocatable: {has_memory.value()}")
    return "; ".join(found)
