"""Keeps the graph of owners up with the stores: follows all their caches, and looks at what may matter.

Part of `garbage_collector`. In the very call that brings an event only the key is noted, and only when the object has
owner references, is being deleted, or is known to the graph: for all others an event costs two searches in bytes.
Noted keys are looked at a slice in each turn of the loop, always in their newest state, so that it does not matter
which events were told, or in which order. Plays the part of kube-controller-manager
`pkg/controller/garbagecollector/graph_builder.go` with its monitors.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from orlop.api.tree import Tree
from orlop.controllers.ownership_graph import Graph, Place, State
from orlop.controllers.ownership_kinds import OwnedKind, OwnedKinds
from orlop.controllers.ownership_verdict import wait_of
from orlop.storage.interface import DELETED, MODIFIED, Entry, Event
from orlop.storage.predicate import EVERYTHING
from orlop.storage.subscriptions import Subscriber

log = logging.getLogger(__name__)

SLICE: Final = 64
"""Objects looked at in one turn of the loop: each is decoded."""
SEARCH_SLICE: Final = 512
"""Bodies searched in one turn of the loop at the start."""

_REFERENCES: Final = b'"ownerReferences":['
"""Within a string the quotes would be escaped."""
_DELETING: Final = b'"deletionTimestamp":"'


class OwnershipFeed:
    """`examine` is called with keys of which something may be to do."""

    def __init__(self, kinds: OwnedKinds, examine: Callable[[str], None]) -> None:
        self.graph = Graph()
        self._kinds, self._examine = kinds, examine
        self._noted: dict[str, None] = {}
        """Keys to look at, each once: bounded by the number of stored objects."""
        self._wake = asyncio.Event()
        self._subscribers: dict[str, Subscriber] = {}
        """By prefix."""

    def follow(self, kind: OwnedKind) -> None:
        cache = kind.store.cache
        self._subscribers[kind.store.prefix] = cache.subscribe(EVERYTHING, self._on_events, lasting=True)

    def leave(self, prefix: str) -> None:
        """Follow a kind no longer."""
        subscriber = self._subscribers.pop(prefix, None)
        if subscriber is not None:
            subscriber.cancel()

    def stop(self) -> None:
        for subscriber in self._subscribers.values():
            subscriber.cancel()
        self._subscribers.clear()

    async def search(self, kind: OwnedKind) -> None:
        """Note what is there already, a slice in each turn of the loop."""
        slices = kind.store.cache.slices(EVERYTHING)
        try:
            while not slices.finished:
                for entry in slices.turn(SEARCH_SLICE):
                    body = entry.body
                    if _REFERENCES in body or _DELETING in body:
                        self._noted[entry.key] = None
                await asyncio.sleep(0)
        finally:
            slices.close()

    async def run(self) -> None:
        """Look at what is noted, for ever."""
        while True:
            await self.settle()
            self._wake.clear()
            await self._wake.wait()

    async def settle(self) -> None:
        """Return when the graph shows what the caches show."""
        while self._noted:
            self._look_at_some()
            if self._noted:
                await asyncio.sleep(0)

    def note(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._noted[key] = None
        self._wake.set()

    # --- events --------------------------------------------------------------------------------------------------

    def _on_events(self, events: Sequence[Event]) -> None:
        graph, noted = self.graph, self._noted
        for event in events:
            key = event.entry.key
            if key not in noted and self._matters(graph, key, event):
                noted[key] = None
        if noted:
            self._wake.set()

    def _matters(self, graph: Graph, key: str, event: Event) -> bool:
        if event.type == DELETED:
            return graph.knows(key)
        body = event.entry.body
        if _DELETING in body:
            return True
        if _REFERENCES not in body:
            return graph.knows(key) and not self._still_owner(graph, key, body)
        return not self._unchanged(graph, key, event)

    @staticmethod
    def _still_owner(graph: Graph, key: str, body: bytes) -> bool:
        """Whether the object is an owner and nothing else, and as such the one it was."""
        if key in graph.dependents or key in graph.waiting:
            return False
        return all(_has_uid(body, uid) is not owner.absent for uid, owner in graph.owners[key].items())

    @staticmethod
    def _unchanged(graph: Graph, key: str, event: Event) -> bool:
        """Whether a dependent has the references that it had, so that it need not be decoded."""
        before, known = event.previous, graph.dependents.get(key)
        if known is None or before is None or event.type != MODIFIED or key in graph.waiting:
            return False
        body = event.entry.body
        text = _references(body)
        return text != b"" and text == _references(before.body) and _has_uid(body, known.uid)

    # --- looking -------------------------------------------------------------------------------------------------

    def _look_at_some(self) -> None:
        noted = self._noted
        for _ in range(min(SLICE, len(noted))):
            key, _ = noted.popitem()
            try:
                self._look_at(key)
            except Exception:  # the others are not to suffer
                log.exception("the owners of %s cannot be told", key)

    def _look_at(self, key: str) -> None:
        kind = self._kinds.of(key)
        entry = None if kind is None else kind.store.cache.peek(key)
        state = None if kind is None or entry is None else self._state(kind, entry)
        found = self.graph.update(key, state)
        for look in found.look:
            self._noted[look] = None
        for examine in found.examine:
            self._examine(examine)

    def _state(self, kind: OwnedKind, entry: Entry) -> State:
        metadata = entry.tree()["metadata"]
        references: list[Tree] = metadata.get("ownerReferences") or []
        owners: dict[Place, bool] = {}
        if references:
            namespace, _ = kind.split(entry.key)
            for reference in references:
                place = self._kinds.place(reference, namespace)
                if place is None:  # no owner that the graph could know: somebody is to be told
                    self._examine(entry.key)
                else:
                    owners[place] = bool(reference.get("blockOwnerDeletion")) or owners.get(place, False)
        return State(metadata.get("uid", ""), owners, wait_of(metadata))


def _has_uid(body: bytes, uid: str) -> bool:
    return b'"uid":"%b"' % uid.encode() in body


def _references(body: bytes) -> bytes:
    """The text of the references, b"" when only decoding could tell where it ends."""
    start = body.find(_REFERENCES)
    end = body.find(b"}]", start)
    text = body[start:end]
    return text if start >= 0 and b"\\" not in text and text.count(b'"') % 2 == 0 else b""
