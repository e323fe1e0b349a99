"""Whether a pod may be where other pods are: required pod affinity and anti-affinity.

Used by `scheduler_filters`, once for each pod that has such terms, or that pods with anti-affinity may object to.
Behaviour: kubernetes `pkg/scheduler/framework/plugins/interpodaffinity/filtering.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from orlop.api import labels
from orlop.api.tree import Tree
from orlop.controllers.scheduler_node import NodeState
from orlop.controllers.scheduler_pod import PodFacts

EXISTING_OBJECT: Final = "node(s) didn't satisfy existing pods anti-affinity rules"
NO_AFFINITY: Final = "node(s) didn't match pod affinity rules"
ANTI_AFFINITY: Final = "node(s) didn't match pod anti-affinity rules"

NamespaceLabels = Callable[[str], Mapping[str, str]]
Places = dict[tuple[str, str], bool]
"""(topology key, value) of places that are meant."""


class Surroundings:
    """What the pods of a cluster mean for one more. `objectors`: placed pods with anti-affinity."""

    def __init__(self, pod: PodFacts, nodes: Mapping[str, NodeState], objectors: Iterable[PodFacts],
                 namespaces: NamespaceLabels) -> None:
        self._namespaces = namespaces
        self._forbidden: Places = {}
        for other in objectors:
            home = nodes.get(other.node)
            for term in other.affinity("podAntiAffinity"):
                if home is not None and self._means(term, other.namespace, pod):
                    _add(self._forbidden, home, term)
        self._near = pod.affinity("podAffinity")
        self._far = [(term, self._places(term, pod, nodes)) for term in pod.affinity("podAntiAffinity")]
        self._wanted = [(term, self._places(term, pod, nodes)) for term in self._near]
        self._first = bool(self._near) and not any(places for _, places in self._wanted) and all(
            self._means(term, pod.namespace, pod) for term in self._near)

    def refusal(self, node: NodeState) -> str:
        """Why the node is out of the question, "" when it is not."""
        for term, places in self._wanted:
            value = node.labels.get(term.get("topologyKey", ""))
            if value is None or not (self._first or (term["topologyKey"], value) in places):
                return NO_AFFINITY
        for term, places in self._far:
            value = node.labels.get(term.get("topologyKey", ""))
            if value is not None and (term["topologyKey"], value) in places:
                return ANTI_AFFINITY
        for key, value in self._forbidden:
            if node.labels.get(key) == value:
                return EXISTING_OBJECT
        return ""

    def _places(self, term: Tree, pod: PodFacts, nodes: Mapping[str, NodeState]) -> Places:
        places: Places = {}
        for node in nodes.values():
            if any(self._means(term, pod.namespace, other) for other in node.pods.values()):
                _add(places, node, term)
        return places

    def _means(self, term: Tree, home: str, pod: PodFacts) -> bool:
        """Whether a term of a pod in namespace `home` is about `pod`."""
        return self._in_namespace(term, home, pod.namespace) and labels.from_label_selector(
            term.get("labelSelector")).matches(dict(pod.labels))

    def _in_namespace(self, term: Tree, home: str, namespace: str) -> bool:
        named, selector = term.get("namespaces") or [], term.get("namespaceSelector")
        if not named and selector is None:
            return namespace == home
        if namespace in named:
            return True
        return selector is not None and labels.from_label_selector(selector).matches(dict(self._namespaces(namespace)))


def _add(places: Places, node: NodeState, term: Tree) -> None:
    key = term.get("topologyKey", "")
    value = node.labels.get(key)
    if value is not None:
        places[key, value] = True
