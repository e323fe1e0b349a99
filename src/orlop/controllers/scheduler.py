"""The scheduler: gives pods without a node one, the most important first.

Follows pods and nodes; keeps in memory what every node has and what is taken of it, so that a decision costs a look at
each node and nothing else. Binds through the pods' `binding` room. Leaves alone pods of other schedulers and pods with
gates, and does nothing at all while there are no nodes. Makes no room by evicting others (no preemption), and knows
no preferences (preferred affinity, PreferNoSchedule, topology spread): of the nodes that can take a pod the one with
the fewest pods of the same owner wins, then the one with the most room. Plays the part of kubernetes
`pkg/scheduler/schedule_one.go`.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Protocol

from orlop.api import times as instants
from orlop.api.context import Context
from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind
from orlop.api.options import CreateOptions
from orlop.api.times import Instant
from orlop.api.tree import Tree
from orlop.controllers.scheduler_affinity import Surroundings
from orlop.controllers.scheduler_filters import refusals, told
from orlop.controllers.scheduler_node import NodeState
from orlop.controllers.scheduler_pod import DEFAULT_SCHEDULER, PodFacts, facts_of
from orlop.controllers.writer import Writer, admit_all
from orlop.kinds.pod_conditions import set_condition
from orlop.registry.interface import Admit
from orlop.registry.store import Store
from orlop.storage.interface import DELETED, Event
from orlop.storage.predicate import EVERYTHING

log = logging.getLogger(__name__)

TURN: Final = 32
"""Pods decided on in one turn of the loop."""
BINDINGS: Final = 64
"""Bindings under way at once; more decisions wait."""
RETRY: Final = 1.0
"""Seconds after which a pod is tried again whose binding failed."""
SECOND_LOOK: Final = 0.2
"""Seconds in which changes are gathered before pods that found no node are looked at again."""
MESSAGE: Final = 1024
_EVENT: Final = GroupVersionKind("", "v1", "Event")


class Binder(Protocol):
    """The pods' `binding` room."""

    async def create(self, ctx: Context, name: str, obj: Tree, admit: Admit, options: CreateOptions) -> Tree: ...


class Scheduler:
    """`statuses` is the store of pods' status room. `instance`: who reports events. `now`: seconds since 1970."""

    def __init__(self, writer: Writer, bindings: Binder, statuses: Store, now: Callable[[], float],
                 instance: str = DEFAULT_SCHEDULER) -> None:
        self._writer, self._bindings, self._statuses, self._now = writer, bindings, statuses, now
        self._instance = instance
        self._pods, self._node_store = writer.stores[("", "pods")], writer.stores[("", "nodes")]
        self._nodes: dict[str, NodeState] = {}
        self._placed: dict[str, str] = {}
        """Key of a pod to the node whose room it takes, bound or about to be."""
        self._objectors: dict[str, PodFacts] = {}
        self._waiting: dict[str, PodFacts] = {}
        self._heap: list[tuple[tuple[int, float, str], str]] = []
        self._parked: dict[str, str] = {}
        """Pods that found no node, and what they were told. All these are bounded by the number of stored pods."""
        self._wake = asyncio.Event()
        self._room = asyncio.Semaphore(BINDINGS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._look_again: asyncio.TimerHandle | None = None

    def start(self) -> None:
        for entry in self._node_store.cache.select(EVERYTHING).entries:
            self._node(entry.key.rpartition("/")[2]).update(entry.tree())
        for entry in self._pods.cache.select(EVERYTHING).entries:
            self._learn(facts_of(entry.key, entry.tree()))
        self._subscribers = [self._node_store.cache.subscribe(EVERYTHING, self._on_nodes, lasting=True),
                             self._pods.cache.subscribe(EVERYTHING, self._on_pods, lasting=True)]
        self._spawn(self._run())

    async def stop(self) -> None:
        for subscriber in self._subscribers:
            subscriber.cancel()
        if self._look_again is not None:
            self._look_again.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- what there is -------------------------------------------------------------------------------------------

    def _node(self, name: str) -> NodeState:
        found = self._nodes.get(name)
        if found is None:
            found = self._nodes[name] = NodeState(name)
        return found

    def _on_nodes(self, events: Sequence[Event]) -> None:
        changed = False
        for event in events:
            name = event.entry.key.rpartition("/")[2]
            node = self._node(name)
            if event.type != DELETED:
                changed |= node.update(event.entry.tree())
            elif node.pods:
                node.exists = False
            else:
                del self._nodes[name]
        if changed:
            self._second_look()

    def _on_pods(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.type == DELETED:
                self._forget(event.entry.key)
            else:
                self._learn(facts_of(event.entry.key, event.entry.tree()))

    def _learn(self, pod: PodFacts) -> None:
        if pod.holding:
            self._place(pod, pod.node)
            self._no_longer_waits(pod.key)
        elif not pod.waiting:
            self._forget(pod.key)
        elif pod.key not in self._placed:  # else it is about to be bound
            before = self._waiting.get(pod.key)
            self._waiting[pod.key] = pod
            if before is None or before.spec != pod.spec or before.labels != pod.labels:
                self._push(pod)

    def _push(self, pod: PodFacts) -> None:
        heapq.heappush(self._heap, (pod.order, pod.key))
        self._wake.set()

    def _no_longer_waits(self, key: str) -> None:
        self._waiting.pop(key, None)
        self._parked.pop(key, None)

    def _forget(self, key: str) -> None:
        self._no_longer_waits(key)
        if key in self._placed:
            self._displace(key)
            self._second_look()

    def _place(self, pod: PodFacts, name: str) -> None:
        if pod.key in self._placed:
            self._displace(pod.key)
        self._placed[pod.key] = name
        self._node(name).add(pod)
        if pod.affinity("podAntiAffinity"):
            self._objectors[pod.key] = pod

    def _displace(self, key: str) -> None:
        name = self._placed.pop(key)
        self._objectors.pop(key, None)
        node = self._nodes[name]
        node.remove(key)
        if not node.exists and not node.pods:
            del self._nodes[name]

    def _second_look(self) -> None:
        """Something changed that may help those who found no node."""
        if self._look_again is None and (self._parked or self._waiting):
            self._look_again = asyncio.get_running_loop().call_later(SECOND_LOOK, self._unpark)

    def _unpark(self) -> None:
        self._look_again = None
        queued = {key for _, key in self._heap}
        for key, pod in self._waiting.items():
            if key not in queued:
                self._push(pod)

    # --- decisions -----------------------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        turn = 0
        while True:
            nodes = [node for node in self._nodes.values() if node.exists]
            if not nodes or not self._heap:
                self._wake.clear()
                if not nodes:
                    self._heap.clear()  # a node that comes has all looked at again
                await self._wake.wait()
                continue
            _, key = heapq.heappop(self._heap)
            pod = self._waiting.get(key)
            if pod is not None:
                await self._decide(pod, nodes)
            turn += 1
            if turn % TURN == 0:
                await asyncio.sleep(0)

    async def _decide(self, pod: PodFacts, nodes: Sequence[NodeState]) -> None:
        try:
            chosen, why = self._choose(pod, nodes)
        except ValueError as error:  # a selector that does not parse
            chosen, why = None, str(error)
        if chosen is None:
            if self._parked.get(pod.key) != why:
                self._parked[pod.key] = why
                self._spawn(self._tell_failure(pod, why))
            return
        await self._room.acquire()
        if self._waiting.get(pod.key) is not pod:
            self._room.release()
            if pod.key in self._waiting:
                self._push(self._waiting[pod.key])
            return
        self._no_longer_waits(pod.key)
        self._place(pod, chosen.name)
        self._spawn(self._bind(pod, chosen.name))

    def _choose(self, pod: PodFacts, nodes: Sequence[NodeState]) -> tuple[NodeState | None, str]:
        surroundings = None
        if self._objectors or pod.affinity("podAffinity") or pod.affinity("podAntiAffinity"):
            surroundings = Surroundings(pod, self._nodes, self._placed_objectors(), self._namespace_labels)
        reasons: list[list[str]] = []
        best: tuple[tuple[int, float, int, str], NodeState] | None = None
        for node in nodes:
            found = refusals(pod, node, surroundings)
            if found:
                reasons.append(found)
                continue
            same = node.owners[pod.owner] if pod.owner else 0
            rank = (same, -round(node.free_share(pod), 3), len(node.pods), node.name)
            if best is None or rank < best[0]:
                best = rank, node
        return (best[1], "") if best is not None else (None, told(len(nodes), reasons))

    def _placed_objectors(self) -> list[PodFacts]:
        return [self._nodes[self._placed[key]].pods[key] for key in self._objectors]

    def _namespace_labels(self, name: str) -> dict[str, str]:
        entry = self._writer.peek("", "namespaces", "", name)
        return (entry.tree()["metadata"].get("labels") or {}) if entry is not None else {}

    # --- writes --------------------------------------------------------------------------------------------------

    async def _bind(self, pod: PodFacts, node: str) -> None:
        binding: Tree = {"metadata": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid},
                         "target": {"kind": "Node", "name": node}}
        ctx = self._writer.context("", "pods", pod.namespace, pod.name)
        try:
            await self._bindings.create(ctx, pod.name, binding, admit_all, CreateOptions())
        except APIError as error:
            log.info("binding %s to %s failed: %s", pod.key, node, error.message)
            asyncio.get_running_loop().call_later(RETRY, self._try_again, pod)
            return
        finally:
            self._room.release()
        await self._tell(pod, "Normal", "Scheduled", "Binding",
                         f"Successfully assigned {pod.namespace}/{pod.name} to {node}")

    def _try_again(self, pod: PodFacts) -> None:
        entry = self._pods.cache.peek(pod.key)
        if pod.key in self._placed:
            self._displace(pod.key)
        if entry is not None:
            self._learn(facts_of(pod.key, entry.tree()))

    async def _tell_failure(self, pod: PodFacts, why: str) -> None:
        why = why if len(why) <= MESSAGE else f"{why[:MESSAGE - 4]} ..."

        def unschedulable(tree: Tree) -> bool:
            before = (tree.get("status") or {}).get("conditions")
            set_condition(tree, "PodScheduled", "False", self._now(), "Unschedulable", why)
            return bool(tree["status"]["conditions"] != before)

        try:
            await self._writer.change(self._statuses, "", "pods", pod.namespace, pod.name, unschedulable, uid=pod.uid)
        except APIError as error:
            if error.code not in (404, 409):
                log.warning("the status of %s: %s", pod.key, error.message)
        await self._tell(pod, "Warning", "FailedScheduling", "Scheduling", why)

    async def _tell(self, pod: PodFacts, kind: str, reason: str, action: str, note: str) -> None:
        now = self._now()
        stamp = instants.micro_text(Instant(int(now), int(now % 1 * 1e9)))
        event: Tree = {
            "metadata": {"name": f"{pod.name}.{int(now * 1e9):x}", "namespace": pod.namespace},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": pod.namespace, "name": pod.name,
                               "uid": pod.uid, "resourceVersion": pod.version},
            "reason": reason, "message": note, "type": kind, "action": action, "eventTime": stamp,
            "reportingComponent": DEFAULT_SCHEDULER, "reportingInstance": self._instance, "source": {}}
        try:
            await self._writer.create(_EVENT, "events", event)
        except APIError as error:
            log.info("an event about %s was refused: %s", pod.key, error.message)
