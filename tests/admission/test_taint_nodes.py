"""New nodes are tainted until they are ready."""

from __future__ import annotations

from orlop.admission.interface import CREATE, UPDATE, Attributes
from orlop.admission.taint_nodes import TaintNodesByCondition
from orlop.api.context import Context
from orlop.api.gvk import GroupVersionKind, GroupVersionResource
from orlop.api.tree import Tree

NODES = GroupVersionResource("", "v1", "nodes")
TAINT = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def admitted(node: Tree) -> Tree:
    kind = GroupVersionKind("", "v1", "Node")
    TaintNodesByCondition().admit(Attributes(Context(), CREATE, kind, NODES, "", "", "n", node, None, False))
    return node


def test_a_new_node_gets_the_taint_once() -> None:
    """The taint comes after those sent, and is not repeated."""
    other = {"key": "a", "effect": "NoExecute"}
    assert admitted({"metadata": {"name": "n"}})["spec"]["taints"] == [TAINT]
    assert admitted({"metadata": {}, "spec": {"taints": [other]}})["spec"]["taints"] == [other, TAINT]
    assert admitted({"metadata": {}, "spec": {"taints": [TAINT]}})["spec"]["taints"] == [TAINT]


def test_only_creations_of_nodes_concern_it() -> None:
    """Updates, subresources and other kinds pass it by."""
    plugin = TaintNodesByCondition()
    assert plugin.handles(NODES, "", CREATE)
    assert not plugin.handles(NODES, "", UPDATE)
    assert not plugin.handles(NODES, "status", CREATE)
    assert not plugin.handles(GroupVersionResource("", "v1", "pods"), "", CREATE)
