"""The pods of a workload: made and deleted, known at once, and told about.

Used by the controllers of ReplicaSets and Jobs. Behaviour and texts of the events: kubernetes
`pkg/controller/controller_utils.go` (RealPodControl).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from orlop.api.errors import APIError
from orlop.api.tree import Tree
from orlop.controllers.event_recorder import NORMAL, WARNING, EventRecorder
from orlop.controllers.workloads.dependents import Dependents
from orlop.controllers.writer import Writer

CreatePod: TypeAlias = Callable[[str, Tree], Awaitable[str]]
"""Creates a pod in a namespace; its name. Raises APIError."""


class PodControl:
    """`pods` learns of each at once: events of the watch may come later than the controller's next look."""

    def __init__(self, writer: Writer, create_pod: CreatePod, pods: Dependents, events: EventRecorder) -> None:
        self._writer, self._create_pod, self._pods, self._events = writer, create_pod, pods, events

    async def create(self, owner: Tree, pod: Tree) -> None:
        """`owner` is an object reference. Raises APIError."""
        namespace = owner["namespace"]
        try:
            name = await self._create_pod(namespace, pod)
        except APIError as error:
            if self._writer.peek("", "namespaces", "", namespace) is not None:
                self._events.record(owner, WARNING, "FailedCreate", f"Error creating: {error.message}")
            raise
        self._note(namespace, name)
        self._events.record(owner, NORMAL, "SuccessfulCreate", f"Created pod: {name}")

    async def delete(self, owner: Tree, name: str) -> None:
        """One that is gone is deleted. Raises APIError."""
        namespace = owner["namespace"]
        try:
            await self._writer.delete("", "pods", namespace, name)
        except APIError as error:
            if error.code != 404:
                self._events.record(owner, WARNING, "FailedDelete", f"Error deleting: {error.message}")
                raise
        else:
            self._events.record(owner, NORMAL, "SuccessfulDelete", f"Deleted pod: {name}")
        self._note(namespace, name)

    def _note(self, namespace: str, name: str) -> None:
        entry = self._writer.peek("", "pods", namespace, name)
        if entry is not None:
            self._pods.note(entry)
